"""The life of a run: whatever the agent, the log or the client does, it ends once, and well."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import AgentError
from asgi_agent.events import (
    AgentEvent,
    BlockEnd,
    BlockStart,
    Cancelled,
    Complete,
    Data,
    Error,
    Status,
    Terminal,
    Text,
    Thinking,
)
from asgi_agent.runs.record import OUTPUT_BYTES
from asgi_agent.runs.run import BATCH_BYTES, FAILED
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


# What an agent says


def test_strings_are_text_and_the_whole_text_is_the_final_output() -> None:
    assert play(saying("Hel", Text("lo"))) == [
        *(BlockStart("text", 0), Text("Hel"), Text("lo"), BlockEnd("text", 0)),
        Complete("Hello"),
    ]


def test_an_agent_may_say_nothing() -> None:
    assert play(saying()) == [Complete("")]


def test_an_agent_may_end_its_run_itself_and_is_not_heard_after_that() -> None:
    ends: list[Terminal] = [
        *(Complete({"a": 1}, {"total_tokens": 3}, "stop"), Error("No.", "refused")),
        *(Cancelled("enough"), Cancelled()),
    ]
    for end in ends:
        assert play(saying(Status("a"), end, "more", Complete("again"))) == [Status("a"), end]


def test_an_outcome_without_data_has_the_text_that_was_said() -> None:
    assert play(saying("a", Complete(None, {"total_tokens": 3})))[-1] == Complete(
        "a", {"total_tokens": 3}
    )
    assert play(saying(Complete(None)))[-1] == Complete(None)
    assert play(saying("a", Complete("")))[-1] == Complete("")


def test_a_text_too_long_to_be_said_twice_is_not() -> None:
    text = "x" * (OUTPUT_BYTES // 2)
    assert play(saying(text, text))[-1] == Complete(text + text)
    assert play(saying(text, text, "y"))[-1] == Complete(None)


def test_the_whole_text_is_whole_where_a_character_came_in_halves() -> None:
    said = play(saying("a\ud83d", "é"))
    assert said[-1] == Complete("a\ufffdé")


def test_what_is_ready_is_one_append_and_what_comes_later_another() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "a"
            yield "b"
            await asyncio.sleep(10)
            yield "c"

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        assert [each.event for each in await stage.logged(running)] == [
            *(BlockStart("text", 0), Text("a"), Text("b"))
        ]
        await asyncio.sleep(10)
        assert running.ended.is_set()

    run(main())


def test_an_agent_that_never_waits_gives_others_a_turn() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(100):
                yield "x" * (BATCH_BYTES // 4)

        stage = Stage(agent)
        running = await stage.start()
        turns = 0
        while not running.ended.is_set():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 20

    run(main())


def test_a_slow_agent_that_never_waits_is_heard_before_it_ends() -> None:
    async def main() -> None:
        def work() -> None:
            end = loop.time() + 0.011
            while loop.time() < end:
                pass

        async def agent(turn: Turn) -> Any:
            for _ in range(5):
                work()
                yield "x"

        loop = asyncio.get_running_loop()  # the real time: work takes some
        stage = Stage(agent)
        running = await stage.start()
        seen = set[int]()
        while not running.ended.is_set():
            seen.add(len(await stage.logged(running)))
            await asyncio.sleep(0)
        assert len(seen) > 3

    asyncio.run(main())


def test_thinking_and_status_are_no_part_of_the_output() -> None:
    assert play(saying(Thinking("hm"), Status("busy"), "ok"))[-1] == Complete("ok")


# What goes wrong in it


class Stop(BaseException):
    """Not an Exception: what some test runners and frameworks raise to get out."""


@pytest.mark.parametrize(
    "error",
    [
        ValueError("db password=hunter2"),
        KeyError("hunter2"),
        TimeoutError("hunter2"),
        StopIteration("hunter2"),
        StopAsyncIteration("hunter2"),
        RecursionError("hunter2"),
        asyncio.CancelledError("hunter2"),
        SystemExit("hunter2"),
        GeneratorExit("hunter2"),
        Stop("hunter2"),
        ExceptionGroup("hunter2", [ValueError("hunter2")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_agent_ends_the_run_and_tells_no_secret(error: BaseException) -> None:
    async def agent(turn: Turn) -> Any:
        yield "partial"
        raise error

    said = play(agent)
    assert said == [BlockStart("text", 0), Text("partial"), BlockEnd("text", 0), FAILED]
    assert "hunter2" not in repr(said)


def test_the_cause_of_a_failure_is_in_our_log(caplog: pytest.LogCaptureFixture) -> None:
    async def agent(turn: Turn) -> Any:
        yield "x"
        raise ValueError("hunter2")

    play(agent)
    assert "hunter2" in caplog.text


def test_an_agent_error_tells_the_client_what_the_agent_wants_it_to_know() -> None:
    async def agent(turn: Turn) -> Any:
        yield "x"
        raise AgentError("No such city.", "no_city")

    assert play(agent)[-1] == Error("No such city.", "no_city")


def test_what_no_log_can_keep_ends_the_run() -> None:
    circle: list[Any] = []
    circle.append(circle)
    things: list[Any] = [None, 5, object(), Text(b"x"), Data("x", circle), Complete(circle)]
    for odd in things:
        assert play(saying("a", odd, "b")) == [
            *(BlockStart("text", 0), Text("a"), BlockEnd("text", 0), FAILED)
        ]


def test_an_agent_that_fails_before_its_first_event_fails_like_any_other() -> None:
    def broken(turn: Turn) -> Any:
        raise ValueError("no")

    async def coroutine(turn: Turn) -> Any:
        return None

    def nothing(turn: Turn) -> Any:
        return None

    assert play(broken) == [FAILED]
    assert play(nothing) == [FAILED]


def test_a_keyboard_interrupt_is_for_the_whole_process() -> None:
    async def agent(turn: Turn) -> Any:
        yield "x"
        raise KeyboardInterrupt

    async def main() -> None:
        await Stage(agent).play()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
