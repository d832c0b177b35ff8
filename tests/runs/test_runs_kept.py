"""Whoever follows a run that is kept no longer, or does not read, or is the last to leave."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import Missing, Unavailable
from asgi_agent.events import BlockEnd, Cancelled, Complete, Text, entry
from asgi_agent.logs import DELETED
from asgi_agent.runs import Run
from asgi_agent.testing import run
from tests.runs.faulty_log import FaultyLog
from tests.runs.stage import Stage, saying

FOREVER = 1e6  # seconds


async def silent(turn: Turn) -> Any:
    yield "x"
    await asyncio.sleep(FOREVER)


async def ticking(turn: Turn) -> Any:
    for number in range(10):
        await asyncio.sleep(1)
        yield f"{number} "


def now() -> float:
    return asyncio.get_running_loop().time()


# What is kept no longer


def test_a_follower_that_comes_late_begins_with_the_oldest_entry_that_is_kept() -> None:
    async def main() -> None:
        stage = Stage(saying(*["x" * 100] * 100), keep_bytes=1000)
        running = await stage.start()
        await running.ended.wait()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            page = await anext(pages)
        assert page.start > 1
        assert page.start + len(page.entries) - 1 == page.last == 103

    run(main())


def test_a_run_that_was_deleted_before_its_end_was_read_still_tells_how_it_ended() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        running = await stage.start()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            await anext(pages)
            await asyncio.sleep(1.5)
            running.cancel("deleted")
            await running.ended.wait()
            await stage.runs.delete(running.id)
            page = await anext(pages)
            assert (page.start, page.is_end) == (4, True)  # 3 is kept no longer
            assert [entry(0, kept).event for kept in page.entries] == [
                BlockEnd("text", 0),
                Cancelled("deleted"),
            ]
            assert [each async for each in pages] == []

    run(main())


def test_a_run_that_is_deleted_while_it_is_read_ends_for_its_readers() -> None:
    async def main() -> None:
        stage = Stage(saying(*["x" * 40_000] * 4))
        running = await stage.start()
        await running.ended.wait()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            await anext(pages)
            await stage.runs.delete(running.id)
            async for page in pages:  # what it had read from the log before
                assert page.end != DELETED
        await stage.runs.delete(running.id)  # there is nothing left to do
        with pytest.raises(Missing):
            await stage.runs.read(running.id, 0)

    run(main())


def test_who_has_read_to_the_end_is_told_nothing_when_the_run_is_deleted() -> None:
    async def main() -> None:
        stage = Stage(ticking, keep_bytes=1)
        running = await stage.start()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            await anext(pages)
            running.cancel()
            await running.ended.wait()
            last = running.last
            page = await anext(pages)
            assert page.start == last
            await stage.runs.delete(running.id)
            assert [each async for each in pages] == []

    run(main())


def test_what_cannot_be_deleted_now_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        log = FaultyLog()
        stage = Stage(saying("x"), log=log)
        running = await stage.start()
        await running.ended.wait()
        log.is_down = True
        await stage.runs.delete(running.id)
        with pytest.raises(Unavailable):
            await stage.runs.read(running.id, 0)

    run(main())
    assert "could not be freed" in caplog.text


def test_nobody_waits_for_a_log_of_this_worker_alone() -> None:
    async def main() -> None:
        log = FaultyLog()
        stage = Stage(saying("x"), log=log)
        running = await stage.start()
        log.is_down = True
        with pytest.raises(Unavailable):
            await anext(stage.runs.follow(running.id))
        log.is_down = False

    run(main())


# Backpressure


async def talkative(turn: Turn) -> Any:
    for _ in range(100):
        yield "x" * 100
        await asyncio.sleep(0.01)


def test_a_follower_that_does_not_read_holds_the_run_until_it_is_cut_off() -> None:
    async def main() -> None:
        stage = Stage(talkative, lead_bytes=1000, patience=30)
        running = await stage.start()
        stalled = stage.runs.follow(running.id)
        read = list((await anext(stalled)).entries)
        await asyncio.sleep(20)
        held = running.last
        assert 8 <= held <= 12
        assert running.outcome is None
        await asyncio.sleep(9)
        assert running.last == held
        await asyncio.sleep(3)
        assert running.outcome == Complete("x" * 10_000)  # the run has gone on
        async for page in stalled:
            read += page.entries
        assert not running.readers
        # It was cut off after a whole entry, and can read the rest any time.
        rest = await stage.entries(running, len(read))
        assert [Text("x" * 100)] * 100 == [
            event
            for event in (
                *(entry(0, kept).event for kept in read),
                *(each.event for each in rest),
            )
            if isinstance(event, Text)
        ]

    run(main())


def test_a_follower_that_reads_slowly_loses_nothing_and_is_not_cut_off() -> None:
    async def main() -> None:
        stage = Stage(talkative, lead_bytes=1000, patience=30)
        running = await stage.start()
        count = 0
        async with aclosing(stage.runs.follow(running.id)) as pages:
            async for page in pages:
                count += len(page.entries)
                await asyncio.sleep(20)
        assert count == running.last == 103
        assert now() > 100  # the run has waited for it

    run(main())


def test_a_late_follower_of_a_long_backlog_is_not_outrun() -> None:
    """Nothing is lost: while it reads what was said before it came, the run waits for it too."""

    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(1000):
                yield "x" * 1000
                await asyncio.sleep(0.001)
            yield Complete("")

        stage = Stage(agent, lead_bytes=10_000, keep_bytes=300_000, patience=30)
        running = await stage.start()
        await asyncio.sleep(0.2)
        assert 150 < running.last < 250
        after = 0
        async with aclosing(stage.runs.follow(running.id)) as pages:
            async for page in pages:
                assert page.start == after + 1  # no gap
                after += len(page.entries)
                await asyncio.sleep(0.1)
        assert after == running.last == 1003

    run(main())


def test_a_cancelled_run_ends_at_once_though_a_follower_holds_it() -> None:
    async def main() -> None:
        stage = Stage(talkative, lead_bytes=100, patience=30)
        running = await stage.start()
        stalled = stage.runs.follow(running.id)
        await anext(stalled)
        await asyncio.sleep(5)
        running.cancel()
        await running.ended.wait()
        assert now() < 6
        await stalled.aclose()

    run(main())


def test_a_run_of_which_little_is_kept_goes_on_with_a_follower_that_reads() -> None:
    """What it missed it does not lag behind, once it has all that there is."""

    async def main() -> None:
        stage = Stage(talkative, lead_bytes=2000, keep_bytes=300, patience=30)
        running = await stage.start()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            async for _ in pages:
                await asyncio.sleep(0.15)
        assert running.outcome == Complete("x" * 10_000)
        assert now() < 30

    run(main())


# When everybody has left


async def follow_for(stage: Stage, running: Run, seconds: float) -> None:
    following = asyncio.create_task(stage.entries(running))
    await asyncio.sleep(seconds)
    following.cancel()
    await asyncio.wait([following])


def test_a_run_goes_on_when_everybody_has_left() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        running = await stage.start()
        await follow_for(stage, running, 2)
        await running.ended.wait()
        assert isinstance(running.outcome, Complete)

    run(main())


def test_a_run_may_end_when_the_last_follower_leaves() -> None:
    async def main() -> None:
        stage = Stage(ticking, on_disconnect="cancel")
        running = await stage.start()
        await asyncio.sleep(1.5)  # nobody has come yet: nobody has left
        staying = asyncio.create_task(follow_for(stage, running, 3))
        await follow_for(stage, running, 1)
        await asyncio.sleep(1)
        assert running.outcome is None
        await staying
        await running.ended.wait()
        assert now() == pytest.approx(4.5, abs=0.01)
        assert running.outcome == Cancelled("disconnected")

    run(main())


def test_a_run_may_give_some_grace_to_whoever_comes_back() -> None:
    async def main() -> None:
        stage = Stage(ticking, on_disconnect=2)
        running = await stage.start()
        await follow_for(stage, running, 1)
        await asyncio.sleep(1.5)
        await follow_for(stage, running, 0.2)  # in time; and the grace begins again
        await asyncio.sleep(1.9)
        assert running.outcome is None
        await running.ended.wait()
        assert now() == pytest.approx(4.7, abs=0.01)
        assert running.outcome == Cancelled("disconnected")

    run(main())


def test_a_run_with_a_follower_is_not_ended_by_the_grace_of_one_who_left() -> None:
    async def main() -> None:
        stage = Stage(ticking, on_disconnect=2)
        running = await stage.start()
        await follow_for(stage, running, 1)
        assert (await stage.entries(running))[-1].event == running.outcome
        assert isinstance(running.outcome, Complete)

    run(main())


def test_the_grace_of_a_run_that_has_ended_holds_nothing() -> None:
    async def main() -> None:
        stage = Stage(ticking, on_disconnect=1000)
        running = await stage.start()
        await follow_for(stage, running, 1)
        running.cancel("first")
        await running.ended.wait()
        assert running._grace is not None
        assert running._grace.cancelled()
        await follow_for(stage, running, 1)
        assert running.outcome == Cancelled("first")

    run(main())


def test_who_was_cut_off_has_left() -> None:
    async def main() -> None:
        stage = Stage(talkative, lead_bytes=1000, patience=30, on_disconnect="cancel")
        running = await stage.start()
        stalled = stage.runs.follow(running.id)
        await anext(stalled)
        await running.ended.wait()
        assert running.outcome == Cancelled("disconnected")
        assert now() == pytest.approx(30, abs=0.1)
        await stalled.aclose()

    run(main())
