"""One call under a host that does as planned: what the application meets, and what is recorded."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from sse_conformance.drivers.asgi_plans import Plans
from sse_conformance.transcript import Call, Request
from sse_conformance.wire.asgi import (
    MOST_BYTES,
    MOST_SENDS,
    SHOWN,
    ASGIApp,
    Given,
    Plan,
    Receive,
    Scope,
    Send,
    Stimulus,
    shown,
)
from sse_conformance.wire.calls import call
from sse_conformance.wire.clock import VirtualLoop
from sse_conformance.wire.leftovers import Watch

REQUEST = Request(method="POST", target="/a?b=c", fields=((b"Host", b"x"),), content=b"body")
PLAIN = Plans(request=REQUEST, heartbeat=15).plain()
START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"1")]}
LAST = {"type": "http.response.body", "body": b"last"}
MORE = {"type": "http.response.body", "body": b"more", "more_body": True}


def made(app: ASGIApp, plan: Plan = PLAIN, *, watched: bool = False) -> Call:
    async def main() -> Call:
        watch = Watch() if watched else None
        return await call(app, plan, watch)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def when(kind: Any, send: int | None = None, at: float | None = None) -> Plan:
    return replace(PLAIN, stimulus=Stimulus(kind, send, at))


def log(call: Call) -> list[tuple[float, str, str]]:
    return [(round(each.at, 3), each.what, each.type) for each in call.messages]


async def short(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(START)
    await send(MORE)
    await send(LAST)


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    while True:
        await send(MORE)
        await asyncio.sleep(1)


def test_a_response_is_recorded_message_by_message_and_as_an_exchange() -> None:
    seen = made(short)
    assert log(seen) == [
        (0, "receive", "http.request"),
        (0, "send", "http.response.start"),
        (0, "sent", "http.response.start"),
        (0, "send", "http.response.body"),
        (0, "sent", "http.response.body"),
        (0, "send", "http.response.body"),
        (0, "sent", "http.response.body"),
    ]
    assert [each.is_last for each in seen.messages if each.what == "send"] == [False, False, True]
    assert (seen.outcome, seen.scope, seen.plan) == ("returned", "http", "plain")
    exchange = seen.exchange
    assert exchange is not None
    assert exchange.head is not None
    assert (exchange.head.status, exchange.head.fields) == (200, ((b"a", b"1"),))
    assert (exchange.content, exchange.end, exchange.fault) == (b"morelast", "complete", "")
    assert exchange.request == replace(REQUEST, fields=((b"host", b"x"),))


def test_the_client_leaves_an_endless_stream_when_its_window_is_over() -> None:
    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        stream = asyncio.create_task(endless(scope, receive, send))
        while (await receive())["type"] != "http.disconnect":
            pass
        stream.cancel()

    seen = made(listening)
    assert (seen.outcome, seen.facts["left"], seen.facts["left_at"]) == ("returned", "window", 35)
    assert seen.exchange is not None
    assert (seen.exchange.end, seen.exchange.ended_at) == ("left", 35)


def test_an_application_that_does_not_end_is_cancelled_after_some_time() -> None:
    seen = made(endless)
    assert (seen.outcome, seen.ended_at) == ("hung", 45)
    assert seen.exchange is not None
    assert seen.exchange.ended_at == 35


def test_an_application_that_cannot_be_cancelled_is_given_up() -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(100):
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                continue

    seen = made(stubborn, watched=True)
    assert seen.outcome == "hung"
    assert str(seen.facts["tasks"]).count("stubborn (") == 1


def test_nothing_is_recorded_of_a_client_who_left_before_there_was_a_head() -> None:
    seen = made(endless, when("leave", at=0.0))
    assert seen.exchange is not None
    assert (seen.exchange.head, seen.exchange.end) == (None, "left")


@pytest.mark.parametrize("send", [1, 2, 3])
def test_a_client_leaves_after_a_send_and_later_ones_are_ignored(send: int) -> None:
    seen = made(endless, when("leave", send))
    assert seen.facts["struck_at"] == max(0, send - 2)
    assert seen.exchange is not None
    assert seen.exchange.content == b"more" * (send - 1)
    assert not any(each.what == "raised" for each in seen.messages)
    assert seen.facts["late_sends"] in (9, 10, 11)


def test_a_client_leaves_at_a_time_and_only_once() -> None:
    facts = made(endless, when("leave", at=30.5)).facts
    assert (facts["struck_at"], facts["left_at"], facts["left"]) == (30.5, 30.5, "stimulus")


def test_a_send_fails_as_do_all_that_follow() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for _ in range(3):
            with pytest.raises(OSError, match="the client has left"):
                await send(MORE)
        assert (await receive())["type"] == "http.disconnect"

    seen = made(app, when("fail", 2))
    assert seen.outcome == "returned", seen.error
    assert seen.facts["late_sends"] == 2


def test_the_error_that_escapes_is_known_for_ours() -> None:
    async def chained(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(START)
        except OSError as error:
            raise RuntimeError from error

    async def grouped(scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(short(scope, receive, send))

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("client")

    plan = when("fail", 1)
    relations = {app: made(app, plan).facts["relation"] for app in (short, chained, grouped, other)}
    assert relations == {short: "same", chained: "chained", grouped: "chained", other: "other"}


def test_a_circle_of_causes_is_walked_once() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        one, two = ValueError(), KeyError()
        one.__cause__, two.__cause__ = two, one
        raise one

    assert made(app).facts["relation"] == "other"


def test_a_task_is_cancelled_in_a_send() -> None:
    seen = made(endless, when("cancel", 3))
    assert (seen.outcome, seen.ended_at) == ("cancelled", 1)
    assert log(seen)[-1] == (1, "raised", "http.response.body")


def test_a_farewell_can_be_sent_after_a_cancellation() -> None:
    async def polite(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endless(scope, receive, send)
        finally:
            await send(LAST)

    seen = made(polite, when("cancel", 2))
    assert seen.outcome == "cancelled"
    assert seen.exchange is not None
    assert (seen.exchange.end, seen.exchange.content) == ("complete", b"morelast")


def test_a_stimulus_that_never_comes_is_none() -> None:
    assert made(short, when("leave", 9)).facts["struck_at"] is None
    assert made(endless, when("cancel", 99)).facts["struck_at"] is None


def test_a_send_takes_its_time_unless_the_client_leaves() -> None:
    slow = replace(PLAIN, latency=(0.0, 3.0))
    assert [each[0] for each in log(made(short, slow))] == [0, 0, 0, 0, 3, 3, 3]
    seen = made(short, replace(slow, latency=(100.0,)))
    assert (seen.facts["left"], seen.ended_at) == ("window", 35)


def test_two_sends_at_once_are_seen() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await asyncio.gather(send(MORE), send(LAST))

    overlaps = made(app).facts["overlaps"]
    assert overlaps == ["send 3 at 0.000 s, while send 2 of 0.000 s waits"]


def test_the_parts_of_a_body_come_one_after_another() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            await send({"type": "x"})

    parts = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request"}]
    inbox = tuple(Given(part, 0.5) for part in parts)
    seen = made(app, replace(PLAIN, inbox=inbox))
    assert [each[0] for each in log(seen) if each[1] == "receive"] == [0.5, 1.0]


def test_a_message_may_wait_for_another() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asyncio.get_running_loop().call_later(5, asyncio.ensure_future, send({"type": "ready"}))
        await receive()

    given = Given({"type": "go"}, 1.0, "ready")
    [received] = [each for each in log(made(app, replace(PLAIN, inbox=(given,)))) if "go" in each]
    assert received == (6.0, "receive", "go")


def test_a_receive_that_is_given_up_loses_nothing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await receive()
        assert (await receive())["type"] == "http.request"

    inbox = (Given({"type": "http.request"}, 1.0),)
    assert made(app, replace(PLAIN, inbox=inbox)).error == ""


def test_a_disconnect_is_told_again_and_again_and_after_the_response_too() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await short(scope, receive, send)
        assert [(await receive())["type"] for _ in range(3)] == ["http.disconnect"] * 3

    assert made(app).error == ""


def test_an_application_that_only_receives_is_not_waited_for_without_end() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            await receive()

    assert made(app).outcome == "hung"


@pytest.mark.parametrize("size", [10, MOST_BYTES])
def test_a_flood_has_an_end(size: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        body = bytes(size)
        while (await send({**MORE, "body": body})) is None:
            pass

    seen = made(app)
    assert (seen.facts["left"], seen.outcome) == ("limit", "hung")
    assert seen.exchange is not None
    assert seen.exchange.end == "limit"
    assert len(seen.exchange.content) <= max(MOST_BYTES, size * MOST_SENDS)


def test_what_breaks_off_is_no_whole_response() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        raise ValueError("half")

    exchange = made(app).exchange
    assert exchange is not None
    assert exchange.end == "closed"
    assert exchange.fault == "the application has raised before the end of its response"


def test_no_response_is_what_hosts_make_of_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise SystemExit(3)

    seen = made(app)
    assert seen.error == "RuntimeError('SystemExit(3)')"
    assert seen.exchange is not None
    assert seen.exchange.head is not None
    assert seen.exchange.head.status == 500


def test_a_status_that_is_none_is_500_too() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "status": "200"})
        await send(LAST)

    head = getattr(made(app).exchange, "head", None)
    assert head is not None
    assert head.status == 500


def test_an_application_may_end_as_if_cancelled() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    assert made(app).outcome == "cancelled"


def test_what_is_no_message_is_recorded_all_the_same() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nothing: Any = "http.response.start"
        await send(nothing)

    [message] = [each for each in made(app).messages if each.what == "send"]
    assert message.faults == ("type: None is no str",)


def test_the_body_of_a_response_to_head_is_dropped() -> None:
    plan = replace(PLAIN, scope={**PLAIN.scope, "method": "HEAD"})
    exchange = made(short, plan).exchange
    assert exchange is not None
    assert (exchange.body, exchange.end) == ((), "complete")


def test_what_is_altered_and_what_is_added_is_told() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = "/other"
        scope["headers"].append((b"x", b"y"))
        del scope["client"]
        scope["app"] = app
        scope["state"]["mine"] = 1
        (await receive()).clear()

    plan = replace(PLAIN, scope={**PLAIN.scope, "state": {}})
    facts = made(app, plan).facts
    changes = facts["scope_changes"]
    assert isinstance(changes, list)
    assert sorted(changes) == [
        "scope['client'] was ('127.0.0.1', 50000) and is gone",
        "scope['headers'] was [(b'host', b'x')] and is [(b'host', b'x'), (b'x', b'y')]",
        "scope['path'] was '/a' and is '/other'",
    ]
    assert facts["scope_additions"] == ["app"]
    assert facts["message_changes"] == [
        "message 0 was {'type': 'http.request', 'body': b'body'} and is {}"
    ]
    assert plan.scope["state"] == {}


def test_what_an_error_holds_is_not_what_the_application_left() -> None:
    async def numbers() -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        async for _ in numbers():
            await send(MORE)

    facts = made(app, when("fail", 2), watched=True).facts
    assert (facts["relation"], facts["generators"]) == ("same", [])
    assert str(facts["collected"]).count("numbers (") == 1


def test_calls_can_be_made_on_any_loop() -> None:
    seen = asyncio.run(call(short, PLAIN))
    assert (seen.outcome, seen.facts["hurried"]) == ("returned", False)


def test_what_is_long_is_cut() -> None:
    assert shown("x" * SHOWN) == f"'{'x' * (SHOWN - 1)}..."
    assert len(shown({"body": bytes(10_000_000)})) == SHOWN + 3
