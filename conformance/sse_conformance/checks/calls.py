"""What several checks look for in the calls of an ASGI application."""

from collections.abc import Iterable, Iterator
from typing import cast

from ..sse import Event
from ..transcript import Call, Exchange, Message
from .seen import is_stream

Calls = tuple[Call, ...]


def by(calls: Calls, *plans: str) -> list[Call]:
    """The calls of these plans; a plan that ends in "@" stands for all that begin so."""
    exact = {plan for plan in plans if not plan.endswith("@")}
    begins = tuple(plan for plan in plans if plan.endswith("@"))
    return [each for each in calls if each.plan in exact or each.plan.startswith(begins)]


def undisturbed(calls: Calls) -> list[Call]:
    """HTTP requests whose client reads to the end, or for long."""
    return [each for each in calls if each.scope == "http" and "@" not in each.plan]


def sends(call: Call) -> list[Message]:
    """What the application sent while somebody read it."""
    left_at = number(call, "left_at")
    return [
        message
        for message in call.messages
        if message.what == "send" and (left_at is None or message.at < left_at)
    ]


def faults(calls: Iterable[Call], *keys: str) -> Iterator[str]:
    """What is wrong with the values of these keys, and where."""
    for call in calls:
        sent = [message for message in call.messages if message.what == "send"]
        for place, message in enumerate(sent, 1):
            for fault in message.faults:
                if fault.partition(":")[0].partition("[")[0] in keys:
                    yield f"{call.plan}, send {place}, {message.type}: {fault}"


def number(call: Call, name: str) -> float | None:
    """A fact that is a number."""
    value = call.facts.get(name)
    return float(value) if isinstance(value, int | float) else None


def texts(call: Call, name: str) -> list[str]:
    """A fact that is a list of text."""
    value = call.facts.get(name)
    return [str(each) for each in cast("list[object]", value)] if isinstance(value, list) else []


def leftovers(call: Call, usual: Iterable[Call]) -> list[str]:
    """What the call has left behind that these others do not leave."""
    return [
        f"{what} {place}"
        for what, name in _LEFT.items()
        for place in texts(call, name)
        if not any(place in texts(other, name) for other in usual)
    ]


_LEFT = {"task": "tasks", "async generator": "generators", "unhandled:": "unhandled"}


def told(exchange: Exchange | None) -> tuple[int, tuple[Event, ...] | bytes] | None:
    """What a response says: its status, and its events or its bytes."""
    if exchange is None or exchange.head is None:
        return None
    is_events = is_stream(exchange)
    return exchange.head.status, exchange.stream.events if is_events else exchange.content


def same(one: Exchange | None, other: Exchange | None) -> bool:
    """Whether both say the same, as far as both were read."""
    first, second = told(one), told(other)
    if first is None or second is None or first[0] != second[0]:
        return first is second is None
    contents = sorted((_comparable(first[1]), _comparable(second[1])), key=len)
    ends = {each.end for each in (one, other) if each is not None}
    return contents[0] == contents[1][: len(contents[0])] and (
        ends != {"complete"} or len(contents[0]) == len(contents[1])
    )


def _comparable(content: tuple[Event, ...] | bytes) -> tuple[object, ...]:
    if isinstance(content, bytes):
        return tuple(content)
    return tuple((event.type, event.data, event.last_event_id) for event in content)


def outcome_of(call: Call) -> str:
    """Evidence: what came of a call, in a few words."""
    head = call.exchange.head if call.exchange is not None else None
    status = f", status {head.status}" if head is not None else ""
    error = f" {call.error}" if call.error else ""
    return f"{call.plan}: {call.outcome}{error} after {call.ended_at:.3f} s{status}"
