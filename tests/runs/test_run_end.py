"""A run is cancelled, takes too long, says too much: it ends at once, and its agent cleans up."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import AgentError, UsageError
from asgi_agent.events import (
    AgentEvent,
    BlockEnd,
    BlockStart,
    Cancelled,
    Complete,
    Error,
    Text,
)
from asgi_agent.runs.record import OUTPUT_BYTES
from asgi_agent.runs.run import BATCH_BYTES, CLOSE_SECONDS, FAILED, SHUTDOWN
from asgi_agent.testing import run, settle
from tests.runs.stage import Stage, check_well_formed, saying

FOREVER = 1e6  # seconds


def play(agent: Callable[[Turn], Any], **settings: Any) -> list[AgentEvent]:
    """What the agent's run says."""

    async def main() -> list[AgentEvent]:
        stage = Stage(agent, **settings)
        running = await stage.start()
        entries = await stage.entries(running)
        check_well_formed(entries)
        assert await stage.logged(running) == entries
        assert running.ended.is_set()
        assert running.outcome == entries[-1].event
        assert stage.ended == [running]
        return [entry.event for entry in entries]

    return run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


# To cancel it


def test_a_cancelled_run_ends_before_its_next_event() -> None:
    async def main() -> None:
        done: list[str] = []

        async def agent(turn: Turn) -> Any:
            try:
                yield "a"
                await asyncio.sleep(10)
                yield "b"
            finally:
                done.append("cleaned up")

        stage = Stage(agent)
        running = await stage.start()
        await asyncio.sleep(9)
        running.cancel("enough")
        await running.ended.wait()
        assert now() == 9
        entries = await stage.logged(running)
        check_well_formed(entries)
        assert [each.event for each in entries] == [
            *(BlockStart("text", 0), Text("a"), BlockEnd("text", 0), Cancelled("enough"))
        ]
        await settle()
        assert done == ["cleaned up"]

    run(main())


def test_a_run_that_is_cancelled_while_it_waits_for_a_follower_ends_at_once() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "x" * 100
            await asyncio.sleep(FOREVER)

        stage = Stage(agent, lead_bytes=10, patience=30)
        running = await stage.start()
        stalled = stage.runs.follow(running.id)
        await anext(stalled)
        await asyncio.sleep(7)
        running.cancel()
        await running.ended.wait()
        assert now() == 7
        check_well_formed(await stage.logged(running))
        await stalled.aclose()

    run(main())


def test_a_run_cancelled_before_it_began_says_nothing() -> None:
    async def main() -> None:
        begun: list[str] = []

        async def agent(turn: Turn) -> Any:
            begun.append("begun")
            yield "x"

        stage = Stage(agent)
        running = await stage.start()
        running.cancel()
        assert [each.event for each in await stage.entries(running)] == [Cancelled()]
        assert begun == []

    run(main())


def test_the_first_reason_to_end_counts() -> None:
    async def main() -> None:
        stage = Stage(saying("x"))
        running = await stage.start()
        running.cancel("first")
        running.cancel("second")
        running.stop(SHUTDOWN)
        assert await stage.entries(running)
        assert running.outcome == Cancelled("first")
        running.cancel("third")  # of a run that has ended
        assert running.outcome == Cancelled("first")

    run(main())


@pytest.mark.parametrize("after", ["more", Complete("x"), "the end", "an error"])
def test_an_agent_that_has_its_own_run_cancelled_is_not_heard_after_that(after: Any) -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "before"
            running.cancel("by myself")
            if after == "an error":
                raise AgentError("x")
            if after != "the end":
                yield after

        stage = Stage(agent)
        running = await stage.start()
        entries = await stage.entries(running)
        assert [each.event for each in entries] == [
            *(BlockStart("text", 0), Text("before"), BlockEnd("text", 0), Cancelled("by myself"))
        ]

    run(main())


def test_an_agent_that_does_not_want_to_be_cancelled_is_not_heard_either() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for number in range(3):
                try:
                    await asyncio.sleep(FOREVER)
                except asyncio.CancelledError:
                    yield f"still here {number}"

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        running.cancel()
        entries = await stage.entries(running)
        assert [each.event for each in entries] == [Cancelled()]
        await stage.runs.drain(0)
        assert await stage.logged(running) == entries

    run(main())


