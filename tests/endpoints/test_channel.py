"""One WebSocket, many requests: each is answered under its key, and none holds up another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asgi_agent import AgentApp, Turn
from asgi_agent.agents import Agent
from asgi_agent.endpoints.channel import BROKEN, RESPONSES_AT_ONCE
from asgi_agent.endpoints.connection import RESTARTING
from asgi_agent.endpoints.exchange import FAILED
from asgi_agent.events import ClientTool
from asgi_agent.testing import Behaviour, Server, WebSocketClosed, WebSocketSession, run, settle
from tests.endpoints.serving_agents import app_of, counter, failing, parrot, silent
from tests.endpoints.tiny import QuietChannel, TinyApp, TinyChannel
from tests.runs.faulty_log import FaultyLog


@asynccontextmanager
async def connected(
    agent: Agent, channel: TinyChannel | None = None, **settings: Any
) -> AsyncIterator[tuple[WebSocketSession, AgentApp]]:
    app = app_of(agent, **settings)
    async with Server(TinyApp(app, channel)) as server, server.websocket("/") as session:
        assert session.accepted
        yield session, app


async def ask(session: WebSocketSession, key: str = "k", **asked: Any) -> None:
    await session.send_json({"key": key, **asked})


async def told(session: WebSocketSession, key: str = "k") -> list[str]:
    """The messages up to the one that ends the response of this key."""
    messages: list[str] = []
    while not messages or messages[-1] != key:
        messages.append(str(await session.receive()))
    return messages


async def heard(session: WebSocketSession, count: int) -> list[str]:
    return [str(await session.receive()) for _ in range(count)]


async def located(turn: Turn) -> Any:
    yield ClientTool("t", "where", {})
    yield f"You are in {(await anext(aiter(turn.inbox)))['value']}."


# Requests and responses


def test_a_turn_is_told_under_its_key() -> None:
    async def main() -> None:
        async with connected(parrot) as (session, _):
            await ask(session, prompt="hi")
            assert await told(session) == ["k:opened", "k:begin 1 0", "k:hi", "k:complete", "k"]

    run(main())


def test_many_requests_are_answered_at_once() -> None:
    async def main() -> None:
        async with connected(counter) as (session, _):
            await ask(session, "a", prompt="2")
            await ask(session, "b", prompt="1")
            words = [each for each in await heard(session, 11) if each[2:] in ("0 ", "1 ", "")]
            assert [each for each in words if ":" in each] == ["a:0 ", "b:0 ", "a:1 "]

    run(main())


def test_the_principal_of_the_connection_asks() -> None:
    async def who(turn: Turn) -> Any:
        yield str(turn.principal)

    async def main() -> None:
        async with connected(who) as (session, _):
            await ask(session)
            assert "k:me" in await told(session)

    run(main())


def test_a_reply_is_one_message() -> None:
    async def main() -> None:
        async with connected(parrot) as (session, _):
            await ask(session, do="reply", content="pong")
            assert await session.receive() == "pong"

    run(main())


def test_a_question_ends_a_response_and_the_next_request_answers_it() -> None:
    async def main() -> None:
        async with connected(located, on_disconnect="cancel") as (session, _):
            await ask(session, session_id="s")
            assert (await told(session))[-3:] == ["k:call t", "k:pause", "k"]
            await asyncio.sleep(1)
            await ask(session, answers=[["s", "t", "Rome"]])
            assert "k:You are in Rome." in await told(session)

    run(main())


def test_a_turn_is_followed_whether_or_not_it_has_ended() -> None:
    async def main() -> None:
        async with connected(counter) as (session, _):
            await ask(session, "one", prompt="1", session_id="s")
            await heard(session, 2)
            for _ in range(2):
                await ask(session, "two", do="follow", session_id="s")
                assert (await told(session, "two"))[-2:] == ["two:complete", "two"]

    run(main())


def test_where_nothing_is_active_there_is_nothing_to_follow() -> None:
    async def main() -> None:
        async with connected(silent) as (session, app):
            turn = await app.service.sessions.create_session("hi", None, "s")
            await ask(session, do="follow", session_id="s", only_active=True)
            assert await heard(session, 3) == ["k:opened", "k:begin 1 0", "k:..."]
            await app.service.sessions.cancel(turn)
            assert await told(session) == ["k:cancelled", "k"]
            await ask(session, do="follow", session_id="s", only_active=True)
            assert await session.receive() == "k"

    run(main())


def test_a_turn_is_cancelled_by_a_request_of_its_own() -> None:
    async def main() -> None:
        async with connected(silent) as (session, _):
            await ask(session, session_id="s")
            await heard(session, 3)
            await ask(session, "c", do="cancel", session_id="s")
            assert await told(session) == ["k:cancelled", "k"]

    run(main())


# Keys


def test_a_key_is_taken_until_its_response_has_ended() -> None:
    async def main() -> None:
        async with connected(counter) as (session, _):
            await ask(session, prompt="1")
            await ask(session, prompt="2")
            messages = await told(session)
            assert "k!This request is being answered." in messages
            assert "k:complete" in messages
            await ask(session, prompt="0")
            assert "k:complete" in await told(session)

    run(main())


def test_a_key_is_free_once_its_last_frames_can_be_read() -> None:
    async def main() -> None:
        async with connected(parrot) as (session, _):
            await ask(session, prompt="hi")
            while await session.receive() != "k:complete":
                pass
            await ask(session, prompt="ho")
            messages = await told(session)
            messages += await told(session)
            assert [each for each in messages if "!" in each] == []
            assert "k:ho" in messages

    run(main())


def test_it_is_free_although_the_client_reads_slowly() -> None:
    async def main() -> None:
        app = app_of(parrot)
        held = Behaviour(window=0)
        async with (
            Server(TinyApp(app)) as server,
            server.websocket("/", behaviour=held) as session,
        ):
            await ask(session, prompt="hi")
            assert await heard(session, 3) == ["k:opened", "k:begin 1 0", "k:hi"]
            await settle()  # the last frame is being sent
            await ask(session, prompt="ho")
            assert await told(session) == ["k:complete", "k"]
            assert "k:ho" in await told(session)

    run(main())


def test_too_many_requests_at_once_are_refused() -> None:
    async def main() -> None:
        async with connected(silent) as (session, _):
            for number in range(RESPONSES_AT_ONCE + 1):
                await ask(session, str(number))
            refused = [each for each in await heard(session, 3 * 16 + 1) if "!" in each]
            assert refused == ["16!Too many requests at once."]

    run(main())


# Requests that are given up


def test_who_is_told_no_more_may_come_back() -> None:
    async def main() -> None:
        async with connected(counter) as (session, app):
            await ask(session, prompt="2", session_id="s")
            assert await heard(session, 3) == ["k:opened", "k:begin 1 0", "k:0 "]
            await ask(session, do="abort")
            await asyncio.sleep(5)
            assert (await app.service.sessions.get_session("s")).status == "completed"
            await ask(session, "again", do="follow", session_id="s")
            assert (await told(session, "again"))[2:4] == ["again:0 ", "again:1 "]

    run(main())


def test_a_turn_is_cancelled_with_its_response() -> None:
    async def main() -> None:
        async with connected(silent) as (session, _):
            await ask(session)
            await heard(session, 3)
            await ask(session, do="abort", cancel=True)
            assert await told(session) == ["k:cancelled", "k"]

    run(main())


def test_a_turn_is_cancelled_even_while_it_begins() -> None:
    async def main() -> None:
        async with connected(silent, log=FaultyLog(seconds=1)) as (session, app):
            await ask(session, session_id="s")
            await ask(session, do="abort", cancel=True)
            assert (await told(session))[-2:] == ["k:cancelled", "k"]
            assert app.service.runs.active_count == 0
            await ask(session, session_id="s")
            assert "k:..." in await heard(session, 3)

    run(main())


def test_to_give_up_what_is_over_is_nothing() -> None:
    async def main() -> None:
        async with connected(parrot) as (session, _):
            for cancel in (True, False):
                await ask(session, do="abort", cancel=cancel)
            await ask(session, prompt="hi")
            assert "k:hi" in await told(session)

    run(main())


def test_to_cancel_what_was_removed_is_nothing() -> None:
    async def main() -> None:
        app = app_of(silent)
        held = Behaviour(window=0)
        async with (
            Server(TinyApp(app)) as server,
            server.websocket("/", behaviour=held) as session,
        ):
            await ask(session, session_id="s")
            await settle()  # the client does not read
            await app.service.sessions.remove_session("s")
            await ask(session, do="abort", cancel=True)
            await settle()
            assert (await told(session))[-1] == "k"
            await ask(session, do="reply", content="pong")
            assert await session.receive() == "pong"

    run(main())


# What is not understood, and what fails


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Expected an object"),
        (b"{}", "Expected a text message"),
        (" " * 20_000, "a message may have 10000 bytes"),
    ],
)
def test_what_is_not_understood_is_told_and_the_connection_stays(
    message: str | bytes, why: str
) -> None:
    async def main() -> None:
        async with connected(parrot) as (session, _):
            send = session.send_bytes if isinstance(message, bytes) else session.send_text
            await send(message)  # type: ignore[arg-type]
            assert await session.receive() == f"None!{why}"
            await ask(session, prompt="hi")
            assert "k:hi" in await told(session)

    run(main())


def test_a_message_that_came_with_the_handshake_is_answered() -> None:
    async def main() -> None:
        app = app_of(parrot)
        async with Server(TinyApp(app)) as server, server.websocket("/") as session:
            await session.send_text("{")
            assert await session.receive() == "None!Invalid JSON"

    run(main())


def test_what_cannot_be_done_is_refused_under_its_key() -> None:
    async def main() -> None:
        async with connected(silent, max_concurrent_sessions=1) as (session, _):
            await ask(session, "a", do="follow", session_id="unknown")
            assert await session.receive() == "a!Session not found or expired"
            await ask(session, "b")
            await heard(session, 3)
            await ask(session, "c")
            assert "Maximum concurrent sessions" in str(await session.receive())

    run(main())


def test_a_log_that_cannot_be_reached_is_told_without_its_secrets() -> None:
    async def main() -> None:
        log = FaultyLog()
        async with connected(parrot, log=log) as (session, _):
            log.is_down = True
            await ask(session, prompt="hi")
            assert await session.receive() == "k!The event log cannot be reached."

    run(main())


def test_the_failure_of_an_agent_is_told() -> None:
    async def main() -> None:
        async with connected(failing) as (session, _):
            await ask(session)
            assert (await told(session))[-3:] == ["k:half", "k:error", "k"]

    run(main())


def test_what_cannot_be_told_ends_its_response_and_no_other() -> None:
    async def main() -> None:
        async with connected(parrot) as (session, _):
            await ask(session, prompt="hi", fails_at="hi")
            assert (await told(session))[-2:] == [f"k:{FAILED}", "k"]
            await ask(session, prompt="ho")
            assert "k:ho" in await told(session)

    run(main())


def test_what_fails_before_it_begins_is_refused() -> None:
    async def main() -> None:
        async with connected(parrot) as (session, _):
            await ask(session, answers=[[[], "t", 1]])
            assert await session.receive() == f"k!{FAILED}"

    run(main())


def test_a_failure_that_cannot_be_told_closes_the_connection() -> None:
    async def main() -> None:
        class Mute(TinyChannel):
            def messages(self, key: str, frames: Any) -> list[str]:
                raise RuntimeError("no words")

        async with connected(parrot, Mute()) as (session, _):
            await ask(session, prompt="hi")
            with pytest.raises(WebSocketClosed) as closed:
                await heard(session, 2)
            assert closed.value.code == BROKEN

    run(main())


# Silence, and the end


def test_silence_is_broken_by_a_ping() -> None:
    async def main() -> None:
        async with connected(counter, ping_seconds=15) as (session, _):
            assert await session.receive() == "ping"
            assert asyncio.get_running_loop().time() >= 15

    run(main())


def test_a_dialect_may_have_no_ping() -> None:
    async def main() -> None:
        async with connected(parrot, QuietChannel(), ping_seconds=1) as (session, _):
            await asyncio.sleep(10)
            await ask(session, prompt="hi")
            assert await session.receive() == "k:opened"

    run(main())


def test_a_client_that_leaves_is_told_no_more_and_its_turns_go_on() -> None:
    async def main() -> None:
        async with connected(silent) as (session, app):
            await ask(session)
            await heard(session, 3)
            await session.close()
            await settle()
            assert app.service.runs.active_count == 1

    run(main())


def test_a_client_that_leaves_cancels_where_that_is_asked_for() -> None:
    async def main() -> None:
        async with connected(silent, on_disconnect="cancel") as (session, app):
            await ask(session)
            await heard(session, 3)
            await session.close()
            await asyncio.sleep(1)
            assert app.service.runs.active_count == 0

    run(main())


@pytest.mark.parametrize("sent", [2, 3, 4, 5])
def test_a_client_that_is_found_to_have_left_is_no_error(sent: int) -> None:
    async def main() -> None:
        behaviour = Behaviour(send_error=OSError, send_error_at=sent)
        async with (
            Server(TinyApp(app_of(parrot))) as server,
            server.websocket("/", behaviour=behaviour) as session,
        ):
            await ask(session, do="follow", session_id="unknown")
            await ask(session, "l", fails_at="begin 1 0")
            await settle()
            assert session._connection.left

    run(main())


@pytest.mark.parametrize("window", [0, 65_536])
def test_the_server_lets_the_responses_end_and_closes(window: int) -> None:
    async def main() -> None:
        app = app_of(silent)
        held = Behaviour(window=window)
        async with (
            Server(TinyApp(app)) as server,
            server.websocket("/", behaviour=held) as session,
        ):
            await ask(session)
            await heard(session, 3)
            draining = asyncio.create_task(app.drain(1))
            await asyncio.sleep(5)  # the client does not read, and its run has ended
            assert await told(session) == ["k:error", "k"]
            with pytest.raises(WebSocketClosed) as closed:
                await session.receive()
            assert closed.value.code == RESTARTING
            await draining

    run(main())


def test_a_handshake_that_nobody_waits_for_is_no_error() -> None:
    async def main() -> None:
        gone = Behaviour(send_error=OSError, send_error_at=1)
        async with (
            Server(TinyApp(app_of(parrot))) as server,
            server.websocket("/", behaviour=gone) as session,
        ):
            assert not session.accepted

    run(main())
