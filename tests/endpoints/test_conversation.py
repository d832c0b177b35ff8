"""One WebSocket, many turns: it hears while it speaks, and survives whatever it is told."""

import asyncio
import json
from typing import Any

import pytest

from asgi_agent import Turn, create_app
from asgi_agent.events import Audio, Complete
from asgi_agent.testing import HOSTS, Server, WebSocketClosed, WebSocketSession, run, settle
from tests.endpoints.serving_agents import (
    app_of,
    ask,
    asking,
    counter,
    failing,
    parrot,
    read,
    serving,
    silent,
)
from tests.runs.faulty_log import FaultyLog


def now() -> float:
    return asyncio.get_running_loop().time()


async def turn_of(session: WebSocketSession) -> list[Any]:
    """The messages of one turn, to the one that ends it."""
    messages: list[Any] = []
    while not messages or messages[-1].get("t") != "done":
        messages.append(await session.receive_json())
    return messages


async def all_of(session: WebSocketSession) -> tuple[list[str | bytes], WebSocketClosed]:
    """All messages until the connection is closed, and how."""
    messages: list[str | bytes] = []
    try:
        while True:
            messages.append(await session.receive())
    except WebSocketClosed as closed:
        return messages, closed


def text_of(messages: list[Any]) -> str:
    return "".join(each["c"] for each in messages if each["t"] == "text")


# Turns


def test_a_prompt_is_answered_and_done_comes_last() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server, server.websocket("/ws") as session:
            assert session.accepted
            assert session.subprotocol is None
            await session.send_json({"prompt": "hi"})
            assert await turn_of(session) == [
                {"t": "block_start", "kind": "text", "idx": 0},
                {"t": "text", "c": "hi"},
                {"t": "block_end", "kind": "text", "idx": 0},
                {"t": "complete", "data": "hi"},
                {"t": "done"},
            ]

    run(main())


def test_the_turns_of_a_connection_are_one_conversation_of_its_own() -> None:
    async def main() -> None:
        async with (
            serving(app_of(parrot)) as server,
            server.websocket("/ws") as one,
            server.websocket("/ws") as two,
        ):
            for session, name in ((one, "a"), (two, "b"), (one, "c"), (two, "d")):
                await session.send_json({"prompt": name})
            assert text_of(await turn_of(one)) == "a"
            assert text_of(await turn_of(two)) == "b"
            assert text_of(await turn_of(one)) == "[user: a] [assistant: a] c"
            assert text_of(await turn_of(two)) == "[user: b] [assistant: b] d"

    run(main())


def test_prompts_that_come_too_early_wait_in_their_order() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server, server.websocket("/ws") as session:
            for number in (3, 1, 2):
                await session.send_json({"prompt": f"{number}"})
            said = [text_of(await turn_of(session)) for _ in range(3)]
            assert said == ["0 1 2 ", "0 ", "0 1 "]

    run(main())


def test_prompts_that_wait_are_limited_by_their_size_too() -> None:
    async def main() -> None:
        app = app_of(counter, max_message_bytes=100)
        async with serving(app) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "2"})
            await settle()
            for size in (50, 30, 30, 20):  # the third is too much, and the fourth is not
                await session.send_text('{"prompt": "1"}'.ljust(size))
            messages = [each for _ in range(4) for each in await turn_of(session)]
            assert text_of(messages) == "0 1 0 0 0 "
            refused = {"t": "error", "error": "Too many prompts are waiting."}
            assert [each for each in messages if each["t"] == "error"] == [refused]

            await session.send_text('{"prompt": "1"}'.ljust(100))  # alone, it may be as large
            assert text_of(await turn_of(session)) == "0 "

    run(main())


def test_too_many_prompts_are_refused() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server, server.websocket("/ws") as session:
            for _ in range(20):
                await session.send_json({"prompt": "x"})
            messages = [await session.receive_json() for _ in range(5)]
            assert {"t": "error", "error": "Too many prompts are waiting."} in messages

    run(main())


def test_a_session_goes_on_by_request_and_by_websocket() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server, server.websocket("/ws") as session:
            await ask(server, "a")
            await read(server)
            await session.send_json({"prompt": "b", "session_id": "s"})
            assert text_of(await turn_of(session)) == "[user: a] [assistant: a] b"
            assert len((await server.request("GET", "/sessions/s")).json()["history"]) == 4

    run(main())


