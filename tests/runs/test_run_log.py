"""A run whose log is slow, or fails: what was said is in it once, and the end after it."""

import asyncio
import logging
from contextlib import aclosing
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import BeingBegun, SessionBusy, Unavailable
from asgi_agent.events import (
    BlockEnd,
    BlockStart,
    Complete,
    Error,
    Text,
    Thinking,
)
from asgi_agent.logs import MemoryLog
from asgi_agent.runs import Asked
from asgi_agent.runs.run import LOG_FAILED, SHUTDOWN
from asgi_agent.testing import run, settle
from tests.runs.faulty_log import FaultyLog
from tests.runs.stage import Stage, check_well_formed, saying

FOREVER = 1e6  # seconds


async def three_steps(turn: Turn) -> Any:
    yield Thinking("a")
    await asyncio.sleep(1)
    yield "b"
    await asyncio.sleep(1)
    yield "c"


@pytest.mark.parametrize("fault", ["refused", "answer lost"])
@pytest.mark.parametrize("good", [0, 1])
def test_what_was_said_before_the_log_failed_is_in_it_once_and_then_the_failure(
    fault: str, good: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        log = FaultyLog(*[""] * good, fault)
        stage = Stage(three_steps, log=log)
        running = await stage.start()
        await running.ended.wait()
        entries = await stage.logged(running)
        check_well_formed(entries)
        assert running.outcome == LOG_FAILED == entries[-1].event
        said = [each.event for each in entries if isinstance(each.event, Text | Thinking)]
        assert said == [Thinking("a"), Text("b")][: good + 1]

    run(main())
    assert "hunter2" in caplog.text  # the cause is for us


@pytest.mark.parametrize("faults", [["refused"] * 3, ["answer lost"] * 3])
def test_a_run_ends_even_if_its_end_cannot_be_logged(
    faults: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        stage = Stage(three_steps, log=FaultyLog(*faults))
        running = await stage.start()
        await running.ended.wait()
        assert running.outcome == LOG_FAILED
        assert stage.ended == [running]
        assert stage.runs.active_count == 0

    run(main())
    assert "its end could not be logged" in caplog.text


def test_the_last_append_may_fail_too(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        stage = Stage(saying("x"), log=FaultyLog("refused"))
        running = await stage.start()
        await running.ended.wait()
        assert running.outcome == Complete("x")
        assert await stage.logged(running) == []

    run(main())
    assert "its end could not be logged" in caplog.text


def test_a_run_that_cannot_be_created_is_not_counted() -> None:
    async def main() -> None:
        log = FaultyLog()
        log.is_down = True
        stage = Stage(saying("x"), log=log, max_concurrent_sessions=1)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await stage.start()
        assert stage.runs.active_count == 0
        log.is_down = False
        await stage.play()

    run(main())


def test_a_run_that_cannot_be_claimed_does_not_begin() -> None:
    async def main() -> None:
        log = FaultyLog()
        stage = Stage(saying("x"), log=log)
        await log.inner.create("run")
        await log.inner.claim("run", 10)  # by somebody else
        with pytest.raises(BeingBegun):
            await stage.runs.start(Asked("hi"), stage.end, run_id="run")
        assert stage.runs.active_count == 0
        await log.inner.append("run", [b"text\ndata: {}"])
        with pytest.raises(SessionBusy, match="has begun before"):
            await stage.runs.start(Asked("hi"), stage.end, run_id="run")

    run(main())


def test_a_run_that_is_begun_again_on_its_own_worker_goes_on() -> None:
    async def main() -> None:
        stage = Stage(three_steps, log=FaultyLog())
        running = await stage.runs.start(Asked("hi"), stage.end, run_id="run")
        with pytest.raises(BeingBegun):
            await stage.runs.start(Asked("hi"), stage.end, run_id="run")
        assert stage.runs.get("run") is running
        check_well_formed(await stage.entries(running))
        assert stage.runs.active_count == 0

    run(main())


def test_a_slow_log_changes_nothing_but_the_time() -> None:
    async def main() -> None:
        stage = Stage(three_steps, log=FaultyLog(seconds=0.5))
        running = await stage.start()
        entries = await stage.entries(running)
        check_well_formed(entries)
        assert [each.event for each in entries] == [
            *(BlockStart("thinking", 0), Thinking("a"), BlockEnd("thinking", 0)),
            *(BlockStart("text", 1), Text("b"), Text("c"), BlockEnd("text", 1)),
            Complete("bc"),
        ]

    run(main())


def test_who_reads_the_end_reads_it_when_the_run_is_no_longer_active() -> None:
    """The next prompt may come at once, and is not to find the session busy."""

    async def main() -> None:
        stage = Stage(saying("x"), log=FaultyLog(seconds=0.5))
        running = await stage.start()
        assert await stage.entries(running)
        assert stage.runs.active_count == 0
        assert stage.ended == [running]

    run(main())


def test_a_timeout_of_the_agent_while_the_log_is_busy_is_the_agent_s() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            try:
                async with asyncio.timeout(1):
                    for number in range(100):
                        yield f"{number} "
                        await asyncio.sleep(0)
            except TimeoutError:
                yield "timed out"

        stage = Stage(agent, log=FaultyLog(seconds=0.35))
        entries = await stage.entries(await stage.start())
        check_well_formed(entries)
        assert [each.event for each in entries][-3:-2] == [Text("timed out")]

    run(main())


@pytest.mark.parametrize("moments", [[0.1], [0.6], [0.1, 0.1], [0.6, 0.2], [0.1, 0.3, 0.3]])
def test_a_task_that_is_cancelled_while_the_log_is_busy_ends_its_run_first(
    moments: list[float],
) -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "x"
            await asyncio.sleep(FOREVER)

        stage = Stage(agent, log=FaultyLog(seconds=0.5))
        running = await stage.start()
        [task] = asyncio.all_tasks() - {asyncio.current_task()}
        for moment in moments:
            await asyncio.sleep(moment)
            task.cancel()
        await running.ended.wait()
        assert running.outcome == SHUTDOWN
        check_well_formed(await stage.logged(running))

    run(main())


def test_a_run_whose_log_is_deleted_under_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        stage = Stage(three_steps)
        running = await stage.start()
        following = asyncio.create_task(stage.entries(running))
        await settle()
        await stage.runs.delete(running.id)
        assert len(await following) == 2  # its follower ends at once
        await running.ended.wait()
        assert running.outcome == LOG_FAILED
        assert isinstance(stage.log, MemoryLog)

    with caplog.at_level(logging.ERROR):
        run(main())
    assert "the event log failed" in caplog.text


def test_a_follower_that_lags_behind_a_log_that_is_deleted_ends_too() -> None:
    async def main() -> None:
        stage = Stage(three_steps)
        running = await stage.start()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            await anext(pages)
            await asyncio.sleep(1.5)
            assert running.last > 2
            await stage.runs.delete(running.id)
            assert [page async for page in pages] == []
        running.cancel()
        await running.ended.wait()

    run(main())


def test_the_log_s_own_words_stay_in_our_log() -> None:
    assert Error("The event log failed.", "store_unavailable") == LOG_FAILED


def test_a_follower_hears_of_the_end_though_the_log_cannot_be_told() -> None:
    async def main() -> None:
        log = FaultyLog("", "refused", "refused")
        stage = Stage(three_steps, log=log)
        running = await stage.start()
        entries = await stage.entries(running)
        check_well_formed(entries)
        assert entries[-1].event == LOG_FAILED

    run(main())


def test_a_run_that_could_not_begin_ends_also_if_its_task_is_cancelled_then() -> None:
    async def main() -> None:
        def agent(turn: Turn) -> Any:
            raise ValueError("hunter2")

        stage = Stage(agent, log=FaultyLog(seconds=0.5))
        running = await stage.start()
        [task] = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.sleep(0.6)
        task.cancel()
        await running.ended.wait()
        check_well_formed(await stage.logged(running))

    run(main())
