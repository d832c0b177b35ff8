"""OpenJarvis' stream bridge, with its names and bytes, and without its defects O1 to O12."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from asgi_agent import AgentError
from asgi_agent.agents.openjarvis import threads
from asgi_agent.agents.threads import AHEAD
from asgi_agent.compat.openjarvis import HEARTBEAT, AgentStreamBridge, create_agent_stream
from asgi_agent.dialects.openjarvis import TOO_LONG
from asgi_agent.sse import Event, EventStreamDecoder
from asgi_agent.testing import Server, run
from tests.agents.jarvis import AgentResult, Calculator, EventBus, EventType

SECONDS = 5  # a thread that has not done it by then never will


@dataclass
class ChatMessage:
    role: str
    content: Any = ""
    name: str | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: str | None = None


@dataclass
class ChatCompletionRequest:
    messages: Sequence[ChatMessage] = field(
        default_factory=lambda: [ChatMessage("user", "what is 1+1")]
    )


class Speaker(Calculator):
    """Does what it is told to do, with the input."""

    def __init__(self, bus: EventBus, speak: Callable[["Speaker", str], Any]) -> None:
        super().__init__(bus)
        self.speak = speak

    def run(self, text: str, context: Any = None, **_: Any) -> AgentResult:
        result = self.speak(self, text)
        return result if isinstance(result, AgentResult) else AgentResult(str(result))


def request(*contents: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest([ChatMessage("user", content) for content in contents])


def bridge(
    speak: Callable[[Speaker, str], Any], *contents: Any, bus: EventBus | None = None, **more: Any
) -> AgentStreamBridge:
    bus = bus or EventBus()
    return AgentStreamBridge(Speaker(bus, speak), bus, "m1", request(*contents), **more)


async def read(bridge: AgentStreamBridge) -> list[str]:
    async with aclosing(bridge.stream()) as stream:
        return [each async for each in stream]


def streamed(speak: Callable[[Speaker, str], Any], *contents: Any, **more: Any) -> list[str]:
    return run(read(bridge(speak, *contents, **more)))


def decoded(frames: Sequence[str]) -> list[Event]:
    return EventStreamDecoder().feed("".join(frames).encode())


def text_of(frames: Sequence[str]) -> str:
    """What a client shows as the answer."""
    chunks = [json.loads(each.data) for each in decoded(frames) if each.data.startswith('{"id"')]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta["content"] or "" for delta in deltas)


def test_a_stream_has_openjarvis_bytes() -> None:
    bus = EventBus()
    bridge = AgentStreamBridge(Calculator(bus), bus, "m1", ChatCompletionRequest())
    frames = run(read(bridge))
    first = json.loads(frames[0].removeprefix("data: "))
    head = f'{{"id":"{first["id"]}","object":"chat.completion.chunk","created":{first["created"]},'
    chunk = 'data: %s"model":"m1","choices":[{"index":0,"delta":%s,"finish_reason":null}]}\n\n'
    words = ["The", " answer", " is", " 2"]
    assert frames[:-2] == [
        chunk % (head, '{"role":"assistant","content":null,"tool_calls":null}'),
        'event: agent_turn_start\ndata: {"agent": "calculator", "input": "what is 1+1"}\n\n',
        'event: inference_start\ndata: {"model": "m1", "message_count": 2}\n\n',
        'event: tool_call_start\ndata: {"tool": "calc", "arguments": "{\\"x\\": 1}", '
        '"agent": "calculator"}\n\n',
        'event: tool_call_end\ndata: {"tool": "calc", "success": true, "latency": 0.01, '
        '"result": "2"}\n\n',
        'event: tool_results\ndata: {"results": [{"tool_name": "calc", "success": true, '
        '"output": "2", "latency_ms": 12.5}]}\n\n',
        *(chunk % (head, f'{{"role":null,"content":"{w}","tool_calls":null}}') for w in words),
    ]
    assert frames[-2] == (
        f'data: {{"id": "{first["id"]}", "object": "chat.completion.chunk", '
        f'"created": {first["created"]}, "model": "m1", "choices": [{{"index": 0, "delta": '
        '{"role": null, "content": null, "tool_calls": null}, "finish_reason": "stop"}], '
        '"usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}}\n\n'
    )
    assert frames[-1] == "data: [DONE]\n\n"
    assert len(first["id"]) == len("chatcmpl-") + 12
    assert bus.is_quiet


def test_usage_is_the_agent_s_where_it_knows_it() -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    frames = streamed(lambda *_: AgentResult("a", metadata={**usage, "x": 1}), "hi")
    assert json.loads(frames[-2].removeprefix("data: "))["usage"] == usage
    without = streamed(lambda *_: "a", "hi", extras=())
    assert "usage" not in without[-2]


# What was wrong with the original


def test_o1_the_agent_infers_once_and_its_answer_leaves_at_once() -> None:
    began = time.monotonic()
    answer = " ".join(["word"] * 300)
    assert text_of(streamed(lambda *_: answer, "hi")) == answer
    assert time.monotonic() - began < 2  # 300 words were 3.6 s


def test_o2_nobody_hears_the_events_of_others() -> None:
    bus = EventBus()
    meeting = threading.Barrier(3, timeout=SECONDS)

    def speak(agent: Speaker, text: str) -> str:
        meeting.wait()  # both speak at the same time
        agent.publish(EventType.AGENT_TURN_START, agent="a", input=text)
        meeting.wait()
        return text

    def somebody_else() -> None:
        meeting.wait()
        bus.publish(EventType.TOOL_CALL_START, {"tool": "a channel", "arguments": ""})
        meeting.wait()

    async def main() -> None:
        secrets = ("ALICE-SECRET", "BOB-SECRET")
        elsewhere = threading.Thread(target=somebody_else)
        elsewhere.start()
        told = await asyncio.gather(*(read(bridge(speak, each, bus=bus)) for each in secrets))
        for own, other, frames in zip(secrets, secrets[::-1], told, strict=True):
            assert own in frames[1]
            assert other not in "".join(frames)
            assert "a channel" not in "".join(frames)
        elsewhere.join()
        assert bus.is_quiet

    run(main())


def test_o3_everybody_is_answered_by_the_model_that_they_asked_for() -> None:
    bus = EventBus()
    meeting = threading.Barrier(2, timeout=SECONDS)

    def speak(agent: Speaker, _: str) -> str:
        before = agent._model
        meeting.wait()
        return f"{before} {agent._model}"

    async def main() -> None:
        agent = Speaker(bus, speak)
        bridges = [
            AgentStreamBridge(agent, bus, model, request("hi")) for model in ("model-A", "model-B")
        ]
        told = await asyncio.gather(*map(read, bridges))
        assert list(map(text_of, told)) == ["model-A model-A", "model-B model-B"]
        assert agent._model == "default"
        own = AgentStreamBridge(Speaker(bus, lambda a, _: a._model), bus, "", request("hi"))
        assert text_of(await read(own)) == "default"

    run(main())


def test_o4_the_sdks_of_others_can_read_it_without_the_events() -> None:
    bus = EventBus()
    plain = AgentStreamBridge(Calculator(bus), bus, "m1", request("hi"), extras=["usage"])
    frames = run(read(plain))
    assert not any(frame.startswith("event:") for frame in frames)
    for frame in frames[:-1]:
        ChatCompletionChunk.model_validate_json(frame.removeprefix("data: "))


def fail(error: Exception) -> Callable[[Speaker, str], Any]:
    def speak(*_: Any) -> None:
        raise error

    return speak


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (RuntimeError("password is hunter2"), "The agent failed.", "agent_error"),
        (AgentError("It is late.", "late"), "It is late.", "late"),
    ],
)
def test_o5_an_error_is_an_error(error: Exception, message: str, code: str) -> None:
    frames = streamed(fail(error), "hi")
    assert json.loads(frames[-1].removeprefix("data: ")) == {
        "error": {"message": message, "type": "server_error", "param": None, "code": code}
    }


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("password is hunter2"), "Sorry, an error occurred: The agent failed."),
        (AgentError("It is late."), "Sorry, an error occurred: It is late."),
        (RuntimeError("400: maximum context length is 8192"), TOO_LONG),
    ],
)
def test_o5_an_error_is_text_where_it_is_asked_for(error: Exception, text: str) -> None:
    frames = streamed(fail(error), "hi", extras=["errors"])
    assert text_of(frames) == text
    assert '"finish_reason":"stop"' in frames[-2]
    assert frames[-1] == "data: [DONE]\n\n"


def test_o6_a_client_that_leaves_ends_the_agent_at_its_next_event() -> None:
    bus = EventBus()
    ended = threading.Event()

    def speak(agent: Speaker, _: str) -> None:
        try:
            while True:
                agent.publish(EventType.INFERENCE_START, model="m")
        finally:
            ended.set()

    async def main() -> None:
        stream = bridge(speak, "hi", bus=bus).stream()
        assert "assistant" in await anext(stream)
        assert "inference_start" in await anext(stream)
        await stream.aclose()
        async with asyncio.timeout(SECONDS):
            while not (ended.is_set() and bus.is_quiet):
                await asyncio.sleep(0.001)

    run(main())


def test_o7_fourteen_agents_speak_at_once() -> None:
    meeting = threading.Barrier(14, timeout=SECONDS)

    async def main() -> None:
        bridges = [bridge(lambda *_: meeting.wait() >= 0, "hi") for _ in range(14)]
        told = await asyncio.gather(*map(read, bridges))
        assert {text_of(frames) for frames in told} == {"True"}
        assert not threads.is_full

    run(main())


def test_o8_silence_is_broken_by_comments_that_no_client_takes_for_an_event() -> None:
    let_go = threading.Event()

    async def main() -> None:
        silent = bridge(lambda *_: let_go.wait(SECONDS), "hi", heartbeat_seconds=0.01)
        frames: list[str] = []
        async with aclosing(silent.stream()) as stream:
            async for frame in stream:
                frames.append(frame)
                if frames.count(HEARTBEAT) == 3:
                    let_go.set()
        assert frames.count(HEARTBEAT) >= 3
        assert text_of(frames) == "True"
        assert "\n\n" not in HEARTBEAT

    run(main())


def test_a_client_may_leave_in_silence() -> None:
    let_go = threading.Event()

    async def main() -> None:
        silent = bridge(lambda *_: let_go.wait(SECONDS), "hi", heartbeat_seconds=0.01)
        stream = silent.stream()
        while await anext(stream) != HEARTBEAT:
            pass
        await stream.aclose()
        let_go.set()

    run(main())


def test_a_stream_that_was_never_read_is_closed_without_an_agent() -> None:
    async def main() -> None:
        await bridge(fail(AssertionError("nobody listens")), "hi").stream().aclose()

    run(main())


def test_o9_an_agent_waits_for_a_slow_client() -> None:
    said: list[int] = []

    def speak(agent: Speaker, _: str) -> str:
        for number in range(10 * AHEAD):
            agent.publish(EventType.INFERENCE_START, number=number)
            said.append(number)
        return "done"

    async def main() -> None:
        async with aclosing(bridge(speak, "hi").stream()) as stream:
            for _ in range(3):
                await anext(stream)
            async with asyncio.timeout(SECONDS):
                while len(said) < AHEAD:
                    await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
            assert len(said) <= AHEAD + 3

    run(main())


def test_o10_o11_what_an_agent_tells_is_json_on_one_line_of_ascii_whatever_it_is() -> None:
    def speak(agent: Speaker, _: str) -> str:
        agent.publish(EventType.INFERENCE_END, content=object(), latency=float("nan"))
        agent.publish(EventType.TOOL_CALL_START, tool="t", arguments={1, 2})
        return "a\u2028b \ud83d c"

    frames = streamed(speak, "hi")
    assert "".join(frames).isascii()
    assert frames[-1] == "data: [DONE]\n\n"
    end, start = decoded(frames)[1:3]
    assert json.loads(end.data)["latency"] is None
    assert json.loads(json.loads(start.data)["arguments"]) == [1, 2]
    assert text_of(frames) == "a\u2028b \ufffd c"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("a", "a"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
    ],
)
def test_o12_content_may_be_null_or_parts(content: Any, text: str) -> None:
    assert text_of(streamed(lambda _, text: f"<{text}>", "before", content)) == f"<{text}>"


def test_content_that_is_no_text_is_an_error() -> None:
    frames = streamed(lambda *_: "x", [{"type": "image_url"}])
    assert "has to be text" in frames[-1]


def test_a_request_without_messages_has_an_empty_prompt() -> None:
    assert text_of(streamed(lambda _, text: f"<{text}>")) == "<>"
    assert text_of(streamed(lambda *_: None, "hi")) == "None"
    assert text_of(streamed(lambda *_: AgentResult(""), "hi")) == ""


# As a response


def test_a_route_returns_the_stream_and_it_has_heartbeats_and_one_set_of_headers() -> None:
    let_go = threading.Event()

    def speak(agent: Speaker, _: str) -> str:
        let_go.wait(SECONDS)
        return "done"

    async def chat(_: Request) -> Any:
        bus = EventBus()
        return await create_agent_stream(Speaker(bus, speak), bus, "m1", request("hi"))

    async def main() -> None:
        app = Starlette(routes=[Route("/chat", chat, methods=["POST"])])
        async with Server(app) as server, server.stream("POST", "/chat") as stream:
            assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert stream.headers["x-accel-buffering"] == "no"
            assert "connection" not in stream.headers
            assert b"assistant" in await stream.read()
            let_go.set()
            rest = (await stream.rest()).body.decode()
            assert text_of([rest]) == "done"
            assert rest.endswith("data: [DONE]\n\n")

    run(main())


def test_a_client_that_leaves_ends_the_agent_of_its_route_too() -> None:
    ended = threading.Event()

    def speak(agent: Speaker, _: str) -> None:
        try:
            while True:
                agent.publish(EventType.INFERENCE_START, model="m")
        finally:
            ended.set()

    async def chat(_: Request) -> Any:
        bus = EventBus()
        return await create_agent_stream(Speaker(bus, speak), bus, "m1", request("hi"))

    async def main() -> None:
        app = Starlette(routes=[Route("/chat", chat, methods=["POST"])])
        async with Server(app) as server, server.stream("POST", "/chat") as stream:
            await stream.read()
        async with asyncio.timeout(SECONDS):
            while not ended.is_set():
                await asyncio.sleep(0.001)

    run(main())