def test_b8_a_history_of_its_own_poisons_nobody() -> None:
    async def main() -> None:
        async with (
            serving(app_of(parrot)) as server,
            server.websocket("/ws") as one,
            server.websocket("/ws") as two,
        ):
            history = [{"role": "user", "content": "x"}]
            await one.send_json({"prompt": "a", "history": history})
            assert text_of(await turn_of(one)) == "[user: x] a"
            await two.send_json({"prompt": "b"})
            assert text_of(await turn_of(two)) == "b"
            await one.send_text('{"prompt": "c", "history": [{"role": "user", "content": NaN}]}')
            refused = await one.receive_json()
            assert refused["t"] == "error"
            assert "Invalid JSON" in refused["error"]

    run(main())


def test_a_failure_is_told_once_and_the_connection_stays() -> None:
    async def main() -> None:
        async with serving(app_of(failing)) as server, server.websocket("/ws") as session:
            for _ in range(2):
                await session.send_json({"prompt": "x"})
                messages = await turn_of(session)
                assert [each["t"] for each in messages] == [
                    *("block_start", "text", "block_end", "error", "done")
                ]
                assert "hunter2" not in json.dumps(messages)

    run(main())


def test_at_the_limit_a_prompt_is_refused_and_the_next_one_may_do() -> None:
    async def main() -> None:
        async with (
            serving(app_of(counter, max_concurrent_sessions=1)) as server,
            server.websocket("/ws") as session,
        ):
            await ask(server, "5")
            await session.send_json({"prompt": "1"})
            refused = {"t": "error", "error": "Maximum concurrent sessions (1) reached"}
            assert await session.receive_json() == refused
            await session.send_json({"prompt": "1", "session_id": "s"})
            busy = {"t": "error", "error": "This session has a turn under way."}
            assert await session.receive_json() == busy
            await read(server)
            await session.send_json({"prompt": "1"})
            assert text_of(await turn_of(session)) == "0 "

    run(main())


def test_sound_goes_both_ways() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            async for sound in turn.inbox:
                yield Audio("audio/pcm", sound[::-1])
                if sound == b"end":
                    return

        async with serving(app_of(agent)) as server, server.websocket("/ws") as session:
            await session.send_bytes(b"too early")
            assert await session.receive_json() == {
                "t": "error",
                "error": "Expected a text message",
            }
            await session.send_json({"prompt": "echo"})
            await settle()
            for sound in (b"\x00\x01", b"end"):
                await session.send_bytes(sound)
                assert await session.receive_json() == {"t": "audio", "media_type": "audio/pcm"}
                assert await session.receive() == sound[::-1]
            assert [each["t"] for each in await turn_of(session)] == ["complete", "done"]

    run(main())


def test_sound_that_the_agent_does_not_hear_is_refused_in_the_end() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "x"})
            for _ in range(2):
                await session.receive()
            for _ in range(10):
                await session.send_bytes(bytes(1 << 20))
            refusal = {"t": "error", "error": "The agent does not read its messages."}
            assert [await session.receive_json() for _ in range(2)] == [refusal] * 2

    run(main())


# To cancel


def test_b10_a_cancel_is_heard_while_the_agent_speaks() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "100"})
            await asyncio.sleep(2.5)
            await session.send_json({"type": "cancel"})
            messages = await turn_of(session)
            assert now() < 2.6
            assert messages[-2:] == [{"t": "cancelled"}, {"t": "done"}]
            assert text_of(messages) == "0 1 "
            await session.send_json({"prompt": "1"})
            assert text_of(await turn_of(session)) == "0 "

    run(main())


def test_a_cancel_that_comes_with_the_prompt_cancels_it() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "100"})
            await session.send_json({"type": "cancel"})
            assert (await turn_of(session))[-2] == {"t": "cancelled"}
            await session.send_json({"prompt": "1"})
            assert (await turn_of(session))[-2] == {"t": "complete", "data": "0 "}

    run(main())


def test_a_cancel_while_the_turn_begins_cancels_it() -> None:
    async def main() -> None:
        app = app_of(counter, log=FaultyLog(seconds=0.5))
        async with serving(app) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "100"})
            await asyncio.sleep(0.2)
            await session.send_json({"type": "cancel"})
            assert (await turn_of(session))[-2] == {"t": "cancelled"}

    run(main())


