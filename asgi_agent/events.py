r"""What an agent can say, and how it is kept: a type and one JSON object.

The two are kept as a native event stream has them, with `\ndata: ` between: put before it what an
ID needs, and an event is written. JSON has no line end of its own, so the two can be told apart.

The field names are the JSON keys of the native wire. An event is written once and then only
copied, so it is written strictly: ASCII, no NaN, no lone surrogate.
"""

import base64
import json
from dataclasses import dataclass, fields
from json.encoder import encode_basestring_ascii
from typing import Any, ClassVar, NamedTuple, TypeAlias

from pydantic_core import to_jsonable_python

from .errors import UsageError


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer: a true delta, never the text so far."""

    type: ClassVar[str] = "text"
    content: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of the reasoning: a true delta."""

    type: ClassVar[str] = "thinking"
    content: str


@dataclass(frozen=True, slots=True)
class BlockStart:
    """The deltas of one block follow. The run numbers the blocks, and adds those not said."""

    type: ClassVar[str] = "block_start"
    kind: str  # "text", "thinking" or "tool-call"
    idx: int = 0


@dataclass(frozen=True, slots=True)
class BlockEnd:
    """The open block ends here."""

    type: ClassVar[str] = "block_end"
    kind: str
    idx: int = 0


@dataclass(frozen=True, slots=True)
class ToolDelta:
    """A piece of a tool call that is still being written."""

    type: ClassVar[str] = "tool_delta"
    id: str
    name: str
    args: str  # partial JSON text


@dataclass(frozen=True, slots=True)
class ToolExec:
    """A tool is about to run on the server: said, and logged, before it does."""

    type: ClassVar[str] = "tool_exec"
    id: str
    name: str
    args: Any


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned."""

    type: ClassVar[str] = "tool_result"
    id: str
    name: str
    result: Any
    is_error: bool | None = None


@dataclass(frozen=True, slots=True)
class ClientTool:
    """The client must execute this tool and answer with its result."""

    type: ClassVar[str] = "client_tool"
    id: str
    name: str
    args: Any


@dataclass(frozen=True, slots=True)
class Question:
    """The agent asks, and waits for the answer."""

    type: ClassVar[str] = "question"
    id: str
    prompt: str
    schema: dict[str, Any] | None = None  # the JSON Schema of the answer


@dataclass(frozen=True, slots=True)
class Approval:
    """The agent wants to run a tool, and waits for yes or no."""

    type: ClassVar[str] = "approval"
    id: str
    tool_id: str
    name: str
    args: Any
    message: str


@dataclass(frozen=True, slots=True)
class Status:
    """What the agent is busy with, in words for a person."""

    type: ClassVar[str] = "status"
    content: str


@dataclass(frozen=True, slots=True)
class Data:
    """Anything of the application's own."""

    type: ClassVar[str] = "data"
    name: str
    value: Any
    id: str | None = None  # a later `Data` with the same id replaces this one
    transient: bool | None = None  # true: for this moment only, no part of the conversation


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of sound: one binary message on a WebSocket, base64 in an event stream."""

    type: ClassVar[str] = "audio"
    media_type: str
    bytes: bytes


@dataclass(frozen=True, slots=True)
class Complete:
    """Terminal: the run has reached its end. `data` is its final output."""

    type: ClassVar[str] = "complete"
    data: Any
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """Terminal: the run has failed. `error` is safe to show to anyone."""

    type: ClassVar[str] = "error"
    error: str
    code: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Terminal: the run was cancelled."""

    type: ClassVar[str] = "cancelled"
    reason: str | None = None


Terminal: TypeAlias = Complete | Error | Cancelled
AgentEvent: TypeAlias = (
    Text
    | Thinking
    | BlockStart
    | BlockEnd
    | ToolDelta
    | ToolExec
    | ToolResult
    | ClientTool
    | Question
    | Approval
    | Status
    | Data
    | Audio
    | Terminal
)

