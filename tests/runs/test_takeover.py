"""Who takes over a run whose worker is lost, and what its agent finds there."""

import asyncio
import functools
from contextlib import aclosing
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.agents.adapt import as_agent, is_resumable
from asgi_agent.events import (
    AgentEvent,
    BlockEnd,
    BlockStart,
    Text,
    encode,
    entry,
)
from asgi_agent.logs import Page
from asgi_agent.runs import Run
from asgi_agent.runs.duties import KEEP_SECONDS
from asgi_agent.runs.record import RUN_LOST
from asgi_agent.runs.runs import TRIES
from asgi_agent.testing import run
from tests.runs.shared_log import Line, SharedLog, now
from tests.runs.stage import Stage, check_well_formed
from tests.runs.workers import LEASE, Pair, counter, steadfast, texts


def test_of_two_who_would_own_a_run_one_does() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        third = Stage(steadfast, log=Line(pair.store))
        running = await pair.one.start("30")
        followers = [
            asyncio.create_task(stage.entries(running))
            for stage in (pair.two, third, pair.two, third)
        ]
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(LEASE + 1)
        assert pair.two.runs.active_count + third.runs.active_count == 1
        for follower in followers:
            check_well_formed(await follower)

    run(main(), leaks=False)


def test_a_worker_that_is_lost_while_it_goes_on_with_a_run_is_replaced_too() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        third = Stage(steadfast, log=Line(pair.store))
        running = await pair.one.start("40")
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        second = pair.following(running)
        await asyncio.sleep(LEASE + 5)
        assert pair.two.runs.active_count == 1
        pair.lines[1].cut()
        entries = await asyncio.create_task(third.entries(running))
        check_well_formed(entries)
        assert texts(entries) == "".join(f"{number} " for number in range(40))
        second.cancel()

    run(main(), leaks=False)


def test_a_take_over_that_fails_is_tried_again() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        running = await pair.one.start("6")
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(LEASE)
        pair.lines[1].lose = 2
        entries = await pair.following(running)
        check_well_formed(entries)
        assert texts(entries) == "0 1 2 3 4 5 "

    run(main(), leaks=False)


def test_a_follower_that_leaves_does_not_stop_a_take_over() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        running = await pair.one.start("20")
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(LEASE)
        following = pair.following(running)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        following.cancel()
        await asyncio.sleep(1)
        assert pair.two.runs.active_count == 1
        await pair.two.runs.drain(60)

    run(main(), leaks=False)


def test_who_has_no_room_leaves_a_run_that_can_go_on_to_others() -> None:
    async def main() -> None:
        pair = Pair(steadfast, max_concurrent_sessions=1)
        running = await pair.one.start("10")
        await pair.two.start("40")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(30)
        assert not following.done()
        assert texts(await following) == "0 1 2 3 4 5 6 7 8 9 "

    run(main(), leaks=False)


def test_an_agent_cannot_go_on_where_what_it_said_is_kept_no_longer() -> None:
    async def main() -> None:
        pair = Pair(steadfast, keep_bytes=1000)
        running = await pair.one.start("30")
        await asyncio.sleep(20.5)
        pair.lines[0].cut()
        entries = await pair.following(running)
        assert entries[-1].event == RUN_LOST

    run(main(), leaks=False)


def test_a_run_that_nobody_follows_is_ended_when_somebody_asks_for_it() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("100")
        assert await pair.two.runs.ending(running.id) is None
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(30)
        ending = await pair.two.runs.ending(running.id)
        assert ending is not None
        assert (ending.outcome, ending.answer, ending.is_whole) == (RUN_LOST, "0 1 2 ", True)
        nothing = await pair.two.runs.ending("nothing")
        assert nothing is not None
        assert nothing.outcome == RUN_LOST

    run(main(), leaks=False)