def test_a_cancel_of_a_prompt_that_is_refused_is_not_kept_for_the_next() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server, server.websocket("/ws") as session:
            await ask(server, "2")
            await session.send_json({"prompt": "1", "session_id": "s"})
            await session.send_json({"type": "cancel"})
            assert (await session.receive_json())["t"] == "error"
            await session.send_json({"prompt": "1"})
            assert (await turn_of(session))[-2] == {"t": "complete", "data": "0 "}

    run(main())


def test_s2_there_is_nothing_to_cancel_when_nothing_runs() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server, server.websocket("/ws") as session:
            for _ in range(2):
                await session.send_json({"type": "cancel"})
                assert await session.receive_json() == {
                    "t": "error",
                    "error": "Nothing is running.",
                }
                await session.send_json({"prompt": "x"})
                await turn_of(session)

    run(main())


# To answer


def test_a_question_is_answered_on_the_same_connection() -> None:
    async def main() -> None:
        async with serving(app_of(asking)) as server, server.websocket("/ws") as session:
            await session.send_json({"type": "answer", "id": "q", "value": 1})
            unknown = {"t": "error", "error": "Nobody has asked this question."}
            assert await session.receive_json() == unknown
            await session.send_json({"prompt": "weather?"})
            question = await session.receive_json()
            assert question["prompt"] == "Which city?"
            await session.send_json({"type": "answer", "id": "other", "value": 1})
            assert await session.receive_json() == unknown
            await session.send_json({"type": "answer", "id": question["id"], "value": "Tokyo"})
            approval = await session.receive_json()
            await session.send_json({"type": "answer", "id": approval["id"], "value": True})
            assert text_of(await turn_of(session)) == "sunny in Tokyo"

    run(main())


# To resume


def test_a_connection_that_comes_back_reads_the_rest_of_the_turn() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server:
            async with server.websocket("/ws") as session:
                await session.send_json({"prompt": "6", "session_id": "s"})
                first = [await session.receive_json() for _ in range(3)]
                session.disconnect()
            await asyncio.sleep(1)
            async with server.websocket("/ws") as session:
                resume = {"type": "resume", "session_id": "s", "last_event_id": "1-3"}
                await session.send_json(resume)
                rest = await turn_of(session)
                assert text_of(first + rest) == "0 1 2 3 4 5 "
                await session.send_json({"type": "resume", "session_id": "s"})
                assert await turn_of(session) == first + rest  # the whole turn again

    run(main())


def test_a_resumed_turn_can_be_cancelled() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server, server.websocket("/ws") as session:
            await ask(server, "x")
            await session.send_json({"type": "resume", "session_id": "s"})
            await session.receive()
            await session.send_json({"type": "cancel"})
            assert (await turn_of(session))[-2] == {"t": "cancelled"}

    run(main())


def test_a_resume_of_what_was_never_there_is_refused() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server, server.websocket("/ws") as session:
            await session.send_json({"type": "resume", "session_id": "nobody"})
            assert await session.receive_json() == {
                "t": "error",
                "error": "Session not found or expired",
            }
            await ask(server, "a")
            end = (await read(server))[-1].id
            await session.send_json({"type": "resume", "session_id": "s", "last_event_id": end})
            assert await session.receive_json() == {
                "t": "error",
                "error": "Nothing follows this event ID.",
            }

    run(main())


def test_a_resume_after_an_id_that_is_not_known_begins_with_a_gap() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server, server.websocket("/ws") as session:
            await ask(server, "a")
            resume = {"type": "resume", "session_id": "s", "last_event_id": "7-1"}
            await session.send_json(resume)
            gap, *messages = await turn_of(session)
            assert gap == {
                "t": "data",
                "name": "gap",
                "value": {"last_event_id": "7-1", "next_event_id": "1-1"},
            }
            assert text_of(messages) == "a"

    run(main())


# What it does not understand


