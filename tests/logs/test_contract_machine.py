"""Any sequence of calls to an event log, against a model of a few plain lists.

Owners come and lose their lease, answers are lost and appends repeated, runs end and are deleted,
while followers join anywhere, leave, and come back to where they were.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from asgi_agent.errors import Closed, Diverged, Fenced, LogError, Missing
from asgi_agent.logs import DELETED
from tests.logs.stores import STORES, Open

T = TypeVar("T")
TTL = 1000.0  # seconds, of a clock that the machine moves itself: real time must not matter

batches = st.lists(st.binary(max_size=3), max_size=4)
numbers = st.integers(0, 12)


@dataclass
class Model:
    """What one run is to be."""

    entries: list[bytes] = field(default_factory=list[bytes])
    end: str | None = None
    epoch: int | None = None  # the newest
    is_leased: bool = False
    life: int = 0  # how often it was created


@dataclass
class Follower:
    """What somebody has read, from where on."""

    run: str
    life: int
    after: int
    seen: list[bytes] = field(default_factory=list[bytes])
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    unwatch: Any = None

    @property
    def position(self) -> int:
        return self.after + len(self.seen)


class LogMachine(RuleBasedStateMachine):
    """Two runs, and whoever owns and follows them."""

    open_store: Open
    runs = Bundle("runs")
    epochs: Bundle[tuple[str, int, int]] = Bundle("epochs")
    followers: Bundle[Follower] = Bundle("followers")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.models: dict[str, Model] = {}
        self.lives = 0
        self.watching: list[Follower] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def teardown(self) -> None:
        self.do(self.stack.aclose())
        self.loop.close()

    @initialize()
    def open(self) -> None:
        async def enter() -> Any:
            return await self.stack.enter_async_context(type(self).open_store())

        self.store = self.do(enter())
        self.log = self.store.log

    # What is said

    @rule(target=runs, run=st.sampled_from(["run", "other"]))
    def create(self, run: str) -> str:
        is_new = run not in self.models
        assert self.do(self.log.create(run, run.encode())) == is_new
        if is_new:
            self.lives += 1
            self.models[run] = Model(life=self.lives)
        return run

    def attempt(
        self, run: str, work: Coroutine[Any, Any, int], expected: type[LogError] | None
    ) -> None:
        if expected:
            with pytest.raises(expected):
                self.do(work)
        else:
            assert self.do(work) == len(self.models[run].entries)

    @rule(run=runs, entries=batches, end=st.none() | st.just("done"))
    def append(self, run: str, entries: list[bytes], end: str | None) -> None:
        model = self.models.get(run)
        expected = Missing if model is None else Closed if model.end else None
        if model and not expected:
            model.entries += entries
            model.end = end
        self.attempt(run, self.log.append(run, entries, end=end), expected)

    @rule(run=runs, entries=batches, end=st.none() | st.just("done"), times=st.integers(1, 3))
    def append_and_repeat(
        self, run: str, entries: list[bytes], end: str | None, times: int
    ) -> None:
        model = self.models.get(run)
        if model is None or model.end or not (entries or end):
            return
        at = len(model.entries)
        model.entries += entries
        model.end = end
        for _ in range(times):
            self.attempt(run, self.log.append(run, entries, at=at, end=end), None)

    @rule(run=runs, entries=batches.filter(bool), ahead=st.integers(1, 3))
    def append_after_what_was_lost(self, run: str, entries: list[bytes], ahead: int) -> None:
        if run in self.models:
            at = len(self.models[run].entries) + ahead
            self.attempt(run, self.log.append(run, entries, at=at), Diverged)

    @rule(run=runs)
    def delete(self, run: str) -> None:
        existed = self.models.pop(run, None)
        work = self.log.append(run, [], end=DELETED)
        if existed:
            self.do(work)
        else:
            self.attempt(run, work, Missing)

    # Who owns it

    @rule(target=epochs, run=runs)
    def claim(self, run: str) -> Any:
        model = self.models.get(run)
        if model is None:
            with pytest.raises(Missing):
                self.do(self.log.claim(run, TTL))
            return multiple()
        epoch = self.do(self.log.claim(run, TTL))
        assert (epoch is None) == (model.is_leased or model.end is not None)
        if epoch is None:
            return multiple()
        assert model.epoch is None or epoch > model.epoch
        model.epoch, model.is_leased = epoch, True
        return run, model.life, epoch

    @rule()
    def leases_run_out(self) -> None:
        self.do(self.store.pass_time(TTL * 1.5))
        for model in self.models.values():
            model.is_leased = False

    @rule(
        owner=epochs,
        entries=batches,
        ttl=st.sampled_from([0, TTL]),
        end=st.sampled_from([None] * 3 + ["done"]),
    )
    def append_as_owner(
        self, owner: tuple[str, int, int], entries: list[bytes], ttl: float, end: str | None
    ) -> None:
        run, life, epoch = owner
        model = self.models.get(run)
        if model is not None and model.life != life:
            return  # another run under the same name: run IDs are not used twice
        work = self.log.append(run, entries, epoch=epoch, ttl=ttl, end=end)
        if model is None:
            self.attempt(run, work, Missing)
        elif epoch != model.epoch:
            self.attempt(run, work, Fenced)
        elif model.end:
            self.attempt(run, work, Closed)
        else:
            model.entries += entries
            model.end = end
            model.is_leased = ttl > 0 and end is None
            self.attempt(run, work, None)

    # Who follows it

    @rule(target=followers, run=runs, after=numbers)
    def join(self, run: str, after: int) -> Any:
        if run not in self.models:
            with pytest.raises(Missing):
                self.do(self.log.watch(run, print))
            return multiple()
        model = self.models[run]
        follower = Follower(run, model.life, min(after, len(model.entries)))
        self.watch(follower)
        return follower

    def watch(self, follower: Follower) -> None:
        follower.woken.set()  # what was said before is to be read first
        follower.unwatch = self.do(self.log.watch(follower.run, follower.woken.set))
        self.watching.append(follower)

    @rule(follower=followers, limit=st.integers(1, 3))
    def read(self, follower: Follower, limit: int) -> None:
        model = self.models.get(follower.run)
        if model is None or model.life != follower.life:
            return  # it knows that the run is gone
        follower.woken.clear()
        page = self.do(self.log.read(follower.run, follower.position, limit))
        assert page.start == follower.position + 1
        assert page.last == len(model.entries)
        assert page.meta == follower.run.encode()
        assert len(page.entries) == min(limit, page.last - follower.position)
        follower.seen += page.entries
        assert page.is_end == (model.end is not None and follower.position == page.last)
        if follower.position < page.last:
            follower.woken.set()  # it knows that there is more

    @rule(follower=consumes(followers), comes_back=st.booleans(), target=followers)
    def leave(self, follower: Follower, comes_back: bool) -> Any:
        if follower in self.watching:
            self.watching.remove(follower)
            self.do(follower.unwatch())
        model = self.models.get(follower.run)
        if model is None or model.life != follower.life or not comes_back:
            return multiple()
        resumed = Follower(follower.run, follower.life, follower.position)
        self.watch(resumed)
        return resumed

    @invariant()
    def nobody_reads_anything_else(self) -> None:
        for follower in self.watching:
            model = self.models.get(follower.run)
            if model is not None and model.life == follower.life:
                assert follower.seen == model.entries[follower.after : follower.position]

    @invariant()
    def nobody_sleeps_while_there_is_more_to_read(self) -> None:
        for follower in self.watching:
            model = self.models.get(follower.run)
            if (
                model is None
                or model.life != follower.life
                or follower.position < len(model.entries)
            ):
                self.do(self.wait_for(follower))

    async def wait_for(self, follower: Follower) -> None:
        async with asyncio.timeout(5):
            await follower.woken.wait()

    @invariant()
    def the_log_is_what_the_model_is(self) -> None:
        for run, model in self.models.items():
            page = self.do(self.log.read(run, 0, 1000))
            assert (list(page.entries), page.end) == (model.entries, model.end)
            assert (page.lease is not None and page.lease > 0) == model.is_leased


@pytest.mark.parametrize("url", STORES)
def test_any_sequence_of_calls_does_what_the_model_does(url: str) -> None:
    machine = type("Machine", (LogMachine,), {"open_store": staticmethod(STORES[url])})
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=30))
