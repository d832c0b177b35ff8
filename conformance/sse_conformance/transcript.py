"""What was sent and what came back, with the time of each piece: all that a check ever sees.

Times are in seconds since the request was sent. A record is kept as JSON lines, and judging it
again gives the same verdicts: a live server, a file and a mutant are the same to a check.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    with_config,
)

from .options import Options
from .sse import Interpretation, interpret

Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]  # names as they were written

AS_BASE64 = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


@with_config(AS_BASE64)
@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that came at once."""

    at: float
    data: bytes


@with_config(AS_BASE64)
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What we have asked."""

    method: str = "GET"
    target: str  # as in the request line
    fields: Fields = ()
    content: bytes = b""
    http: Literal["1.0", "1.1"] = "1.1"


@with_config(AS_BASE64)
@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The status line and the fields of a response, not yet interpreted."""

    at: float
    status: int
    http: str
    fields: Fields

    def values(self, name: str) -> list[str]:
        """The values of all fields of this name, which is compared without regard to case."""
        wanted = name.lower().encode()
        return [value.decode("latin-1") for key, value in self.fields if key.lower() == wanted]

    def value(self, name: str) -> str | None:
        """The values of all fields of this name, joined as RFC 9110, 5.2 has it; None without."""
        values = self.values(name)
        return ", ".join(values) if values else None

    def line(self, name: str) -> str:
        """Evidence: the field as it stands in the response, or that there is none."""
        value = self.value(name)
        return f"no {name}" if value is None else f"{name}: {value}"


End: TypeAlias = Literal[
    "complete",  # by its own framing
    "closed",  # the server has closed the connection, where that is the end or is not
    "reset",  # the connection was reset
    "left",  # we have left, as was planned
    "timeout",  # we have left, because there was no end
    "limit",  # we have left, because there was too much
    "failed",  # there was no connection, or no response
]


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its response, over HTTP/1 or from an ASGI application in this process."""

    kind: Literal["exchange"] = "exchange"
    request: Request
    received: tuple[Piece, ...] = ()  # as it was read from the socket; () in process
    head: Head | None = None
    body: tuple[Piece, ...] = ()  # without transfer coding, piece by piece as it was sent
    end: End
    ended_at: float
    fault: str = ""  # what is wrong with the framing of the message, and where
    trailing: bytes = b""  # what came after the response's end
    clock: Literal["real", "virtual"] = "real"  # virtual: in process, where no time has passed

    @property
    def status(self) -> int:
        """The status of the response; 0 if there is none."""
        return 0 if self.head is None else self.head.status

    @cached_property
    def content(self) -> bytes:
        """The whole body."""
        return b"".join(piece.data for piece in self.body)

    @cached_property
    def stream(self) -> Interpretation:
        """The body as an event stream."""
        return interpret(self.content)

    def arrival(self, offset: int) -> float:
        """When the byte at this offset of the body came. The first byte has the offset 0."""
        place = bisect_right(self._ends, offset)
        return self.body[place].at if place < len(self.body) else self.ended_at

    @cached_property
    def _ends(self) -> list[int]:
        """Where each piece of the body ends: there may be ten thousands of them."""
        return list(accumulate(len(piece.data) for piece in self.body))


Operation: TypeAlias = dict[str, object]  # one of the emit contract: see script.py
Operations: TypeAlias = tuple[Operation, ...]
# Their JSON is kept as text, all of it ASCII: a script may hold a lone surrogate, UTF-8 may not.
_AS_TEXT = (
    PlainSerializer(json.dumps, return_type=str),
    BeforeValidator(lambda value: json.loads(value) if isinstance(value, str) else value),
)


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Emitted:
    """A script that a producer was told to emit, and what it has emitted."""

    kind: Literal["emitted"] = "emitted"
    script: Annotated[Operations, *_AS_TEXT]
    exchange: Exchange


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Message:
    """One ASGI message, or what became of awaiting it."""

    at: float
    what: Literal["receive", "send", "sent", "raised"]
    detail: str  # `repr` of the message or of the exception, cut where it is long
    type: str = ""
    is_last: bool = False  # a body that says that none follows
    faults: tuple[str, ...] = ()  # of its keys and values: each begins with the key it is about


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an ASGI application in this process, under a host that behaves as `plan` says."""

    kind: Literal["call"] = "call"
    plan: str
    scope: str  # the scope's type
    messages: tuple[Message, ...]
    outcome: Literal["returned", "raised", "cancelled", "hung"]
    error: str = ""
    ended_at: float
    facts: dict[str, object] = field(
        default_factory=dict[str, object]
    )  # what else was observed, by its name
    exchange: Exchange | None = None  # the same as a response, where it is one


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Frame:
    """One WebSocket frame: ours if `sent`, else the server's."""

    at: float
    sent: bool
    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    masked: bool = False


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """One WebSocket connection, frame by frame."""

    kind: Literal["dialogue"] = "dialogue"
    handshake: Exchange
    frames: tuple[Frame, ...]
    end: End
    ended_at: float
    fault: str = ""


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Reading:
    """One case of the corpus, cut in some way, and what a client has made of it."""

    kind: Literal["reading"] = "reading"
    case: str
    cut: str  # how the bytes were cut
    expected: Annotated[Operations, *_AS_TEXT]
    observed: Annotated[Operations, *_AS_TEXT]
    retry: float | None = None  # the reconnection time in the end, in milliseconds
    tells_retry: bool = False  # whether the client says so
    note: str = ""  # why there is no more