@pytest.mark.parametrize(
    "message",
    ["", "nonsense", "[]", "5", "{}", '{"prompt": ""}', '{"prompt": 5}', '{"type": "zzz"}', b"\0"],
)
@pytest.mark.parametrize("path", ["/ws", "/ws/agent"])
def test_s4_input_that_is_not_understood_is_refused_and_the_connection_stays(
    path: str, message: str | bytes
) -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server, server.websocket(path) as session:
            for _ in range(2):
                if isinstance(message, str):
                    await session.send_text(message)
                else:
                    await session.send_bytes(message)
                refusal = await session.receive_json()
                assert "error" in refusal.values()
                await session.send_json(
                    {"prompt": "hi"} if path == "/ws" else {"type": "message", "content": "hi"}
                )
                while (await session.receive_json()).get("t", "done") != "done":
                    pass
                if path == "/ws/agent":
                    while (await session.receive_json())["type"] != "done":
                        pass

    run(main())


def test_a_message_that_is_too_long_is_refused_and_the_connection_stays() -> None:
    async def main() -> None:
        async with (
            serving(app_of(parrot, max_message_bytes=100)) as server,
            server.websocket("/ws") as session,
        ):
            await session.send_json({"prompt": "x" * 100})
            refusal = await session.receive_json()
            assert refusal == {"t": "error", "error": "a message may have 100 bytes"}
            await session.send_json({"prompt": "hi"})
            assert text_of(await turn_of(session)) == "hi"

    run(main())


# Silence, and the end


def test_a_silent_connection_is_pinged_every_fifteen_seconds() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server, server.websocket("/ws") as session:
            for expected in (15, 30):
                assert await session.receive_json() == {"t": "ping"}
                assert round(now()) == expected
            await session.send_json({"prompt": "20"})
            assert {"t": "ping"} not in await turn_of(session)  # it was not silent
            assert round(now()) == 50
            assert await session.receive_json() == {"t": "ping"}
            assert round(now()) == 65

    run(main())


@pytest.mark.parametrize("host", HOSTS)
def test_b9_a_client_that_leaves_ends_the_connection_and_not_the_run(host: str) -> None:
    async def main() -> None:
        async with Server(create_app(counter), behaviour=HOSTS[host]) as server:
            async with server.websocket("/ws") as session:
                await session.send_json({"prompt": "5", "session_id": "s"})
                for _ in range(2):
                    await session.receive()
                session.disconnect()
            await asyncio.sleep(10)
            shown = (await server.request("GET", "/sessions/s")).json()
            assert shown["history"][-1]["content"] == "0 1 2 3 4 "

    run(main())


def test_a_client_that_leaves_may_end_its_run() -> None:
    async def main() -> None:
        async with serving(app_of(silent, on_disconnect="cancel")) as server:
            async with server.websocket("/ws") as session:
                await session.send_json({"prompt": "5", "session_id": "s"})
                await session.receive()
            await settle()
            assert (await server.request("GET", "/sessions/s")).json()["status"] == "cancelled"

    run(main())


def test_a_client_that_leaves_before_it_was_accepted_is_no_error() -> None:
    async def main() -> None:
        app = create_app(parrot)
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.disconnect", "code": 1006}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/ws", "headers": []}
        await app(scope, receive, send)
        assert sent == []

    run(main())


def test_a_client_that_does_not_read_is_cut_off_and_the_run_goes_on() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(1000):
                yield "x" * 1000
                await asyncio.sleep(0)
            yield Complete("")

        app = app_of(agent, lead_bytes=100_000, patience=10)
        async with serving(app) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "x", "session_id": "s"})
            await asyncio.sleep(60)
            assert (await server.request("GET", "/sessions/s")).json()["status"] == "completed"
            received, closed = await all_of(session)
            assert closed.code == 4408
            assert len(received) < 300

    with pytest.raises(Exception, match="did not accept a message"):
        run(main())


def test_a_turn_that_is_cut_off_closes_the_connection_so_that_the_client_comes_again() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(100):
                yield "x" * 1000
                await asyncio.sleep(0)

        # The run is less patient than the connection.
        app = app_of(agent)
        app.service.runs._config = app_of(agent, lead_bytes=1000, patience=5).config
        async with serving(app) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "x", "session_id": "s"})
            await asyncio.sleep(20)
            _, closed = await all_of(session)
            assert (closed.code, closed.reason) == (4408, "cut off: reconnect and resume")
        async with serving(app) as server, server.websocket("/ws") as session:
            await session.send_json({"type": "resume", "session_id": "s"})
            assert len(text_of(await turn_of(session))) == 100_000

    run(main())


