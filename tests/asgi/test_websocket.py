"""The WebSocket: its handshake, and its table."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.asgi import WebSocket
from asgi_agent.asgi.types import Message, Scope
from asgi_agent.asgi.websocket import (
    CLOSE_SECONDS,
    TRANSITIONS,
    State,
)
from asgi_agent.errors import ClientDisconnected, InvalidMessage
from asgi_agent.testing import run
from tests.asgi.fake_hosts import (
    CONNECT,
    GONE,
    BrokenHost,
    Host,
    StuckHost,
    of_closed,
    opened,
    text,
    websocket_scope,
)

DENIAL = {"websocket.http.response": {}}


# ── accept ───────────────────────────────────────────────────────────────────────────────────


def test_connect_is_read_before_the_accept_is_sent() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = WebSocket(websocket_scope(), host.receive, host.send)
        assert websocket.state is State.NEW
        await websocket.accept()
        assert websocket.state is State.OPEN
        assert not host.incoming
        assert host.sent == [{"type": "websocket.accept", "subprotocol": None, "headers": []}]

    run(main())


def test_an_offered_subprotocol_is_accepted() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        scope = websocket_scope(subprotocols=["chat", "agent.v1"])
        websocket = WebSocket(scope, host.receive, host.send)
        assert websocket.subprotocols == ("chat", "agent.v1")
        await websocket.accept("agent.v1")
        assert host.sent[0]["subprotocol"] == "agent.v1"

    run(main())


@pytest.mark.parametrize("offer", [{}, {"subprotocols": None}, {"subprotocols": ["chat"]}])
def test_a_subprotocol_that_was_not_offered_is_never_sent(offer: dict[str, Any]) -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = WebSocket(websocket_scope(**offer), host.receive, host.send)
        with pytest.raises(InvalidMessage, match="not offered"):
            await websocket.accept("agent.v1")
        assert not host.sent
        await websocket.accept()  # and the handshake can still be answered

    run(main())


def test_a_client_that_left_before_the_accept_has_left() -> None:
    async def main() -> None:
        host = Host(GONE)
        websocket = WebSocket(websocket_scope(), host.receive, host.send)
        with pytest.raises(ClientDisconnected) as error:
            await websocket.accept()
        assert of_closed(error) == (1001, "going")
        assert not host.sent

    run(main())


@pytest.mark.parametrize("first", [text("hi"), {"type": "http.request"}])
def test_a_host_that_does_not_begin_with_connect_is_refused(first: Message) -> None:
    async def main() -> None:
        host = Host(first)
        websocket = WebSocket(websocket_scope(), host.receive, host.send)
        with pytest.raises(InvalidMessage, match="is not allowed: the WebSocket is new"):
            await websocket.accept()

    run(main())


# ── deny ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scope", [websocket_scope(), websocket_scope(extensions=None)])
def test_a_denial_is_a_close_where_the_host_has_nothing_better(scope: Scope) -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = WebSocket(scope, host.receive, host.send)
        await websocket.deny(503, body=b"no")
        assert host.sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]
        assert not host.incoming

    run(main())


def test_a_denial_is_a_response_with_one_body_where_the_host_offers_it() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = WebSocket(websocket_scope(extensions=DENIAL), host.receive, host.send)
        await websocket.deny(503, headers=[(b"retry-after", b"1")], body=b"full")
        headers = [(b"retry-after", b"1"), (b"content-length", b"4")]
        assert host.sent == [
            {"type": "websocket.http.response.start", "status": 503, "headers": headers},
            {"type": "websocket.http.response.body", "body": b"full", "more_body": False},
        ]
        await websocket.deny()
        await websocket.close()
        assert len(host.sent) == 2

    run(main())


def test_a_denial_that_was_interrupted_is_not_closed_as_well() -> None:
    async def main() -> None:
        host = StuckHost(CONNECT, is_stuck=lambda message: "start" in message["type"])
        websocket = WebSocket(websocket_scope(extensions=DENIAL), host.receive, host.send)
        await websocket.deny()
        assert websocket.state is State.DENYING
        assert asyncio.get_running_loop().time() == pytest.approx(CLOSE_SECONDS)
        await websocket.close()
        assert not host.sent

    run(main())


def test_a_denial_breaks_in_silence() -> None:
    async def main() -> None:
        host = BrokenHost(CONNECT, error=OSError(), at=0)
        websocket = WebSocket(websocket_scope(extensions=DENIAL), host.receive, host.send)
        await websocket.deny()
        assert websocket.state is State.CLOSED

    run(main())


def test_an_accepted_websocket_cannot_be_denied() -> None:
    async def main() -> None:
        websocket = await opened(Host(CONNECT))
        with pytest.raises(InvalidMessage, match="close it"):
            await websocket.deny()

    run(main())


# ── the table ────────────────────────────────────────────────────────────────────────────────

USES: list[Callable[[WebSocket], Awaitable[object]]] = [
    lambda websocket: websocket.receive(),
    lambda websocket: websocket.send_text("a"),
    lambda websocket: websocket.send_bytes(b"a"),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("is_connected", [True, False])
def test_nothing_is_said_or_heard_before_the_accept(
    use: Callable[[WebSocket], Awaitable[object]], is_connected: bool
) -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = WebSocket(websocket_scope(), host.receive, host.send)
        if is_connected:
            with pytest.raises(InvalidMessage):
                await websocket.send_text("")
            await websocket._connect()
        with pytest.raises(InvalidMessage):
            await use(websocket)
        assert not host.sent

    run(main())


def test_it_is_accepted_once() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        websocket = await opened(host)
        with pytest.raises(InvalidMessage, match=r"websocket\.accept is not allowed"):
            await websocket.accept()
        assert len(host.sent) == 1

    run(main())


def test_a_message_that_the_table_does_not_have_is_refused() -> None:
    async def main() -> None:
        websocket = await opened(Host(CONNECT, {"type": "websocket.ping"}))
        with pytest.raises(InvalidMessage, match=r"websocket\.ping"):
            await websocket.receive()

    run(main())


def test_nothing_leads_out_of_closed_and_every_state_can_be_reached() -> None:
    ends = {new for (state, _), new in TRANSITIONS.items() if state is State.CLOSED}
    assert ends == {State.CLOSED}
    assert {*TRANSITIONS.values(), State.NEW} == set(State)
    for state in State:
        assert TRANSITIONS[state, "websocket.disconnect"] is State.CLOSED


# ── its life with hypothesis: no host ever sees what it must not ─────────────────────────────

ACTIONS: dict[str, Callable[[WebSocket], Awaitable[object]]] = {
    "accept": lambda websocket: websocket.accept(),
    "deny": lambda websocket: websocket.deny(),
    "close": lambda websocket: websocket.close(),
    "receive": lambda websocket: websocket.receive(),
    "send": lambda websocket: websocket.send_text("a"),
}


@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=8), st.booleans())
@example(["accept", "send", "close", "close", "send", "receive", "deny"], False)
@example(["deny", "close", "accept"], True)
@example(["close", "accept", "deny"], True)
def test_whatever_the_application_does_the_host_sees_a_well_formed_life(
    names: list[str], can_respond: bool
) -> None:
    async def main() -> None:
        host = Host(CONNECT, text("a"), text("b"), GONE)
        scope = websocket_scope(extensions=DENIAL if can_respond else {})
        websocket = WebSocket(scope, host.receive, host.send)
        for name in names:
            try:
                await ACTIONS[name](websocket)
            except (InvalidMessage, ClientDisconnected):
                continue
        check(host.kinds)

    def check(kinds: list[str]) -> None:
        state = State.CONNECTING
        for kind in kinds:
            state = TRANSITIONS[state, kind]
        assert kinds.count("websocket.close") <= 1

    asyncio.run(main())
