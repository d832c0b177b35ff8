"""Agents made of random steps, ended at random moments, followed by random clients.

Whatever happens, the log is well formed, everybody reads a part of that same log, and the time that
it all takes is bounded.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.events import Complete, Entry, Error, Text, encode, entry
from asgi_agent.runs import Run
from asgi_agent.runs.run import CLOSE_SECONDS, SHUTDOWN
from asgi_agent.testing import run
from tests.runs.faulty_log import FaultyLog
from tests.runs.programs import (
    Ask,
    CancelMyself,
    Program,
    Raise,
    Say,
    Shielded,
    Sleep,
    Step,
    Stop,
    Within,
    programs,
)
from tests.runs.stage import Stage, check_well_formed

FOREVER = 1e4  # seconds


@dataclass(frozen=True)
class Follow:
    """A client that comes, reads so many pages at such a pace, and leaves or stays to the end."""

    comes_at: float
    after: int = 0
    pace: float = 0
    pages: int | None = None


@dataclass(frozen=True)
class World:
    """All that happens to a run from outside."""

    meddling: tuple[tuple[float, str], ...] = ()
    followers: tuple[Follow, ...] = ()
    log_seconds: float = 0
    on_disconnect: Any = "continue"
    max_run_seconds: float | None = None
    max_run_bytes: int | None = None


moments = st.sampled_from([0.0, 0.1, 0.25, 1.0, 1.5, 4.0])
meddling = st.tuples(moments, st.sampled_from(["cancel", "stop", "answer", "inbox", "kill"]))
follows = st.builds(
    Follow,
    moments,
    st.integers(0, 3),
    st.sampled_from([0, 0.1, 2, FOREVER]),
    st.none() | st.integers(1, 3),
)
worlds = st.builds(
    World,
    st.lists(meddling, max_size=3).map(tuple),
    st.lists(follows, max_size=3).map(tuple),
    log_seconds=st.sampled_from([0, 0, 0.3]),
    on_disconnect=st.sampled_from(["continue", "cancel", 0.5]),
    max_run_seconds=st.sampled_from([None, None, 2]),
    max_run_bytes=st.sampled_from([None, None, 400]),
)


async def meddle(running: Run, moment: float, how: str) -> None:
    await asyncio.sleep(moment)
    match how:
        case "cancel":
            running.cancel()
        case "stop":
            running.stop(SHUTDOWN)
        case "answer":
            for question in running.dialogue.questions:
                running.dialogue.answer(question.id, True)
        case "inbox":
            running.dialogue.inbox.put(b"x")
        case _:
            for task in asyncio.all_tasks():
                if task.get_name() == f"run {running.id}":
                    task.cancel()


async def follow(stage: Stage, running: Run, client: Follow) -> list[Entry]:
    await asyncio.sleep(client.comes_at)
    read: list[Entry] = []
    count = 0
    async with aclosing(stage.runs.follow(running.id, client.after)) as pages:
        async for page in pages:
            assert page.entries
            read += [entry(seq, kept) for seq, kept in enumerate(page.entries, page.start)]
            count += 1
            if count == client.pages:
                break
            await asyncio.sleep(client.pace)
    return read


async def play(program: tuple[Step, ...], world: World) -> list[Entry]:
    """What the log of such a run has, once all its promises are seen to be kept."""
    agent = Program(program, [])
    log = FaultyLog(seconds=world.log_seconds)
    stage = Stage(
        agent,
        log=log,
        lead_bytes=250,
        patience=5,
        on_disconnect=world.on_disconnect,
        max_run_seconds=world.max_run_seconds,
        max_run_bytes=world.max_run_bytes,
    )
    running = await stage.start()
    agent.runs.append(running)
    followers = [asyncio.create_task(follow(stage, running, each)) for each in world.followers]
    meddlers = [asyncio.create_task(meddle(running, *each)) for each in world.meddling]

    await running.ended.wait()
    ended_at = asyncio.get_running_loop().time()
    kept = list((await log.inner.read(running.id, 0, 100_000)).entries)
    entries = [entry(seq, each) for seq, each in enumerate(kept, 1)]
    check_well_formed(entries)
    assert running.outcome is not None
    assert encode(running.outcome) == kept[-1]
    assert stage.ended == [running]

    await stage.runs.drain(0)  # its task ends, however the agent cleans up
    assert asyncio.get_running_loop().time() - ended_at <= CLOSE_SECONDS + 0.1
    for client, follower in zip(world.followers, followers, strict=True):
        read = await follower
        assert read == entries[client.after :][: len(read)]
        if client.pages is None and client.pace < FOREVER:
            assert read == entries[client.after :]
    await asyncio.gather(*meddlers, return_exceptions=True)
    assert list((await log.inner.read(running.id, 0, 100_000)).entries) == kept
    return entries


@given(programs, worlds)
@example((Say("a"), Sleep(1), Say("b")), World(meddling=((0.25, "cancel"),)))
@example((Ask(3), Say("b")), World(meddling=((0.25, "answer"),)))
@example((Within(1, (Say("x" * 300), Sleep(3))),), World(followers=(Follow(0, pace=FOREVER),)))
@example((Shielded((Sleep(3), Say("b")), (Sleep(3),)),), World(((0.1, "kill"),), log_seconds=0.3))
@example((Say("a"), CancelMyself(), Say(Complete("b"))), World(followers=(Follow(0),)))
@example((Say("a"), Raise(Stop)), World(log_seconds=0.3, followers=(Follow(4.0),)))
@example((Within(0.25, (Sleep(3),)),), World(((0.25, "cancel"),), log_seconds=0.3))
def test_whatever_happens_the_log_is_well_formed(program: tuple[Step, ...], world: World) -> None:
    # An agent that does not end in time is given up: it may be alive when all is over.
    entries = run(play(program, world), leaks=False)
    outcome = entries[-1].event
    if isinstance(outcome, Error) and outcome.code != "agent_error":
        assert "hunter2" not in outcome.error


def test_the_steps_do_what_they_say() -> None:
    """Else the property above would prove little."""
    program = (Shielded((Within(1, (Say("a"), Sleep(3))),), (Sleep(1),)), Ask(3), Say("b"))
    entries = run(play(program, World(meddling=((2.5, "answer"),))))
    assert [each.event for each in entries if each.type == "text"] == [
        Text("a"),
        Text("shielded"),
        Text("True"),
        Text("b"),
    ]
