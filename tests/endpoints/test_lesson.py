"""The lesson's routes: the answer at once, or as it comes."""

import asyncio
import json
from typing import Any

import pytest

from asgi_agent import AgentError, Turn
from asgi_agent.events import Complete
from asgi_agent.testing import HOSTS, Response, Server, run, settle
from tests.endpoints.serving_agents import (
    app_of,
    counter,
    failing,
    parrot,
    read,
    serving,
    silent,
)
from tests.runs.faulty_log import FaultyLog

STREAMS = ("/api/chat/stream", "/api/agent/stream")


async def chat(server: Server, **body: Any) -> Response:
    return await server.request("POST", "/api/chat", json=body)


async def stream(server: Server, path: str = STREAMS[0], **body: Any) -> list[Any]:
    response = await server.request("POST", path, json=body)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = response.events()
    assert {(event.event, event.id, event.retry) for event in events} == {("message", None, None)}
    return [json.loads(event.data) for event in events]


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_message_has_its_whole_answer() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            response = await chat(server, message="3", conversation_id="c")
            assert now() == pytest.approx(3, abs=0.01)
            assert response.json() == {"reply": "0 1 2 ", "conversation_id": "c"}

    run(main())


def test_a_conversation_is_remembered_under_either_name() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            made = (await chat(server, message="a")).json()["conversation_id"]
            for name in ("conversation_id", "session_id"):
                response = await chat(server, message="b", **{name: made})
                assert response.json()["reply"].startswith("[user: a] [assistant: a] ")

    run(main())


def test_a_whole_conversation_may_be_sent_each_time() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            messages = [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ]
            for _ in range(2):
                response = await chat(server, messages=messages, session_id="s")
                assert response.json()["reply"] == "[user: a] [assistant: b] c"

    run(main())


def test_an_answer_that_needs_no_time_leaves_in_one_write() -> None:
    async def main() -> None:
        async with (
            serving(app_of(parrot)) as server,
            server.stream("POST", STREAMS[0], json={"message": "hello"}) as stream,
        ):
            first = await stream.read()
            assert b'"hello"' in first
            assert b'"done"' in first
            assert await stream.read() == b""

    run(main())


@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (Complete("whole"), "whole"),
        (Complete(None), "said \ufffd"),
        (Complete({"a": 1}), "said \ufffd"),
        (Complete("lone \ud800"), "lone \ufffd"),
    ],
)
def test_the_reply_is_the_outcome_if_that_is_text_and_else_what_was_said(
    outcome: Complete, reply: str
) -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "said \ud800"
            yield outcome

        async with serving(app_of(agent)) as server:
            assert (await chat(server, message="x")).json()["reply"] == reply

    run(main())


def test_a_failure_is_500_without_our_secrets() -> None:
    async def main() -> None:
        async def refusing(turn: Turn) -> Any:
            raise AgentError("No such city.")
            yield

        for agent, detail in ((failing, "The agent failed."), (refusing, "No such city.")):
            async with serving(app_of(agent)) as server:
                response = await chat(server, message="x")
                assert (response.status, response.json()) == (500, {"detail": detail})

    run(main())


def test_an_answer_that_is_cancelled_is_no_answer() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server:
            chatting = asyncio.create_task(chat(server, message="x", session_id="s"))
            await settle()
            await server.request("POST", "/sessions/s/cancel")
            response = await chatting
            assert (response.status, response.json()) == (500, {"detail": "The run was cancelled."})

    run(main())


def test_a_run_that_is_gone_when_its_answer_is_read_has_none() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server:
            chatting = asyncio.create_task(chat(server, message="x", session_id="s"))
            await settle()
            await server.request("DELETE", "/sessions/s")
            assert (await chatting).status == 500

    run(main())


