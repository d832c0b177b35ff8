"""Three workers, one log and random faults: nothing is lost, doubled or told twice.

Whatever happens to the workers and their lines to the store, every follower that comes back has
read the whole log, in order and once, and the log has one terminal event, at its end.
"""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from asgi_agent import Turn
from asgi_agent.errors import BadRequest, LogError
from asgi_agent.events import Complete, Data, Entry, Text, encode, entry
from asgi_agent.runs import Run, Steering
from asgi_agent.testing import run
from tests.runs.shared_log import Line, SharedLog
from tests.runs.stage import Stage, check_well_formed

WORDS = 12
WORKERS = 3


async def forgetful(turn: Turn) -> Any:
    for number in range(WORDS):
        await asyncio.sleep(1)
        yield f"{number} "
    yield Data("answer", await turn.ask("More?"))


async def steadfast(turn: Turn) -> Any:
    said = sum(isinstance(event, Text) for event in turn.said)
    for number in range(said, WORDS):
        await asyncio.sleep(1)
        yield f"{number} "
    if not any(isinstance(event, Data) for event in turn.said):
        yield Data("answer", await turn.ask("More?"))


steadfast.resumable = True  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Fault:
    """After so many seconds, this happens to this worker."""

    after: float
    what: str
    worker: int = 0


@dataclass
class Client:
    """Follows a run now here, now there, and goes on where it was."""

    read: list[Entry] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def follow(self, stage: Stage, running: Run) -> None:
        async with aclosing(stage.runs.follow(running.id, len(self.read))) as pages:
            async for page in pages:
                assert page.start == len(self.read) + 1
                self.read += (entry(seq, kept) for seq, kept in enumerate(page.entries, page.start))

    async def leave(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError, LogError):
                await self.task

    async def go_to(self, stage: Stage, running: Run) -> None:
        await self.leave()
        self.task = asyncio.create_task(self.follow(stage, running))


class World:
    """Three workers, and a run that one of them has begun."""

    def __init__(self, agent: Any) -> None:
        self.store = SharedLog()
        self.lines = [Line(self.store) for _ in range(WORKERS)]
        self.stages = [Stage(agent, log=line) for line in self.lines]
        self.clients = [Client(), Client()]
        self.steering: list[asyncio.Task[None]] = []

    async def happen(self, fault: Fault, running: Run) -> None:  # noqa: C901 - a table
        line, stage = self.lines[fault.worker], self.stages[fault.worker]
        match fault.what:
            case "cut":
                line.cut()
            case "down":
                line.is_down = True
            case "deaf":
                line.is_deaf = True
            case "lose":
                line.lose += 2
            case "mend":
                self.mend(line)
            case "drain":
                if line.whole.is_set() and not line.is_down:
                    await stage.runs.drain(0)
                    stage.runs.reopen()
            case "cancel":
                self.steer(Steering(stage.runs).cancel(running.id))
            case "answer":
                self.steer(self.answer(Steering(stage.runs), running))
            case "first" | "second":
                await self.clients[fault.what == "second"].go_to(stage, running)

    def steer(self, what: Any) -> None:
        async def quietly() -> None:
            with suppress(BadRequest, LogError):
                await what

        self.steering.append(asyncio.create_task(quietly()))

    async def answer(self, steering: Steering, running: Run) -> None:
        for question in await steering.questions(running.id):
            await steering.answer(running.id, question.id, "yes")

    def mend(self, line: Line) -> None:
        line.mend()
        line.is_down = line.is_deaf = False

    async def end(self, running: Run) -> list[Entry]:
        """All is well again: the run ends, and the clients come back."""
        for line in self.lines:
            self.mend(line)
            line.lose = 0
        answering = asyncio.create_task(self.answer_all(running))
        for client in self.clients:
            await client.leave()
            await client.follow(self.stages[1], running)
        await answering
        await asyncio.gather(*self.steering)
        await asyncio.sleep(30)  # who has lost the run finds out
        for stage in self.stages:
            assert stage.runs.active_count == 0
            await stage.runs.drain(0)
        page = await self.store.read(running.id, 0, 10_000)
        assert page.end is not None
        return [entry(seq, kept) for seq, kept in enumerate(page.entries, page.start)]

    async def answer_all(self, running: Run) -> None:
        while (await self.store.read(running.id, 0)).end is None:
            with suppress(BadRequest, LogError):
                await self.answer(Steering(self.stages[2].runs), running)
            await asyncio.sleep(1)