@with_config(AS_BASE64)
@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a client that reads a stream of ours; times are since the scenario began."""

    at: float
    request: Request
    status: int | None = None  # of our answer; None if there was none
    sent: tuple[float, ...] = ()  # when each piece of the answer's body was sent
    # As `End`: here "closed" says that we have closed the connection in the middle of the body,
    # "reset" and "complete" are our doing too; "left" that the client has gone.
    end: End
    ended_at: float


@with_config(AS_BASE64)
@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What a client does where we answer by a script: its visits, and what it tells."""

    kind: Literal["scenario"] = "scenario"
    name: str
    visits: tuple[Visit, ...]
    # Each has "at", and either "event", "data" and "id", or "error".
    heard: Annotated[Operations, *_AS_TEXT]
    closed_at: float | None = None  # when we had told the client to close
    ended_at: float
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen beside the wire: the producer's own counters, the memory of its process."""

    kind: Literal["observation"] = "observation"
    what: str
    facts: dict[str, float]


Item: TypeAlias = Exchange | Emitted | Call | Dialogue | Reading | Scenario | Observation


@with_config(AS_BASE64)
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a record's file."""

    name: str
    item: Annotated[Item, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The first line of a record's file: what was looked at, and how."""

    record: Literal[1] = 1  # the version of this format
    target: str
    mode: Literal["check", "emit", "asgi", "ws", "client"]
    options: Options = field(default_factory=Options)


_ENTRY = TypeAdapter(Entry)
_SUBJECT = TypeAdapter(Subject)


class Record:
    """All that was recorded of one subject, by names that the checks know."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def add(self, name: str, item: Item) -> None:
        """Record one thing more. Under one name there may be several, in their order."""
        self._entries.append(Entry(name=name, item=item))

    def all(self, name: str) -> tuple[Item, ...]:
        """What was recorded under this name."""
        return tuple(entry.item for entry in self._entries if entry.name == name)

    def save(self, path: Path) -> None:
        """Write it as JSON lines, in UTF-8."""
        lines = [_SUBJECT.dump_json(self.subject), *map(_ENTRY.dump_json, self._entries)]
        path.write_bytes(b"".join(line + b"\n" for line in lines))


def load(path: Path) -> Record:
    """The record that was saved there. Raises `ValueError` if the file is none."""
    first, *rest = path.read_bytes().split(b"\n")
    return record_of(_SUBJECT.validate_json(first), (line for line in rest if line))


def record_of(subject: Subject, lines: Iterable[bytes]) -> Record:
    """A record of these lines."""
    record = Record(subject)
    for line in lines:
        entry = _ENTRY.validate_json(line)
        record.add(entry.name, entry.item)
    return record


def changed(record: Record, name: str, items: Sequence[Item]) -> Record:
    """The same record, but with these items under this name."""
    copy = Record(record.subject)
    for entry in record:
        if entry.name != name:
            copy.add(entry.name, entry.item)
    for item in items:
        copy.add(name, item)
    return copy
