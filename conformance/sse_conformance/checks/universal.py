"""The profile "universal": streams that the published clients of all these dialects read at once.

What each of them accepts was found by driving it. A stream is recognised as one of a dialect by its
first event; of any other, what holds for all is checked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ..options import Options
from ..registry import check
from ..transcript import Exchange
from ..verdict import Outcome, broken, holds, unknown
from .roundtrip import cut
from .seen import answer, data_of, is_stream, items
from .streams import NOTHING, Stream, shown

PROFILE = "universal"
DONE = "[DONE]"
_STRAY = re.compile(rb"(?:\A|\n\r?\n)\r?\n")  # a blank line that ends no block
FREE = frozenset({"data", "input", "output", "result", "value"})  # where null may be what was meant
A2A_ENDS = ("COMPLETED", "FAILED", "CANCELED", "REJECTED", "INPUT_REQUIRED", "AUTH_REQUIRED")
TASK_ENDS = tuple(f"TASK_STATE_{end}" for end in A2A_ENDS)

Data: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the clients of one dialect rely on."""

    name: str
    is_last: Callable[[Data], bool]  # whether the answer has ended with this
    has_names: bool = False  # each event is named as its data are typed
    has_done: bool = False  # `[DONE]` is the last event
    may_lack_done: Callable[[Data], bool] = lambda data: False  # after this one
    rejects_null: bool = False  # for what may be left out


def _is_typed(*types: str) -> Callable[[Data], bool]:
    return lambda data: data.get("type") in types


def _is_error(data: Data) -> bool:
    return isinstance(data.get("error"), dict)


def _is_last_chunk(data: Data) -> bool:
    match data:
        case {"choices": [{"finish_reason": str()}, *_]} | {"error": dict()}:
            return True
        case _:
            return False


def _is_last_update(data: Data) -> bool:
    match data:
        case {"result": {"statusUpdate": {"status": {"state": state}}}}:
            return state in TASK_ENDS
        case {"result": {"task": {"status": {"state": state}}}}:
            return state in TASK_ENDS
        case {"result": {"message": _}} | {"error": dict()}:
            return True
        case _:
            return False


CHAT = Dialect("Chat Completions", _is_last_chunk, has_done=True, may_lack_done=_is_error)
UI = Dialect(
    "a UI message stream", _is_typed("finish", "abort", "error"), has_done=True, rejects_null=True
)
AG_UI = Dialect("AG-UI", _is_typed("RUN_FINISHED", "RUN_ERROR"), rejects_null=True)
RESPONSES = Dialect(
    "Responses",
    _is_typed("response.completed", "response.failed", "response.incomplete", "error"),
    has_names=True,
)
MESSAGES = Dialect("Anthropic Messages", _is_typed("message_stop", "error"), has_names=True)
A2A = Dialect("A2A", _is_last_update)


def dialect_of(exchange: Exchange) -> Dialect | None:
    """The dialect that this stream is of; None if it is none of these."""
    if exchange.head is not None and exchange.head.value("x-vercel-ai-ui-message-stream"):
        return UI
    events = exchange.stream.events
    return _begun_by(data_of(events[0])) if events else None


def _begun_by(data: Data) -> Dialect | None:  # noqa: PLR0911 - a table
    match data:
        case {"object": "chat.completion.chunk"}:
            return CHAT
        case {"jsonrpc": _}:
            return A2A
        case {"type": "start" | "start-step"}:
            return UI
        case {"type": "message_start"}:
            return MESSAGES
        case {"type": str(kind)} if kind.startswith("response."):
            return RESPONSES
        case {"type": "RUN_STARTED" | "RUN_ERROR"}:
            return AG_UI
        case _:
            return None


UniversalCheck: TypeAlias = Callable[[Stream], Outcome]
DialectCheck: TypeAlias = Callable[[Stream, Dialect], Outcome]
U = TypeVar("U", bound=UniversalCheck)
D = TypeVar("D", bound=DialectCheck)


def universal(requirement: str) -> Callable[[U], U]:
    """Register a check of streams that are to be read by everybody."""

    def register(function: U) -> U:
        def of_claimed(get: Exchange, options: Options) -> Outcome:
            if options.profile != PROFILE:
                return unknown(f"the profile is {options.profile!r}, not {PROFILE!r}")
            if not is_stream(get):
                return unknown(f"no event stream: {answer(get)}")
            return function(Stream(get)) if get.content else NOTHING

        check(requirement, "get")(of_claimed)
        return function

    return register


def of_dialect(requirement: str) -> Callable[[D], D]:
    """Register a check of those that are of a dialect that is known here."""

    def register(function: D) -> D:
        def of_known(stream: Stream) -> Outcome:
            dialect = dialect_of(stream.exchange)
            if dialect is None:
                return unknown("by its first event, it is of no dialect that is known here")
            return function(stream, dialect)

        universal(requirement)(of_known)
        return function

    return register