class Fatal:
    """An agent whose worker is lost after so many seconds; and the workers, one after another."""

    resumable = True

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.store = SharedLog()
        self.lines: list[Line] = []
        self.tasks: list[asyncio.Task[Any]] = []

    async def __call__(self, turn: Turn) -> Any:
        await asyncio.sleep(self.seconds)
        self.lines[-1].cut()
        await asyncio.sleep(1e6)
        yield "never"

    async def lost(self) -> None:
        """The newest worker is."""
        while self.lines[-1].whole.is_set():
            await asyncio.sleep(0.1)

    def worker(self) -> Stage:
        self.lines.append(Line(self.store))
        return Stage(self, log=self.lines[-1])

    async def lose(self, running: Run) -> bool:
        """Whether one more worker goes on with the run, and is lost."""
        await self.lost()
        stage = self.worker()
        following = asyncio.create_task(stage.entries(running))
        self.tasks.append(following)
        lost = asyncio.create_task(self.lost())
        await asyncio.wait({lost, following}, return_when=asyncio.FIRST_COMPLETED)
        lost.cancel()
        return not following.done()


def test_a_run_with_which_every_worker_is_lost_is_not_tried_for_ever() -> None:
    async def main() -> None:
        fatal = Fatal()
        running = await fatal.worker().start()
        for _ in range(TRIES):
            assert await fatal.lose(running)
        assert not await fatal.lose(running)
        assert [each.event for each in await fatal.tasks[-1]] == [RUN_LOST]

    run(main(), leaks=False)


def test_a_run_whose_workers_are_lost_now_and_then_goes_on_each_time() -> None:
    async def main() -> None:
        fatal = Fatal(1.5 * KEEP_SECONDS)
        running = await fatal.worker().start()
        for _ in range(2 * TRIES):
            assert await fatal.lose(running)

    run(main(), leaks=False)


def test_a_run_that_is_handed_over_as_often_as_one_likes_goes_on() -> None:
    async def main() -> None:
        fatal = Fatal(1e6)
        stage = fatal.worker()
        running = await stage.start()
        for _ in range(2 * TRIES):
            await stage.runs.drain(0)
            stage = fatal.worker()
            fatal.tasks.append(asyncio.create_task(stage.entries(running)))
            async with asyncio.timeout(LEASE):
                while not stage.runs.active_count:
                    await asyncio.sleep(0.1)
        assert not fatal.tasks[-1].done()

    run(main(), leaks=False)


def test_to_know_that_a_run_goes_on_nobody_reads_what_it_has_said() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("5")
        await asyncio.sleep(3.5)
        line, asked = pair.lines[1], list[int]()
        read = line.read

        async def count(run: str, after: int, limit: int = 256) -> Page:
            asked.append(limit)
            return await read(run, after, limit)

        line.read = count  # type: ignore[method-assign]
        assert await pair.two.runs.ending(running.id) is None
        assert asked == [1]
        await running.ended.wait()

    run(main())


def test_a_run_that_nobody_claims_is_ended_after_the_time_of_a_lease() -> None:
    async def main() -> None:
        pair = Pair(counter)
        await pair.store.create("run")
        await pair.store.append("run", [encode(BlockStart("text", 0)), encode(Text("a"))])
        said: list[AgentEvent] = []
        async with aclosing(pair.one.runs.follow("run")) as pages:
            async for page in pages:
                said += [entry(0, kept).event for kept in page.entries]
        assert said == [BlockStart("text", 0), Text("a"), BlockEnd("text", 0), RUN_LOST]
        assert now() == pytest.approx(LEASE, abs=0.1)

    run(main())


# Who can go on


def test_an_adapted_agent_can_go_on_if_what_it_wraps_can() -> None:
    async def alone(turn: Turn) -> str:
        return "x"

    alone.resumable = True  # type: ignore[attr-defined]
    assert is_resumable(as_agent(alone))
    assert is_resumable(as_agent(functools.partial(functools.partial(steadfast))))
    assert is_resumable(as_agent(functools.partial(alone)))
    assert not is_resumable(as_agent(functools.partial(counter)))

    class Agent:
        resumable = False

        async def __call__(self, turn: Turn) -> Any:
            yield "x"

    assert not is_resumable(as_agent(Agent()))
