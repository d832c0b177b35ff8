"""What the checks make of calls: each rule, each leniency, and what is not enough to tell."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sse_conformance.checks.asgi import (
    a_response_ends_once_and_last,
    a_response_starts_once_and_first,
    each_body_is_of_whole_blocks,
    framing_is_left_to_the_host,
    the_body_has_the_right_types,
)
from sse_conformance.checks.asgi_conduct import (
    a_cancellation_leaves_nothing,
    a_failing_send_is_survived,
    a_split_request_body_is_read_whole,
    ends_soon_after_a_disconnect,
    events_come_in_one_order,
    is_called_again_and_leaves_its_arguments_alone,
    optional_keys_are_optional,
    sends_one_at_a_time,
)
from sse_conformance.checks.asgi_protocols import (
    a_websocket_is_accepted_used_and_closed,
    the_lifespan_is_answered,
)
from sse_conformance.checks.calls import number, same, texts
from sse_conformance.transcript import Call, Exchange, Head, Message, Piece, Request
from sse_conformance.verdict import Outcome

STREAM = ((b"content-type", b"text/event-stream"),)
EVENTS = b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n"
Calls = tuple[Call, ...]
Check = Callable[[Calls], Outcome]


def response(content: bytes = EVENTS, status: int = 200, end: Any = "complete") -> Exchange:
    return Exchange(
        request=Request(target="/"),
        head=Head(at=0, status=status, http="1.1", fields=STREAM),
        body=(Piece(0, content),),
        end=end,
        ended_at=1,
    )


def message(kind: str, at: float = 0, what: Any = "send", **more: Any) -> Message:
    return Message(at=at, what=what, detail=kind, type=kind, **more)


GOOD = (
    message("http.response.start"),
    message("http.response.body"),
    message("http.response.body", is_last=True),
)


def call(
    plan: str = "plain",
    messages: tuple[Message, ...] = GOOD,
    *,
    scope: str = "http",
    outcome: Any = "returned",
    exchange: Exchange | None = None,
    ended_at: float = 1,
    facts: Mapping[str, object] | None = None,
) -> Call:
    return Call(
        plan=plan,
        scope=scope,
        messages=messages,
        outcome=outcome,
        error="KeyError()" if outcome == "raised" else "",
        ended_at=ended_at,
        facts={"left": "", "left_at": None, "struck_at": 0.5, **(facts or {})},
        exchange=response() if exchange is None and scope == "http" else exchange,
    )


def judged(check: Check, *calls: Call) -> str:
    outcome = check(calls)
    assert outcome.evidence
    return outcome.found


def types(*kinds: str, **more: Any) -> Call:
    return call(messages=tuple(map(message, kinds)), **more)


# ── messages ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (call(), "holds"),
        (types("http.response.body"), "broken"),
        (types("http.response.start", "http.response.start"), "broken"),
        (types("http.response.start", "http.response.push"), "broken"),
        (types(), "broken"),
        (types(outcome="raised"), "unknown"),  # hosts answer 500, and that is another finding
        (types(facts={"left": "window", "left_at": 1}), "holds"),
        (call("leave@1", ()), "unknown"),
    ],
)
def test_a_response_starts_once_and_first(seen: Call, found: str) -> None:
    assert judged(a_response_starts_once_and_first, seen) == found


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (call(), "holds"),
        (call(messages=GOOD[:2]), "broken"),
        (call(messages=GOOD[:2], outcome="raised"), "holds"),
        (call(messages=GOOD[:2], facts={"left": "window", "left_at": 1}), "holds"),
        (call(messages=(*GOOD, GOOD[1])), "broken"),
        (call(messages=()), "unknown"),
    ],
)
def test_a_response_ends_once_and_last(seen: Call, found: str) -> None:
    assert judged(a_response_ends_once_and_last, seen) == found


def test_what_is_sent_after_the_client_has_left_is_no_part_of_the_response() -> None:
    late = message("http.response.body", at=2, is_last=True)
    seen = call(messages=(*GOOD, late), facts={"left": "window", "left_at": 2})
    assert judged(a_response_ends_once_and_last, seen) == "holds"


def test_many_faults_are_told_in_a_few_words() -> None:
    wrong = message("http.response.body", faults=("body: str is not bytes",))
    evidence = the_body_has_the_right_types((call(messages=(wrong,) * 9),)).evidence
    assert evidence.count("body: str is not bytes") == 3
    assert evidence.endswith("; and more")
    assert judged(the_body_has_the_right_types, call(messages=(wrong,), scope="x")) == "holds"


def test_http_2_has_a_check_of_its_own() -> None:
    head = Head(at=0, status=200, http="2", fields=((b"Connection", b"keep-alive"),))
    exchange = Exchange(request=Request(target="/"), head=head, end="complete", ended_at=1)
    assert judged(framing_is_left_to_the_host, call("http2", exchange=exchange)) == "holds"
    assert judged(framing_is_left_to_the_host, call("plain", exchange=exchange)) == "broken"
    none = Exchange(request=Request(target="/"), end="left", ended_at=1)
    assert judged(framing_is_left_to_the_host, call(exchange=none)) == "holds"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"data: a\n\n", "holds"),
        (b"data: a\r\n\r\n", "holds"),
        (b":\n", "holds"),
        (b"data: a\n\n: b\n", "holds"),
        (b"\n", "holds"),
        (b"data: a\n", "broken"),
        (b"data: a", "broken"),
        (b"data: a\n: b\n", "broken"),
        (b": b", "broken"),
        (b"x" * 20_000, "unknown"),
        (b"", "holds"),
    ],
)
def test_a_body_is_of_whole_blocks(body: bytes, found: str) -> None:
    assert each_body_is_of_whole_blocks(response(body)).found == found


def test_what_is_no_stream_has_no_blocks() -> None:
    assert each_body_is_of_whole_blocks(response(b"x", status=404)).found == "unknown"


# ── split bodies, other scopes, more calls ────────────────────────────────────────────────────

OTHER = response(b"data: c\n\n")
FAILED = response(b"", status=500)
SPLIT = (call("split-2"), call("split-n"))
AGAIN = (call("again"), call("again"))


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ((call(), *AGAIN, *SPLIT), "holds"),
        ((call(), *AGAIN), "unknown"),
        (SPLIT, "unknown"),
        ((call(), call("split-2", exchange=FAILED)), "broken"),
        ((call(), *AGAIN, call("split-2", exchange=OTHER)), "broken"),
        ((call(), call("again", exchange=OTHER), call("split-2", exchange=OTHER)), "unknown"),
    ],
)
def test_a_split_body_is_read_whole(calls: Calls, found: str) -> None:
    assert judged(a_split_request_body_is_read_whole, *calls) == found


def test_no_response_is_not_the_same_as_one() -> None:
    none = Exchange(request=Request(target="/"), end="left", ended_at=1)
    calls = (call(), call("split-2", exchange=none))
    assert judged(a_split_request_body_is_read_whole, *calls) == "broken"
    assert same(none, none)
    assert not same(none, response())


def test_what_was_not_read_to_the_end_is_the_same_so_far() -> None:
    begun = response(b"id: 1\ndata: a\n\n", end="left")
    assert same(begun, response())
    assert same(response(b"ab", 404), response(b"ab", 404))
    assert not same(response(b"id: 1\ndata: a\n\n"), response())
    assert not same(response(b"ab", 404), response(b"abc", 404))


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ((call(), call("minimal"), call("http10")), "holds"),
        ((call(), call("minimal", outcome="raised")), "broken"),
        ((call(), call("http10", exchange=FAILED)), "broken"),
        ((call(exchange=FAILED), call("minimal", exchange=FAILED)), "unknown"),
        ((call("minimal"),), "unknown"),
        ((call(), call("minimal"), call("unknown", (), scope="x", outcome="raised")), "holds"),
        ((call(), call("minimal"), call("unknown", (), scope="x")), "noted"),
        ((call(), call("minimal"), call("unknown", scope="x")), "noted"),
    ],
)
def test_optional_keys_are_optional(calls: Calls, found: str) -> None:
    assert judged(optional_keys_are_optional, *calls) == found


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ((call(), *AGAIN, call("concurrent")), "holds"),
        ((call(), call("again", exchange=OTHER)), "noted"),
        ((call(), call("concurrent", exchange=FAILED)), "broken"),
        ((call(exchange=FAILED), *AGAIN), "unknown"),
        (AGAIN, "unknown"),
        ((call(facts={"scope_changes": ["scope['path'] ..."]}),), "broken"),
        ((call(facts={"message_changes": ["message 0 ..."]}),), "broken"),
        ((call(facts={"scope_additions": ["app"]}), *AGAIN), "holds"),
    ],
)
def test_the_arguments_are_left_alone_and_more_calls_work(calls: Calls, found: str) -> None:
    assert judged(is_called_again_and_leaves_its_arguments_alone, *calls) == found


SWAPPED = response(b"id: 2\ndata: b\n\nid: 1\ndata: a\n\n")


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ((call(), *AGAIN, call("slow")), "holds"),
        ((call(), *AGAIN, call("slow", exchange=SWAPPED)), "broken"),
        ((call(), *AGAIN, call("stalled", exchange=SWAPPED)), "broken"),
        ((call(), *AGAIN, call("slow", exchange=OTHER)), "noted"),
        ((call(), *AGAIN, call("slow"), call("stalled", exchange=OTHER)), "holds"),
        ((call(), *AGAIN), "unknown"),
        ((call(), call("again", exchange=OTHER), call("slow", exchange=SWAPPED)), "unknown"),
        ((call(), call("slow", exchange=SWAPPED)), "unknown"),
        (tuple(call(plan, exchange=OTHER) for plan in ("plain", "again", "slow")), "unknown"),
    ],
)
def test_events_come_in_one_order(calls: Calls, found: str) -> None:
    assert judged(events_come_in_one_order, *calls) == found


def test_an_id_that_comes_twice_tells_no_order() -> None:
    twice = response(b"id: 1\ndata: a\n\ndata: b\n\ndata: c\n\n")
    swapped = response(b"id: 1\ndata: c\n\ndata: b\n\ndata: a\n\n")
    calls = (call(exchange=twice), call("again", exchange=twice), call("slow", exchange=swapped))
    assert judged(events_come_in_one_order, *calls) == "unknown"


def test_two_sends_at_once_are_broken_where_nobody_disturbed() -> None:
    overlapping = {"overlaps": ["send 3 at 1.0 s, while send 2 of 0.5 s waits"]}
    assert judged(sends_one_at_a_time, call("stalled", facts=overlapping)) == "broken"
    assert judged(sends_one_at_a_time, call("cancel@2", facts=overlapping)) == "holds"


# ── what happens when something happens ───────────────────────────────────────────────────────

PLACES = {"tasks": ["work (app.py:1)"]}
STRUCK = [
    (ends_soon_after_a_disconnect, "leave@1"),
    (a_failing_send_is_survived, "fail@1"),
    (a_cancellation_leaves_nothing, "cancel@1"),
]


@pytest.mark.parametrize("struck", STRUCK)
@pytest.mark.parametrize(
    ("facts", "outcome", "ended_at", "found"),
    [
        ({}, "cancelled", 0.5, "holds"),
        ({"struck_at": None}, "returned", 0.5, "unknown"),
        ({}, "hung", 10.5, "broken"),
        ({}, "cancelled", 9, "broken"),
        ({"hurried": True}, "hung", 10.5, "unknown"),
        (PLACES, "cancelled", 0.5, "broken"),
        ({"generators": ["work (app.py:1)"]}, "cancelled", 0.5, "broken"),
        ({"unhandled": ["Task exception was never retrieved"]}, "cancelled", 0.5, "broken"),
    ],
)
def test_a_disturbance_ends_the_call_and_leaves_nothing(
    struck: tuple[Check, str], facts: dict[str, object], outcome: str, ended_at: float, found: str
) -> None:
    check, plan = struck
    assert judged(check, call(plan, outcome=outcome, ended_at=ended_at, facts=facts)) == found


@pytest.mark.parametrize(("check", "plan"), STRUCK[:2])
def test_what_every_call_leaves_is_not_the_disturbance_s_fault(check: Check, plan: str) -> None:
    assert judged(check, call(plan, facts=PLACES), call("again", facts=PLACES)) == "holds"


def test_what_every_call_leaves_is_a_leak() -> None:
    calls = (call("again", facts=PLACES), call("cancel@1", outcome="cancelled"))
    assert judged(a_cancellation_leaves_nothing, *calls) == "broken"


@pytest.mark.parametrize(
    ("outcome", "facts", "found"),
    [
        ("returned", {}, "holds"),
        ("raised", {"relation": "same"}, "holds"),
        ("raised", {"relation": "chained"}, "noted"),
        ("raised", {"relation": "other"}, "broken"),
        ("returned", {"collected": ["numbers (app.py:1)"]}, "noted"),
        ("returned", {"late_sends": 16}, "holds"),
        ("returned", {"late_sends": 17}, "broken"),
    ],
)
def test_a_failing_send_is_survived(outcome: str, facts: dict[str, object], found: str) -> None:
    assert judged(a_failing_send_is_survived, call("fail@1", outcome=outcome, facts=facts)) == found


@pytest.mark.parametrize(
    ("outcome", "facts", "found"),
    [
        ("cancelled", {}, "holds"),
        ("returned", {}, "noted"),
        ("raised", {}, "broken"),
        ("cancelled", {"lingered": 20.0}, "noted"),
        ("cancelled", {"lingered": 0.5}, "holds"),
        ("cancelled", {"collected": ["numbers (app.py:1)"]}, "noted"),
    ],
)
def test_a_cancellation_passes(outcome: str, facts: dict[str, object], found: str) -> None:
    seen = call("cancel@1", outcome=outcome, facts=facts)
    assert judged(a_cancellation_leaves_nothing, seen) == found


# ── lifespan and WebSocket ────────────────────────────────────────────────────────────────────

STARTUP, SHUTDOWN = (
    message(f"lifespan.{kind}", what="receive") for kind in ("startup", "shutdown")
)
STARTED, STOPPED = (message(f"lifespan.{kind}.complete") for kind in ("startup", "shutdown"))
FAILED_TO_START = message("lifespan.startup.failed")


@pytest.mark.parametrize(
    ("messages", "outcome", "found"),
    [
        ((STARTUP, STARTED, SHUTDOWN, STOPPED), "returned", "holds"),
        ((STARTUP, FAILED_TO_START), "returned", "holds"),
        ((STARTUP, STARTED), "returned", "holds"),
        ((), "raised", "holds"),
        ((STARTUP,), "raised", "holds"),
        ((), "returned", "noted"),
        ((STARTUP,), "returned", "noted"),
        ((), "hung", "broken"),
        ((STARTUP,), "hung", "broken"),
        ((STARTUP, STARTED, SHUTDOWN), "returned", "broken"),
        ((STARTUP, STARTED, SHUTDOWN), "raised", "noted"),
        ((STARTUP, STARTED, STARTED), "returned", "broken"),
        ((STARTED, STARTUP), "returned", "broken"),
        ((STARTUP, STOPPED), "returned", "broken"),
    ],
)
def test_the_lifespan_is_answered(messages: tuple[Message, ...], outcome: str, found: str) -> None:
    seen = call("lifespan", messages, scope="lifespan", outcome=outcome)
    assert judged(the_lifespan_is_answered, seen) == found


CONNECT = message("websocket.connect", what="receive")
GONE = message("websocket.disconnect", what="receive", at=5)
ACCEPT, SEND, CLOSE = (message(f"websocket.{kind}") for kind in ("accept", "send", "close"))


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ((CONNECT, ACCEPT, SEND, SEND, CLOSE), "holds"),
        ((CONNECT, CLOSE), "holds"),
        ((), "holds"),
        ((CONNECT, ACCEPT, GONE), "holds"),
        ((CONNECT, SEND), "broken"),
        ((CONNECT, ACCEPT, ACCEPT), "broken"),
        ((CONNECT, ACCEPT, CLOSE, SEND), "broken"),
        ((CONNECT, CLOSE, CLOSE), "broken"),
        ((CONNECT, message("http.response.start")), "broken"),
        ((CONNECT, ACCEPT, GONE, message("websocket.send", at=5.5)), "holds"),
        ((CONNECT, ACCEPT, GONE, message("websocket.send", at=6.5)), "broken"),
        ((CONNECT, ACCEPT, GONE, message("websocket.close", at=6.5)), "holds"),
        ((CONNECT, message("websocket.accept", faults=("headers[0]: ...",))), "broken"),
    ],
)
def test_a_websocket_is_accepted_used_and_closed(messages: tuple[Message, ...], found: str) -> None:
    seen = call("websocket", messages, scope="websocket")
    assert judged(a_websocket_is_accepted_used_and_closed, seen) == found


@pytest.mark.parametrize(
    "check", [the_lifespan_is_answered, a_websocket_is_accepted_used_and_closed]
)
def test_without_such_a_call_there_is_nothing_to_tell(check: Check) -> None:
    assert judged(check, call()) == "unknown"


def test_a_fact_may_be_missing_or_of_another_kind() -> None:
    seen = call(facts={"tasks": 3, "late": "soon"})
    assert texts(seen, "tasks") == texts(seen, "nothing") == []
    assert number(seen, "late") is number(seen, "nothing") is None
