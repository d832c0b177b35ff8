"""What several checks look for in a response, and how they tell what they have seen."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..sse import Event
from ..transcript import Emitted, Exchange, Head

_OBJECT = TypeAdapter(dict[str, Any])


def essence(head: Head) -> str:
    """The media type without parameters, in lower case; "" without one."""
    return (head.value("content-type") or "").partition(";")[0].strip().lower()


def is_stream(exchange: Exchange) -> bool:
    """Whether it is what an EventSource opens: 200, and an event stream."""
    head = exchange.head
    return head is not None and head.status == 200 and essence(head) == "text/event-stream"


def items(head: Head, name: str) -> list[str]:
    """The elements of a list-valued field (RFC 9110, 5.6.1), in lower case."""
    elements = (element.strip().lower() for element in (head.value(name) or "").split(","))
    return [element for element in elements if element]


def data_of(event: Event) -> dict[str, Any]:
    """The JSON object that the data are; an empty one if they are none."""
    try:
        return _OBJECT.validate_json(event.data)
    except ValidationError:
        return {}


def answer(exchange: Exchange) -> str:
    """Evidence: what came of a request, in one line."""
    request = f"{exchange.request.method} {exchange.request.target}"
    head = exchange.head
    if head is not None:
        kind = f", {essence(head)}" if essence(head) else ""
        return f"{request}: {head.status}{kind}, after {head.at:.3f} s"
    if exchange.end == "timeout":
        return f"{request}: no answer in {exchange.ended_at:.1f} s"
    return f"{request}: no answer, {exchange.fault or exchange.end}"


def emitted_streams(emitted: tuple[Emitted, ...]) -> list[Exchange]:
    """The streams that scripts were answered with: a script may be refused, with 4xx."""
    exchanges = [each.exchange for each in emitted]
    return [each for each in exchanges if each.head is not None and each.head.status < 400]
