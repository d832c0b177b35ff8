"""The one state machine that opens and closes what a response is made of.

Dialects do not agree on words, but all that stream more than text agree on this: a text, a
reasoning and a tool call each has a beginning, some deltas and an end. The log has blocks already;
here they are opened with their first delta, so that none is empty, and opened again where a
response begins in the middle of one: a text with what is still to be told, a call with all of it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic_core import from_json

from ..events import (
    Approval,
    Audio,
    BlockEnd,
    BlockStart,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Entry,
    Error,
    Question,
    Status,
    Terminal,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)

Kind: TypeAlias = Literal["text", "thinking"]
# Who has to act on a whole call: the server runs it, the client does, or a person has to allow it.
Actor: TypeAlias = Literal["server", "client", "person"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A text or a reasoning begins. `at` is the number of its first entry, and so names it."""

    kind: Kind
    at: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the open text or reasoning."""

    kind: Kind
    at: int
    content: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The text or reasoning is whole; `content` is all of it that this response has told."""

    kind: Kind
    at: int
    content: str


@dataclass(frozen=True, slots=True)
class CallOpened:
    """A tool call begins. Each that does is followed by its `Call` or its `CallDropped`."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A piece of the arguments, which are JSON."""

    id: str
    content: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call is whole. Where no delta told its arguments, `was_told` is false."""

    id: str
    name: str
    args: Any
    actor: Actor
    was_told: bool


@dataclass(frozen=True, slots=True)
class CallDropped:
    """A call that began, and that nobody will make."""

    id: str
    name: str
    told: str  # of its arguments


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool of the server has returned. Its `Call` went before."""

    id: str
    name: str
    result: Any
    is_error: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The agent waits for a person. Before an `Approval` the `Call` it is about was told."""

    event: Question | Approval


@dataclass(frozen=True, slots=True)
class Said:
    """What belongs to no block."""

    event: Status | Data | Audio


@dataclass(frozen=True, slots=True)
class Over:
    """The run has ended; everything open was closed before."""

    event: Terminal


Part: TypeAlias = (
    Opened
    | Delta
    | Closed
    | CallOpened
    | CallDelta
    | Call
    | CallDropped
    | Result
    | Asked
    | Said
    | Over
)


@dataclass(slots=True)
class _Call:
    """A call that is not whole yet."""

    name: str
    told: list[str] = field(default_factory=list[str])
    is_open: bool = False  # in this response


class Parts:
    """The parts of one response. Feed it the entries of one run, in order."""

    def __init__(self) -> None:
        self.seq = 0  # the number of the entry that was fed last
        self._has_text = False
        self._kind: Kind | None = None
        self._at = 0
        self._content: list[str] = []
        self._begun: dict[str, _Call] = {}  # by ID
        self._whole: set[str] = set()  # the IDs of calls that were told, ...
        self._returned: set[str] = set()  # ... and of those of them whose result was

    def feed(self, entry: Entry) -> Iterator[Part]:  # noqa: C901 - a table
        """What the entry says."""
        self.seq = entry.seq
        match event := entry.event:
            case Text(content):
                yield from self._delta("text", entry.seq, content)
            case Thinking(content):
                yield from self._delta("thinking", entry.seq, content)
            case BlockStart() | BlockEnd():
                yield from self._close_block()
            case ToolDelta(call_id, name, content):
                yield from self._call_delta(call_id, name, content)
            case ToolExec(call_id, name, args):
                yield from self._call(call_id, name, args, "server")
            case ClientTool(call_id, name, args):
                # Also where a person was asked about it before, or the client under the same ID.
                self._whole.discard(call_id)
                yield from self._call(call_id, name, args, "client")
            case Approval(_, call_id, name, args, _):
                yield from self._call(call_id, name, args, "person")
                yield Asked(event)
            case Question():
                yield from self._close_block()
                yield Asked(event)
            case ToolResult():
                yield from self._result(event)
            case Complete() | Error() | Cancelled():
                yield from self._over(event, entry.seq)
            case event:
                yield Said(event)

    def close(self) -> Iterator[Part]:
        """End all that is open: the response ends here. What goes on is opened again."""
        yield from self._close_block()
        for call_id, call in self._begun.items():
            if call.is_open:
                call.is_open = False
                yield CallDropped(call_id, call.name, "".join(call.told))

    def _delta(self, kind: Kind, seq: int, content: str) -> Iterator[Part]:
        if not content:
            return
        if self._kind != kind:
            yield from self._close_block()
            self._kind, self._at, self._content = kind, seq, []
            self._has_text = self._has_text or kind == "text"
            yield Opened(kind, seq)
        self._content.append(content)
        yield Delta(kind, self._at, content)

    def _close_block(self) -> Iterator[Part]:
        if self._kind is not None:
            kind, self._kind = self._kind, None
            yield Closed(kind, self._at, "".join(self._content))

    def _call_delta(self, call_id: str, name: str, content: str) -> Iterator[Part]:
        if self._is_made(call_id):
            return  # an agent that goes on writing a call it has made
        yield from self._close_block()
        call = self._begun.setdefault(call_id, _Call(name))
        if not call.is_open:
            call.is_open = True
            yield CallOpened(call_id, call.name)
            if call.told:  # in an earlier response
                yield CallDelta(call_id, "".join(call.told))
        if content:
            call.told.append(content)
            yield CallDelta(call_id, content)

    def _call(self, call_id: str, name: str, args: Any, actor: Actor) -> Iterator[Part]:
        if self._is_made(call_id):
            return  # it was told when somebody was asked about it
        yield from self._close_block()
        call = self._begun.pop(call_id, _Call(name))
        if not call.is_open:
            yield CallOpened(call_id, name or call.name)
        self._whole.add(call_id)
        self._returned.discard(call_id)
        yield Call(call_id, name or call.name, args, actor, call.is_open and bool(call.told))

    def _is_made(self, call_id: str) -> bool:
        """Whether the call was told, and has not returned: then its ID may be used again."""
        return call_id in self._whole and call_id not in self._returned

    def _result(self, event: ToolResult) -> Iterator[Part]:
        begun = self._begun.get(event.id)
        if begun is not None or event.id not in self._whole:  # nobody has told the call as a whole
            told = begun.told if begun else []
            yield from self._call(event.id, event.name, _parsed("".join(told)), "server")
        self._returned.add(event.id)
        yield Result(event.id, event.name, event.result, bool(event.is_error))

    def _over(self, event: Terminal, seq: int) -> Iterator[Part]:
        if isinstance(event, Complete) and not self._has_text and event.data is not None:
            # An agent may say its answer only as a whole.
            yield from self._delta("text", seq, as_text(event.data))
        yield from self.close()
        yield Over(event)


def _parsed(told: str) -> Any:
    """The arguments that were told; None where they are not JSON, or not all of it."""
    try:
        return from_json(told, allow_inf_nan=False)
    except ValueError:
        return None


# A value as JSON on one line of ASCII: some clients take U+2028 for the end of a line.
as_json: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode


def as_text(value: Any) -> str:
    """A value as a client reads it that reads text: itself, if it is text, or as JSON."""
    return value if isinstance(value, str) else as_json(value)


def arguments(args: Any) -> str:
    """The arguments of a call as JSON text: an object, whatever the agent has given."""
    return as_json(args if isinstance(args, dict) else {} if args is None else {"input": args})
