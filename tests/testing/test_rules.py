"""What a strict host refuses, message by message."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from asgi_agent.asgi.types import ASGIApp, Message, Receive, Scope, Send
from asgi_agent.testing import Behaviour, ProtocolViolation, Server, run
from asgi_agent.testing.rules import INITIAL, TRANSITIONS, Rules, State

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
MORE: Message = {"type": "http.response.body", "body": b"a", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"z"}
ACCEPT: Message = {"type": "websocket.accept"}
TEXT: Message = {"type": "websocket.send", "text": "hello"}
CLOSE: Message = {"type": "websocket.close"}
DENY: Message = {"type": "websocket.http.response.start", "status": 401, "headers": []}
DENIAL: Message = {"type": "websocket.http.response.body", "body": b"no"}

HTTP: Scope = {"type": "http", "method": "GET"}
WEBSOCKET: Scope = {
    "type": "websocket",
    "subprotocols": ["chat"],
    "extensions": {"websocket.http.response": {}},
}


def http(serve: Callable[[Receive, Send], Awaitable[None]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # no lifespan
        await serve(receive, send)

    return app


def answered(app: ASGIApp, **behaviour: Any) -> bytes:
    async def main() -> bytes:
        async with Server(app, behaviour=Behaviour(**behaviour)) as server:
            return (await server.request("GET", "/")).body

    return run(main())


def sent(scope: Scope, *messages: Message) -> Rules:
    rules = Rules(scope)
    for message in messages:
        rules.check(message)
    return rules


def start(**fields: Any) -> Message:
    return {**START, **fields}


@pytest.mark.parametrize(
    ("scope", "messages"),
    [
        (HTTP, [START, LAST]),
        (HTTP, [START, MORE, MORE, LAST]),
        (HTTP, [start(headers=[(b"x-a", b"b c"), (b"x-empty", b"")]), LAST]),
        (HTTP, [start(status=204), {"type": "http.response.body"}]),
        (HTTP | {"method": "HEAD"}, [START, {"type": "http.response.body", "body": b""}]),
        (WEBSOCKET, [ACCEPT, TEXT, {"type": "websocket.send", "bytes": b"", "text": None}, CLOSE]),
        (WEBSOCKET, [{"type": "websocket.accept", "subprotocol": "chat", "headers": []}, CLOSE]),
        (WEBSOCKET, [ACCEPT, {"type": "websocket.close", "code": 4001, "reason": "bye"}]),
        (WEBSOCKET, [CLOSE]),
        (WEBSOCKET, [DENY, {**DENIAL, "more_body": True}, DENIAL]),
        ({"type": "lifespan"}, [{"type": "lifespan.startup.failed"}]),
    ],
)
def test_what_every_host_takes_is_allowed(scope: Scope, messages: list[Message]) -> None:
    assert sent(scope, *messages).done


@pytest.mark.parametrize(
    ("scope", "messages", "rule"),
    [
        (HTTP, [LAST], "'http.response.body' is not allowed before http.response.start"),
        (HTTP, [START, START], "'http.response.start' is not allowed after http.response.start"),
        (HTTP, [START, LAST, LAST], "'http.response.body' is not allowed after the last message"),
        (HTTP, [ACCEPT], "'websocket.accept' is not allowed before http.response.start"),
        (HTTP, [{}], "None is not allowed"),
        (HTTP, [start(status="200")], "an integer from 200 to 599: '200'"),
        (HTTP, [start(status=True)], "an integer from 200 to 599: True"),
        (HTTP, [start(status=999)], "an integer from 200 to 599: 999"),
        (HTTP, [start(status=199)], "an integer from 200 to 599: 199"),
        (HTTP, [start(status=600)], "an integer from 200 to 599: 600"),
        (HTTP, [{"type": "http.response.start", "status": 200}], "the headers are a list: None"),
        (HTTP, [start(headers=())], "the headers are a list"),
        (HTTP, [start(headers=iter([]))], "the headers are a list"),
        (HTTP, [start(headers=[("x", "y")])], "a header is a pair of bytes"),
        (HTTP, [start(headers=[(b"x", "y")])], "a header is a pair of bytes"),
        (HTTP, [start(headers=[(b"x",)])], "a header is a pair of bytes"),
        (HTTP, [start(headers=[(b"X-A", b"y")])], "lower case"),
        (HTTP, [start(headers=[(b"", b"y")])], "lower case"),
        (HTTP, [start(headers=[(b"x a", b"y")])], "lower case"),
        (HTTP, [start(headers=[(b"x", b" y")])], "without padding"),
        (HTTP, [start(headers=[(b"x", b"y\t")])], "without padding"),
        (HTTP, [start(headers=[(b"x", b"a\r\nset-cookie: b")])], "without padding"),
        (HTTP, [START, MORE | {"body": "text"}], "the body is bytes: 'text'"),
        (HTTP, [START, MORE | {"body": bytearray(b"a")}], "the body is bytes"),
        (HTTP, [START, MORE | {"body": None}], "the body is bytes: None"),
        (HTTP | {"method": "HEAD"}, [START, LAST], "this response has no body: b'z'"),
        (HTTP, [start(status=204), LAST], "this response has no body"),
        (HTTP, [start(status=304), LAST], "this response has no body"),
        (WEBSOCKET, [TEXT], "'websocket.send' is not allowed before websocket.accept"),
        (WEBSOCKET, [ACCEPT, ACCEPT], "'websocket.accept' is not allowed after websocket.accept"),
        (WEBSOCKET, [ACCEPT, CLOSE, TEXT], "not allowed after the last message"),
        (WEBSOCKET, [ACCEPT, DENY], "not allowed after websocket.accept"),
        (WEBSOCKET, [DENY, ACCEPT], "not allowed after websocket.http.response.start"),
        (WEBSOCKET, [ACCEPT | {"subprotocol": "x"}], "did not offer this subprotocol: 'x'"),
        (WEBSOCKET, [ACCEPT | {"headers": [(b"X", b"")]}], "lower case"),
        (WEBSOCKET, [ACCEPT, {"type": "websocket.send"}], "either text or bytes"),
        (WEBSOCKET, [ACCEPT, TEXT | {"bytes": b"x"}], "either text or bytes"),
        (WEBSOCKET, [ACCEPT, TEXT | {"text": b"x"}], "either text or bytes"),
        (WEBSOCKET, [CLOSE | {"code": 1006}], "this close code is never sent: 1006"),
        (WEBSOCKET, [CLOSE | {"code": 999}], "this close code is never sent: 999"),
        (WEBSOCKET, [CLOSE | {"reason": "é" * 62}], "a reason is at most 123 bytes"),
        ({"type": "websocket"}, [DENY], "did not offer the extension"),
        ({"type": "lifespan"}, [{"type": "lifespan.shutdown.complete"}], "before lifespan.startup"),
    ],
)
def test_what_some_host_refuses_is_refused(
    scope: Scope, messages: list[Message], rule: str
) -> None:
    *before, last = messages
    rules = sent(scope, *before)
    state = rules.state
    with pytest.raises(ProtocolViolation) as raised:
        rules.check(last)
    assert rule in str(raised.value)
    assert rules.violation is raised.value
    assert rules.state is state


def test_the_first_violation_is_kept() -> None:
    rules = Rules(HTTP)
    for message in (LAST, ACCEPT):
        with pytest.raises(ProtocolViolation):
            rules.check(message)
    assert "http.response.body" in str(rules.violation)


def test_every_state_is_reached_and_only_the_last_is_final() -> None:
    assert {*INITIAL.values(), *TRANSITIONS.values()} == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State) - {State.DONE}


@pytest.mark.parametrize("swallow", [False, True])
def test_a_violation_is_raised_in_the_app_and_again_in_the_test(swallow: bool) -> None:
    seen: list[str] = []

    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await send(START)
        except ProtocolViolation as violation:
            seen.append(str(violation))
            if not swallow:
                raise
        await send(LAST)

    with pytest.raises(ProtocolViolation, match="not allowed after") as raised:
        answered(app)
    assert seen == [str(raised.value)]


@pytest.mark.parametrize("leave", [False, True])
def test_sends_that_let_nothing_else_run_are_a_freeze(leave: bool) -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        while True:
            await send(MORE)

    behaviour = {"disconnect_after": 5} if leave else {"send_blocks": False}
    with pytest.raises(ProtocolViolation, match=r"10000 calls .* freezes a host"):
        answered(app, **behaviour)


def test_a_loop_that_ignores_the_disconnect_is_a_freeze() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        while True:
            await receive()

    with pytest.raises(ProtocolViolation, match="10000 calls"):
        answered(app, disconnect_after=0)


def test_many_sends_that_let_others_run_are_no_freeze() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(20_000):
            await send(MORE)
            if number % 64 == 0:
                await asyncio.sleep(0)
        await send(LAST)

    assert answered(app, window=None) == b"a" * 20_000 + b"z"


def test_overlapping_sends_are_a_violation() -> None:
    @http
    async def app(receive: Receive, send: Send) -> None:
        await send(START)
        async with asyncio.TaskGroup() as group:
            group.create_task(send(MORE))
            group.create_task(send(MORE))

    with pytest.raises(ProtocolViolation, match=r"send\(\) was called while another one waits"):
        answered(app, window=0)