@universal("UNI-01")
def lines_end_in_lf(stream: Stream) -> Outcome:
    others = [line for line in stream.lines if line.end != b"\n"]
    if others:
        return broken(f"{len(others)} lines end in {others[0].end!r}; {shown(others[0])}")
    return holds(f"{len(stream.lines)} lines, all ending in LF")


@universal("UNI-02")
def each_blank_line_ends_an_event(stream: Stream) -> Outcome:
    for block in stream.blocks:
        if block.event is None and not block.values(b"retry"):
            return broken(f"a blank line follows, and there are no data: {shown(block.lines[-1])}")
    if stray := _STRAY.search(stream.content):
        return broken(f"byte {stray.end()}: a blank line that ends nothing")
    return holds(f"{len(stream.blocks)} blocks, and {len(stream.interpretation.events)} events")


@universal("UNI-03")
def retry_is_in_the_first_event(stream: Stream) -> Outcome:
    for number, block in enumerate(stream.blocks):
        if block.values(b"retry") and (number or block.event is None):
            where = "there are no data" if block.event is None else f"in block {number}"
            return broken(f"byte {block.offset}: a retry field, and {where}")
    return holds(f"{len(stream.blocks)} blocks, and no retry field after the first event")


@of_dialect("UNI-04")
def events_have_the_names_of_their_dialect(stream: Stream, dialect: Dialect) -> Outcome:
    for block in stream.blocks:
        names = [value.decode("utf-8", "replace") for value in block.values(b"event")]
        kind = [] if block.event is None else [data_of(block.event).get("type")]
        if names and not dialect.has_names:
            return broken(f"byte {block.offset}: an event named {names[-1]!r}, in {dialect.name}")
        if dialect.has_names and block.event is not None and names[-1:] != kind:
            told = names[-1] if names else None
            return broken(f"byte {block.offset}: named {told!r}, and its data are {kind[0]!r}")
    return holds(f"{len(stream.blocks)} blocks of {dialect.name}")


@of_dialect("UNI-05")
def done_is_said_where_it_is_read(stream: Stream, dialect: Dialect) -> Outcome:
    events = stream.interpretation.events
    places = [number for number, event in enumerate(events) if event.data == DONE]
    if not dialect.has_done:
        if places:
            return broken(f"byte {events[places[0]].offset}: {DONE}, in {dialect.name}")
        return holds(f"no {DONE}, in {dialect.name}")
    if places and places[0] != len(events) - 1:
        return broken(f"byte {events[places[0]].offset}: {DONE} is event {places[0]}, not the last")
    if not events or not stream.is_whole:
        return unknown("the stream did not end while we looked, or broke off, or has no event")
    evidence = f"the last of {len(events)} events of {dialect.name}: {cut(events[-1].data)}"
    is_right = places or dialect.may_lack_done(data_of(events[-1]))
    return holds(evidence) if is_right else broken(evidence)


@of_dialect("UNI-06")
def what_is_not_given_has_no_key(stream: Stream, dialect: Dialect) -> Outcome:
    if not dialect.rejects_null:
        return unknown(f"in {dialect.name} null is read like a key that is not there")
    for event in stream.interpretation.events:
        nulls = [key for key, value in data_of(event).items() if value is None and key not in FREE]
        if nulls:
            return broken(f"byte {event.offset}: {nulls[0]!r} is null in {cut(event.data)}")
    return holds(f"{len(stream.interpretation.events)} events of {dialect.name}, without nulls")


@of_dialect("UNI-07")
def a_whole_stream_has_its_last_event(stream: Stream, dialect: Dialect) -> Outcome:
    if not stream.is_whole:
        return unknown("the stream did not end while we looked, or broke off")
    events = stream.interpretation.events
    ends = [event for event in events if dialect.is_last(data_of(event))]
    if not ends:
        return broken(f"none of {len(events)} events of {dialect.name} says how it has ended")
    return holds(f"the last of {len(events)} events: {cut(ends[-1].data)}")


@universal("UNI-08")
def head_keeps_others_from_touching_it(stream: Stream) -> Outcome:
    head = stream.exchange.head
    if head is None:
        return NOTHING
    names = ("content-type", "cache-control", "x-accel-buffering")
    evidence = ", ".join(head.line(name) for name in names)
    wanted = {"no-cache", "no-transform"}
    is_right = wanted <= set(items(head, "cache-control")) and items(head, names[2]) == ["no"]
    return holds(evidence) if is_right else broken(evidence)


@check("UNI-09", "accept_json")
def accept_decides_nothing(exchange: Exchange, options: Options) -> Outcome:
    if options.profile != PROFILE:
        return unknown(f"the profile is {options.profile!r}, not {PROFILE!r}")
    evidence = f"Accept: application/json; {answer(exchange)}"
    return holds(evidence) if is_stream(exchange) else broken(evidence)