def test_the_client_does_not_wait_for_the_agent_to_clean_up() -> None:
    async def main() -> None:
        done: list[float] = []

        async def agent(turn: Turn) -> Any:
            try:
                await asyncio.sleep(FOREVER)
                yield "never"
            finally:
                await asyncio.sleep(3)
                done.append(now())

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        running.cancel()
        await running.ended.wait()
        assert now() < 0.1
        await stage.runs.drain(60)
        assert done == pytest.approx([3], abs=0.1)

    run(main())


def test_the_clean_up_of_an_agent_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            try:
                await asyncio.sleep(FOREVER)
                yield "never"
            finally:
                await asyncio.sleep(FOREVER)

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        running.cancel()
        await stage.runs.drain(60)
        assert CLOSE_SECONDS <= now() < CLOSE_SECONDS + 0.1
        assert [each.event for each in await stage.logged(running)] == [Cancelled()]

    with caplog.at_level(logging.WARNING, "asgi_agent"):
        run(main())
    assert "did not end within" in caplog.text


@pytest.mark.parametrize("error", [ValueError("hunter2"), SystemExit("hunter2")])
def test_an_error_in_the_clean_up_changes_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def agent(turn: Turn) -> Any:
        try:
            yield "x"
            yield Complete("done")
            yield "never"
        finally:
            raise error

    assert play(agent)[-1] == Complete("done")
    assert "failed in its clean-up" in caplog.text


def test_a_run_may_not_take_longer_than_it_may() -> None:
    async def main() -> None:
        deadlines: list[float | None] = []

        async def agent(turn: Turn) -> Any:
            deadlines.append(turn.deadline)
            yield "x"
            await asyncio.sleep(FOREVER)

        stage = Stage(agent, max_run_seconds=20)
        running = await stage.start()
        await running.ended.wait()
        assert now() == 20
        assert deadlines == [20]
        assert running.outcome == Error("The run took too long.", "timeout")
        assert [Stage(agent).runs.active_count, deadlines] == [0, [20]]

    run(main())


def test_a_run_in_time_is_not_disturbed_by_its_deadline() -> None:
    async def main() -> None:
        stage = Stage(saying("x"), max_run_seconds=20)
        running = await stage.start()
        await asyncio.sleep(60)
        assert running.outcome == Complete("x")

    run(main())


def test_an_agent_that_never_waits_is_stopped_at_its_deadline_too() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            while True:
                yield "x" * BATCH_BYTES

        stage = Stage(agent, max_run_seconds=0.05, keep_bytes=1)
        running = await stage.start()
        await running.ended.wait()
        assert running.outcome == Error("The run took too long.", "timeout")

    asyncio.run(main())


def test_a_run_may_not_say_more_than_it_may() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            while True:
                yield "x" * 100
                await asyncio.sleep(1)

        stage = Stage(agent, max_run_bytes=1000)
        running = await stage.start()
        await running.ended.wait()
        assert running.outcome == Error("The run said too much.", "too_long")
        entries = await stage.logged(running)
        check_well_formed(entries)
        assert 1000 < sum(len(each.json) for each in entries) < 1500

    run(main())


def test_a_task_that_is_cancelled_from_outside_ends_its_run_first() -> None:
    """As asyncio.run does to every task when the program ends."""

    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "x"
            await asyncio.sleep(FOREVER)

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await running.ended.wait()
        assert running.outcome == SHUTDOWN
        check_well_formed(await stage.logged(running))

    run(main())


# Time limits of the agent's own


def test_a_timeout_of_the_agent_is_the_agent_s() -> None:
    async def agent(turn: Turn) -> Any:
        try:
            async with asyncio.timeout(5):
                yield "waiting"
                await asyncio.sleep(FOREVER)
        except TimeoutError:
            yield "timed out"

    assert [each for each in play(agent) if isinstance(each, Text)] == [
        Text("waiting"),
        Text("timed out"),
    ]


