"""What an ASGI application sends: the messages, their order and their values.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from ..registry import check
from ..sse.lines import lines_of
from ..transcript import Call, Exchange, Message
from ..verdict import Outcome, broken, holds, unknown
from .calls import Calls, faults, sends, undisturbed
from .seen import answer, is_stream

LARGE = 16_384  # bytes: no event that is larger has to leave in one piece
SHOWN = 3  # faults; there may be hundreds


@check("ASG-01", "call*")
def a_response_starts_once_and_first(calls: Calls) -> Outcome:
    judged = [each for each in undisturbed(calls) if sends(each) or each.outcome == "returned"]
    return _judged(judged, "that begin with their one start", _faults_of_start)


def _faults_of_start(call: Call) -> Iterator[str]:
    types = [message.type for message in sends(call)]
    if not types and call.facts.get("left") == "":
        yield "it returned, and has sent nothing"
    for place, kind in enumerate(types, 1):
        is_start = kind == "http.response.start"
        if not is_start and kind != "http.response.body":
            yield f"send {place} is {kind!r}, for which there is no extension"
        elif is_start != (place == 1):
            yield f"send {place} is {kind}"


@check("ASG-02", "call*")
def the_start_has_the_right_types(calls: Calls) -> Outcome:
    found = faults(_http(calls), "status", "headers", "trailers")
    return _none(found, _count(calls, "http.response.start"))


@check("ASG-03", "call*")
def the_body_has_the_right_types(calls: Calls) -> Outcome:
    found = faults(_http(calls), "body", "more_body")
    return _none(found, _count(calls, "http.response.body"))


@check("ASG-04", "call*")
def a_response_ends_once_and_last(calls: Calls) -> Outcome:
    judged = [each for each in undisturbed(calls) if sends(each)]
    return _judged(judged, "that end with their one last body", _faults_of_end)


def _faults_of_end(call: Call) -> Iterator[str]:
    sent = sends(call)
    last = next((place for place, message in enumerate(sent, 1) if message.is_last), None)
    if last is None and call.outcome == "returned" and call.facts.get("left") == "":
        yield f"it returned after send {len(sent)}, and that was {sent[-1].detail}"
    if last is not None and last < len(sent):
        # "any further messages on the channel will be ignored": hosts raise, in fact.
        yield f"send {last} was the last body, and then there is send {last + 1}: {sent[last].type}"


@check("ASG-05", "call*")
def framing_is_left_to_the_host(calls: Calls) -> Outcome:
    own = {"transfer-encoding", "connection", "keep-alive"}
    responses = [each for each in undisturbed(calls) if each.plan != "http2"]
    return _none(_fields(responses, own), f"{len(responses)} HTTP/1 responses")


@check("ASG-16", "get")
def each_body_is_of_whole_blocks(exchange: Exchange) -> Outcome:
    if not is_stream(exchange):
        return unknown(answer(exchange))
    offset = judged = 0
    for place, piece in enumerate(exchange.body):
        if len(piece.data) < LARGE and not _is_whole(piece.data):
            return broken(
                f"body {place} at byte {offset} ends inside a block: {piece.data[-60:]!r}"
            )
        judged += len(piece.data) < LARGE
        offset += len(piece.data)
    if not judged:
        return unknown(f"{len(exchange.body)} bodies are too few, or too large, to tell")
    return holds(f"{judged} bodies end after a blank line or a comment")


def _is_whole(data: bytes) -> bool:
    """Whether nothing is left over: each line has its end, each field its blank line."""
    has_fields = False
    for line in lines_of(data):
        if not line.end:
            return False
        has_fields = not line.is_blank and (has_fields or not line.is_comment)
    return not has_fields


def _judged(
    calls: list[Call], evidence: str, faults_of: Callable[[Call], Iterator[str]]
) -> Outcome:
    found = [f"{call.plan}: {fault}" for call in calls for fault in faults_of(call)]
    if not calls:
        return unknown("no call was answered")
    return _none(iter(found), f"{len(calls)} responses {evidence}")


def _none(found: Iterator[str], evidence: str) -> Outcome:
    first = list(islice(found, SHOWN + 1))
    more = "; and more" if len(first) > SHOWN else ""
    return broken("; ".join(first[:SHOWN]) + more) if first else holds(f"no fault in {evidence}")


def _http(calls: Calls) -> list[Call]:
    return [each for each in calls if each.scope == "http"]


def _count(calls: Calls, kind: str) -> str:
    sent: list[Message] = [message for each in _http(calls) for message in each.messages]
    return f"{sum(each.what == 'send' and each.type == kind for each in sent)} {kind}"


def _fields(calls: Iterable[Call], names: set[str]) -> Iterator[str]:
    for call in calls:
        head = call.exchange.head if call.exchange is not None else None
        for name, value in head.fields if head is not None else ():
            if name.decode("latin-1").lower() in names:
                yield f"{call.plan}: {name.decode('latin-1')}: {value.decode('latin-1')}"