async def play(agent: Any, faults: list[Fault]) -> list[Entry]:
    world = World(agent)
    running = await world.stages[0].start()
    for client in world.clients:
        await client.go_to(world.stages[1], running)
    for fault in faults:
        await asyncio.sleep(fault.after)
        await world.happen(fault, running)
    entries = await world.end(running)
    check_well_formed(entries)
    kept = [encode(each.event) for each in entries]
    for client in world.clients:
        assert client.read == entries
    for line in world.lines:
        for key, first, appended in line.acknowledged:
            if key == running.id:
                assert kept[first - 1 : first - 1 + len(appended)] == appended
    check_words(entries)
    return entries


def check_words(entries: list[Entry]) -> None:
    """What was said is what the agent says, as far as it came, and no question comes twice."""
    said = "".join(each.event.content for each in entries if isinstance(each.event, Text))
    whole = "".join(f"{number} " for number in range(WORDS))
    assert whole.startswith(said)
    assert sum(each.type == "question" for each in entries) <= 1
    if isinstance(entries[-1].event, Complete):
        assert said == whole
        assert [each.event for each in entries if each.type == "data"] == [Data("answer", "yes")]


delays = st.sampled_from([0, 0.1, 0.5, 1, 3, 5, 11])
numbers = st.integers(0, WORKERS - 1)
happenings = st.sampled_from(
    [
        *("cut", "cut", "mend", "mend", "down", "deaf", "lose", "drain"),
        *("cancel", "answer", "first", "second"),
    ]
)
histories = st.lists(st.builds(Fault, delays, happenings, numbers), max_size=8)
agents = st.sampled_from([forgetful, steadfast])


@settings(max_examples=200)
@given(agents, histories)
@example(steadfast, [Fault(3, "cut"), Fault(11, "mend")])
@example(forgetful, [Fault(3, "cut"), Fault(11, "mend")])
@example(steadfast, [Fault(3, "cut"), Fault(11, "cut", 1), Fault(0, "first", 2)])
@example(forgetful, [Fault(3, "down"), Fault(3, "mend")])
@example(forgetful, [Fault(3, "down", 0), Fault(0, "down", 1), Fault(11, "mend")])
@example(steadfast, [Fault(3, "lose"), Fault(1, "lose"), Fault(1, "lose")])
@example(steadfast, [Fault(3, "drain"), Fault(3, "drain", 1)])
@example(steadfast, [Fault(3, "cut"), Fault(0, "cancel", 2), Fault(5, "mend")])
@example(forgetful, [Fault(0.1, "cancel", 2), Fault(0, "cancel", 0)])
@example(steadfast, [Fault(11, "answer", 2), Fault(3, "answer", 0), Fault(0, "cut")])
@example(steadfast, [Fault(11, "first", 0), Fault(5, "cut"), Fault(11, "answer", 1)])
def test_whatever_happens_to_the_workers_nothing_is_lost_or_told_twice(
    agent: Any, faults: list[Fault]
) -> None:
    run(play(agent, faults))


def test_the_faults_do_what_they_say() -> None:
    """Else the property above would prove little."""
    entries = run(play(steadfast, [Fault(3, "cut"), Fault(11, "mend")]))
    assert isinstance(entries[-1].event, Complete)
    entries = run(play(forgetful, [Fault(3, "cut"), Fault(11, "mend")]))
    assert entries[-1].type == "error"
    entries = run(play(forgetful, [Fault(3, "cancel", 2)]))
    assert entries[-1].type == "cancelled"