def test_a_timeout_that_passes_while_the_run_has_to_wait_is_the_agent_s_too() -> None:
    """The agent is between two events then, and a client does not read."""

    async def main() -> None:
        said: list[str] = []

        async def agent(turn: Turn) -> Any:
            try:
                async with asyncio.timeout(5):
                    yield "x" * 100
                    said.append("not the end")
                    await asyncio.sleep(FOREVER)
            except TimeoutError:
                said.append("timed out")
            yield "the end"

        stage = Stage(agent, lead_bytes=10, patience=30)
        running = await stage.start()
        stalled = stage.runs.follow(running.id)
        await anext(stalled)
        stage_entries = await stage.entries(running)
        assert stage_entries[-1].event == Complete("x" * 100 + "the end")
        assert said == ["not the end", "timed out"]
        await stalled.aclose()

    run(main())


def test_an_agent_that_never_waits_hears_its_timeout_in_the_pause() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            try:
                async with asyncio.timeout(0.05):
                    while True:
                        yield "x" * BATCH_BYTES
            except TimeoutError:
                yield Complete("in time")

        stage = Stage(agent, keep_bytes=1)
        running = await stage.start()
        await running.ended.wait()
        assert running.outcome == Complete("in time")

    asyncio.run(main())


def test_whoever_asks_after_the_end_learns_that_nobody_can_answer() -> None:
    async def main() -> None:
        told: list[Exception] = []

        async def agent(turn: Turn) -> Any:
            try:
                await asyncio.sleep(FOREVER)
                yield "never"
            finally:
                try:
                    await turn.ask("May I go?")
                except UsageError as error:
                    told.append(error)

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        running.cancel()
        await stage.runs.drain(60)
        assert now() < 0.1
        assert str(told[0]) == "the run has ended, and nobody can answer"

    run(main())


def test_a_question_that_is_open_when_the_run_ends_is_cancelled() -> None:
    async def main() -> None:
        asking: list[asyncio.Task[Any]] = []

        async def agent(turn: Turn) -> Any:
            asking.append(asyncio.create_task(turn.ask("Which city?")))
            yield "Never mind."
            await asyncio.sleep(1)

        stage = Stage(agent)
        running = await stage.start()
        await running.ended.wait()
        await asyncio.wait(asking)
        assert asking[0].cancelled()

    run(main())


def test_an_error_for_the_client_is_told_also_out_of_a_task_group() -> None:
    async def refuse() -> None:
        raise AgentError("quota exceeded", "quota")

    async def agent(turn: Turn) -> Any:
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse())
        yield "never"

    async def main() -> None:
        assert (await Stage(agent).play())[-1] == Error("quota exceeded", "quota")

    run(main())


def test_of_several_errors_none_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def agent(turn: Turn) -> Any:
        yield "So"
        raise ExceptionGroup("two", [AgentError("quota", "quota"), ValueError("hunter2")])

    async def main() -> None:
        assert (await Stage(agent).play())[-1] == FAILED

    run(main())
    assert "hunter2" in caplog.text


def test_a_cancellation_that_nobody_asked_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def agent(turn: Turn) -> Any:
        yield "So"
        raise asyncio.CancelledError

    async def main() -> None:
        assert (await Stage(agent).play())[-1] == FAILED

    run(main())
    assert "CancelledError" in caplog.text


@pytest.mark.parametrize("thing", [5, None, {"type": "text"}, Text])
def test_what_is_no_event_is_named_in_our_log(thing: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        assert (await Stage(saying(thing)).play())[-1] == FAILED

    run(main())
    assert "an agent says str or events, not " in caplog.text


@pytest.mark.parametrize("pieces", [[1 << 21], [100_000] * 30, [(1 << 20) + 1], [1 << 20, 1]])
def test_an_answer_that_is_too_long_to_be_kept_is_known_to_be_cut(pieces: list[int]) -> None:
    async def main() -> None:
        stage = Stage(saying(*("é" * (size // 2) + "x" * (size % 2) for size in pieces)))
        running = await stage.start()
        await running.ended.wait()
        assert not running.is_output_whole
        assert len(running.output) == OUTPUT_BYTES
        assert running.outcome == Complete(None)

    run(main())


def test_an_answer_that_just_fits_is_whole() -> None:
    async def main() -> None:
        stage = Stage(saying("x" * OUTPUT_BYTES))
        running = await stage.start()
        await running.ended.wait()
        assert running.is_output_whole
        assert running.outcome == Complete("x" * OUTPUT_BYTES)

    run(main())
