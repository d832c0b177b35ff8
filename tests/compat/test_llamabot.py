"""LlamaBot's `sse_stream`: its names and its events, without its defects."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from inspect import signature
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent import AgentError
from asgi_agent.compat.llamabot import sse_stream
from asgi_agent.sse import Event, EventStreamDecoder
from asgi_agent.testing import run
from tests.strategies import wild_text


class Bot:
    """Says what it is told, then fails where it is told to."""

    def __init__(self, *chunks: str | None, failure: Exception | None = None) -> None:
        self._chunks = chunks
        self._failure = failure
        self.asked: tuple[Any, ...] = ()

    async def stream_async(self, *messages: Any) -> AsyncGenerator[str | None, None]:
        self.asked = messages
        for chunk in self._chunks:
            yield chunk
        if self._failure is not None:
            raise self._failure


def events_of(bot: Bot, messages: Any = ("hi",), **names: str) -> list[dict[str, str]]:
    async def main() -> list[dict[str, str]]:
        return [event async for event in sse_stream(bot, messages, **names)]

    return run(main())


def test_it_has_the_arguments_that_it_always_had() -> None:
    assert [(each.name, each.default) for each in signature(sse_stream).parameters.values()][
        2:
    ] == [
        ("event_type", "message"),
        ("done_event", "done"),
    ]


def test_it_yields_chunks_and_then_that_it_is_done() -> None:
    bot = Bot("chunk content", " more content", "")

    assert events_of(bot, ["a", "b"]) == [
        {"event": "message", "data": "chunk content"},
        {"event": "message", "data": " more content"},
        {"event": "message", "data": ""},
        {"event": "done", "data": ""},
    ]
    assert bot.asked == ("a", "b")


def test_the_events_may_have_other_names() -> None:
    assert events_of(Bot("a"), event_type="content", done_event="complete") == [
        {"event": "content", "data": "a"},
        {"event": "complete", "data": ""},
    ]


def test_one_message_is_not_taken_for_its_letters() -> None:
    bot = Bot()
    events_of(bot, "hi")

    assert bot.asked == ("hi",)


def test_a_chunk_that_is_none_says_nothing() -> None:
    assert events_of(Bot(None)) == [{"event": "done", "data": ""}]


@given(st.lists(wild_text))
@example(["a\r", "\nb"])
@example(["a\r", "", "\n", "\n"])
@example(["a\r\n", "\n"])
@example(["\r", "\r"])
def test_l1_a_line_end_is_one_wherever_the_text_is_cut(chunks: list[str]) -> None:
    *events, done = events_of(Bot(*chunks))
    stream = b"".join(Event(each["data"]).encode() for each in events)
    whole = "".join(scrubbed(each) for each in chunks)

    read = "".join(event.data for event in EventStreamDecoder().feed(stream))
    assert read == whole.replace("\r\n", "\n").replace("\r", "\n")
    assert done == {"event": "done", "data": ""}


def scrubbed(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_l3_a_lone_surrogate_does_not_end_the_stream() -> None:
    assert events_of(Bot("a\ud800b"))[0] == {"event": "message", "data": "a\ufffdb"}


def test_l4_an_error_tells_nothing_of_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "asgi_agent"):
        events = events_of(Bot("a", failure=RuntimeError("the password is hunter2")))

    assert events == [
        {"event": "message", "data": "a"},
        {"event": "error", "data": "The bot failed."},
    ]
    assert "hunter2" in caplog.text


def test_l4_an_error_that_is_meant_to_be_told_is() -> None:
    assert events_of(Bot(failure=AgentError("Try later."))) == [
        {"event": "error", "data": "Try later."}
    ]


def test_l5_a_bot_that_never_waits_lets_others_work() -> None:
    async def main() -> None:
        async def listen() -> None:
            async for _ in sse_stream(Endless(), ["hi"]):
                pass

        async with asyncio.timeout(10):
            listening = asyncio.create_task(listen())
            await asyncio.sleep(0.05)  # real time: the bot uses the processor
            listening.cancel()
            await asyncio.wait({listening})
        assert listening.cancelled()

    asyncio.run(main())


class Endless:
    async def stream_async(self, *messages: Any) -> AsyncGenerator[str, None]:
        while True:
            yield "on "