@pytest.mark.parametrize("host", HOSTS)
def test_a_client_that_does_not_wait_for_the_answer_may_end_the_run(host: str) -> None:
    async def main() -> None:
        app = app_of(silent, on_disconnect="cancel")
        async with Server(app, behaviour=HOSTS[host]) as server:
            body = {"message": "x", "session_id": "s"}
            leaving = asyncio.create_task(leave(server, body))
            await settle()
            await leaving
            shown = (await server.request("GET", "/sessions/s")).json()
            assert shown["status"] == "cancelled"

    async def leave(server: Server, body: Any) -> None:
        task = asyncio.create_task(server.request("POST", "/api/chat", json=body))
        await asyncio.sleep(1)
        task.cancel()  # the request's own end is a disconnect
        await asyncio.wait([task])

    run(main())


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_begins_with_a_status_and_ends_with_done(path: str) -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            assert await stream(server, path, message="hi") == [
                {"type": "status", "content": "Thinking..."},
                {"type": "token", "content": "hi"},
                {"type": "done", "content": ""},
            ]
            messages = [{"role": "user", "content": "hi"}]
            assert (await stream(server, path, messages=messages))[1]["content"] == "hi"

    run(main())


def test_s3_a_stream_of_a_run_that_fails_ends_with_an_error() -> None:
    async def main() -> None:
        async with serving(app_of(failing)) as server:
            assert (await stream(server, message="x"))[-1] == {
                "type": "error",
                "content": "The agent failed.",
            }

    run(main())


def test_a_stream_that_is_cut_off_does_not_look_like_success() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(300):
                yield "x" * 1000
                await asyncio.sleep(0)

        app = app_of(agent)
        app.service.runs._config = app_of(agent, lead_bytes=1000, patience=5).config
        async with serving(app) as server:
            body = {"message": "x", "session_id": "s"}
            async with server.stream("POST", STREAMS[0], json=body) as slow:
                await asyncio.sleep(20)
                events = [json.loads(event.data) async for event in slow.events()]
            assert events[-1]["type"] == "error"
            assert len(events) < 200
            # The run has gone on, and can be read in the dialect that resumes.
            assert (await read(server))[-1].event == "complete"

    run(main())


def test_a_stream_that_outruns_its_client_tells_of_the_gap() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(300):
                yield "x" * 1000
                await asyncio.sleep(0)
            yield Complete("")

        async with serving(app_of(agent, keep_bytes=3000)) as server:
            async with server.stream("POST", STREAMS[0], json={"message": "x"}) as slow:
                await asyncio.sleep(20)
                events = [json.loads(event.data) async for event in slow.events()]
            assert "gap" in [event.get("name") for event in events]
            assert events[-1] == {"type": "done", "content": ""}

    run(main())


def test_a_stream_whose_log_fails_ends_with_an_error_of_this_dialect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        log = FaultyLog()
        async with (
            serving(app_of(counter, log=log)) as server,
            server.stream("POST", STREAMS[0], json={"message": "3"}) as stream,
        ):
            for _ in range(2):
                await anext(stream)
            log.is_down = True
            assert [json.loads(event.data) async for event in stream.events()] == [
                {"type": "error", "content": "The stream failed."}
            ]

    run(main())
    assert "hunter2" in caplog.text


def test_input_that_does_not_fit_is_422_in_the_shape_of_the_lesson() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server:
            for path in ("/api/chat", *STREAMS):
                response = await server.request("POST", path, json={})
                assert response.status == 422
                assert response.json()["detail"][0]["msg"] == "message: Field required"

    run(main())


def test_an_answer_that_is_too_long_is_an_error_and_not_half_of_it() -> None:
    async def verbose(turn: Turn) -> Any:
        for _ in range(30):
            yield "x" * 100_000

    async def main() -> None:
        async with serving(app_of(verbose)) as server:
            response = await chat(server, message="a", session_id="s")
            assert response.status == 500
            assert response.json() == {"detail": "The answer is too long to be told at once."}
            shown = (await server.request("GET", "/sessions/s")).json()
            assert shown["history"][1]["truncated"] is True
            assert len(shown["history"][1]["content"]) == 1 << 20

    run(main())