_CLASSES: dict[str, type[AgentEvent]] = {
    cls.type: cls
    for cls in (
        *(Text, Thinking, BlockStart, BlockEnd, ToolDelta, ToolExec, ToolResult, ClientTool),
        *(Question, Approval, Status, Data, Audio, Complete, Error, Cancelled),
    )
}
# An optional field that is not set has no key: clients reject nulls where a type is expected.
_FIELDS = {cls: [(f.name, f.default is None) for f in fields(cls)] for cls in _CLASSES.values()}


class Entry(NamedTuple):
    """One event at its place in the log of a run."""

    seq: int  # from 1, without holes
    type: str
    json: bytes  # the fields as one JSON object, in ASCII

    @property
    def event(self) -> AgentEvent:
        """The event that was said."""
        return decode(self.type, self.json)

    @property
    def is_terminal(self) -> bool:
        """Whether the run ends with this entry."""
        return self.type in TERMINAL


SEPARATOR = b"\ndata: "
TERMINAL = frozenset({Complete.type, Error.type, Cancelled.type})


def encode(event: AgentEvent) -> bytes:
    """The event as the log keeps it."""
    if isinstance(event, Text | Thinking) and event.content.isascii():
        return _delta(event.type, event.content)
    if type(event) not in _FIELDS:
        raise UsageError(f"an agent says str or events, not {type(event).__name__}")
    content = {
        key: value
        for key, is_optional in _FIELDS[type(event)]
        if (value := getattr(event, key)) is not None or not is_optional
    }
    if isinstance(event, Audio):
        content["bytes"] = base64.b64encode(event.bytes).decode()
    return b"%b%b%b" % (event.type.encode(), SEPARATOR, to_json(content))


def encode_text(content: str) -> bytes | None:
    """`encode(Text(content))`, if `content` is ASCII.

    Nearly all that agents say is of this kind. This is four times as fast as the general way.
    """
    return _delta("text", content) if content.isascii() else None


def _delta(kind: str, content: str) -> bytes:
    return f'{kind}\ndata: {{"content": {encode_basestring_ascii(content)}}}'.encode()


def entry(seq: int, kept: bytes) -> Entry:
    """The entry of which the log has kept these bytes under this number."""
    name, _, content = kept.partition(SEPARATOR)
    return Entry(seq, name.decode(), content)


def fields_of(event: AgentEvent) -> dict[str, Any]:
    """The fields of the event as every client may see them: plain JSON values."""
    values: dict[str, Any] = json.loads(encode(event).partition(SEPARATOR)[2])
    return values


def decode(name: str, content: bytes) -> AgentEvent:
    """The event of this type with these fields: the inverse of `encode`."""
    values = json.loads(content)
    if name == Audio.type:
        values["bytes"] = base64.b64decode(values["bytes"])
    return _CLASSES[name](**values)


def to_json(value: Any) -> bytes:
    """The value as JSON in ASCII that every client can read, whatever the agent has put in it.

    NaN and the infinities, which JSON has not (RFC 8259, 6), become null, as in JavaScript. Lone
    surrogates (8.2: "unpredictable") become U+FFFD. Dates, models, dataclasses and the like become
    what pydantic makes of them, bytes base64url (RFC 4648, 5); anything else becomes its `str`.
    Raises `ValueError` for an integer of more digits than Python writes.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        plain = to_jsonable_python(value, fallback=str, bytes_mode="base64")
        # Twice, because the fields of a model have its own mode, which lets NaN through.
        text = json.dumps(to_jsonable_python(plain, inf_nan_mode="null"), allow_nan=False)
    if "\\ud" in text:  # surrogates: halves of a character beyond U+FFFF, or lone ones
        whole = json.dumps(json.loads(text), ensure_ascii=False)
        text = json.dumps(json.loads(scrub(whole)))
    return text.encode("ascii")


def scrub(text: str) -> str:
    """The text with its surrogates paired where they can be, and else replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