def test_a_log_that_fails_is_told_without_its_words_and_the_connection_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        log = FaultyLog()
        async with serving(app_of(parrot, log=log)) as server, server.websocket("/ws") as session:
            log.is_down = True
            await session.send_json({"prompt": "x"})
            refusal = {"t": "error", "error": "The event log cannot be reached."}
            assert await session.receive_json() == refusal
            log.is_down = False
            await session.send_json({"prompt": "x"})
            assert text_of(await turn_of(session)) == "x"

    run(main())
    assert "hunter2" in caplog.text


def test_a_server_that_drains_ends_the_turn_and_then_the_connection() -> None:
    async def main() -> None:
        app = app_of(silent)
        async with serving(app) as server, server.websocket("/ws") as session:
            await session.send_json({"prompt": "x"})
            await settle()
            await app.drain(0)
            *_, error, done = await turn_of(session)
            assert (error["t"], error["code"], done) == ("error", "shutdown", {"t": "done"})
            received, closed = await all_of(session)
            assert received == []
            assert (closed.code, closed.reason) == (4503, "the server is shutting down")

    run(main())


def test_a_server_that_drains_refuses_prompts_and_closes_idle_connections_last() -> None:
    async def main() -> None:
        app = app_of(counter)
        async with (
            serving(app) as server,
            server.websocket("/ws") as busy,
            server.websocket("/ws") as idle,
        ):
            await busy.send_json({"prompt": "3"})
            await settle()
            draining = asyncio.create_task(app.drain(10))
            await settle()
            await idle.send_json({"prompt": "1"})
            refusal = {"t": "error", "error": "The server is shutting down."}
            assert await idle.receive_json() == refusal
            assert text_of(await turn_of(busy)) == "0 1 2 "
            for session in (busy, idle):
                assert (await all_of(session))[1].code == 4503
            await draining

    run(main())


# The lesson's


def test_the_lesson_s_connection_tells_a_turn_in_its_own_words() -> None:
    async def main() -> None:
        async with serving(app_of(parrot)) as server, server.websocket("/ws/agent") as session:
            for expected in ("hi", "[user: hi] [assistant: hi] hi"):
                await session.send_json({"type": "message", "content": "hi"})
                assert await session.receive_json() == {"type": "status", "content": "Thinking..."}
                said = ""
                while (message := await session.receive_json())["type"] == "token":
                    said += message["content"]
                assert message == {"type": "done", "content": expected}
                assert said == expected

    run(main())


def test_s1_a_cancel_stops_the_lesson_s_agent_at_once() -> None:
    async def main() -> None:
        async with serving(app_of(counter)) as server, server.websocket("/ws/agent") as session:
            await session.send_json({"type": "message", "content": "100"})
            await asyncio.sleep(1.5)
            await session.send_json({"type": "cancel"})
            messages = [await session.receive_json() for _ in range(3)]
            assert messages == [
                {"type": "status", "content": "Thinking..."},
                {"type": "token", "content": "0 "},
                {"type": "cancelled", "content": "Agent execution cancelled"},
            ]
            await session.send_json({"type": "zzz"})
            refusal = {"type": "error", "content": "Unknown event type: zzz"}
            assert await session.receive_json() == refusal

    run(main())


def test_the_lesson_s_connection_has_heartbeats() -> None:
    async def main() -> None:
        async with serving(app_of(silent)) as server, server.websocket("/ws/agent") as session:
            assert await session.receive_json() == {"type": "heartbeat"}
            assert round(now()) == 15
            assert await session.receive_json() == {"type": "heartbeat"}

    run(main())


def test_a_cancel_is_for_a_turn_that_this_connection_follows() -> None:
    async def main() -> None:
        async with (
            serving(app_of(counter)) as server,
            server.websocket("/ws") as one,
            server.websocket("/ws") as two,
        ):
            await one.send_json({"prompt": "1", "session_id": "s"})
            await turn_of(one)
            await two.send_json({"prompt": "3", "session_id": "s"})
            await settle()
            await one.send_json({"type": "cancel"})
            assert await one.receive_json() == {"t": "error", "error": "Nothing is running."}
            assert text_of(await turn_of(two)) == "0 1 2 "

    run(main())
