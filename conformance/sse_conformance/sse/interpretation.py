"""What a browser makes of an event stream: WHATWG HTML 9.2.6, step by step, with evidence."""

from dataclasses import dataclass

from .lines import Line, lines_of

_DIGITS = frozenset(b"0123456789")


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event, as an EventSource's listener sees it."""

    type: str
    data: str
    last_event_id: str
    offset: int  # of its first line in the stream
    end: int  # of what follows its blank line


@dataclass(frozen=True, slots=True)
class Block:
    """The lines up to a blank one, and what was dispatched for them, if anything."""

    lines: tuple[Line, ...]  # without the blank one
    is_ended: bool  # by a blank line; else by the end of the stream
    event: Event | None

    @property
    def offset(self) -> int:
        return self.lines[0].offset

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields of this name, in their order."""
        return [line.value for line in self.fields if line.name == name]

    @property
    def fields(self) -> list[Line]:
        """The lines that are fields, known or not."""
        return [line for line in self.lines if not line.is_comment]


@dataclass(frozen=True, slots=True)
class Interpretation:
    """All that the stream says."""

    blocks: tuple[Block, ...]  # blank lines that end nothing are in none
    last_event_id: str  # what the client would send with its next request
    retry: int | None  # the reconnection time that was set last, in milliseconds

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(block.event for block in self.blocks if block.event is not None)

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of all blocks."""
        return tuple(line for block in self.blocks for line in block.lines)


def interpret(stream: bytes, last_event_id: str = "") -> Interpretation:
    """Interpret the bytes as one stream, to its end.

    `last_event_id` is the last event ID string that the client has already. An event without an
    `id` field has it still: 9.2.6 clears no buffer when a stream begins, or implementations do not.
    """
    blocks: list[Block] = []
    pending: list[Line] = []
    reconnection_time: int | None = None
    identifier = last_event_id  # the last event ID buffer
    for line in lines_of(stream):
        if line.is_blank and line.end:
            # "If the line is empty (a blank line): Dispatch the event"
            last_event_id = identifier
            if pending:
                event = _dispatch(pending, last_event_id, line.after)
                blocks.append(Block(tuple(pending), is_ended=True, event=event))
            pending = []
            continue
        pending.append(line)
        if not line.end:
            break  # it is unfinished: "the incomplete event is not dispatched", nor processed
        if line.name == b"id" and b"\0" not in line.value:
            # "If the field value does not contain U+0000 NULL, then set the last event ID buffer"
            identifier = _decode(line.value)
        elif line.name == b"retry" and is_time(line.value):
            # "If the field value consists of only ASCII digits, then interpret the field value as
            # an integer in base ten, and set the event stream's reconnection time to that integer."
            reconnection_time = _integer(line.value)
    if pending:
        # "Once the end of the file is reached, any pending data must be discarded."
        blocks.append(Block(tuple(pending), is_ended=False, event=None))
    return Interpretation(tuple(blocks), last_event_id, reconnection_time)


def is_time(value: bytes) -> bool:
    """Whether a `retry` field with this value sets the reconnection time."""
    return bool(value) and _DIGITS.issuperset(value)


def _dispatch(lines: list[Line], last_event_id: str, end: int) -> Event | None:
    fields = [line for line in lines if not line.is_comment]
    data = [_decode(line.value) for line in fields if line.name == b"data"]
    # "append the field value to the data buffer, then append a single U+000A LINE FEED (LF)"; "if
    # the data buffer is an empty string" then nothing is dispatched; and "if the data buffer's last
    # character is a LF, remove" that one. So nothing is dispatched exactly where no line says data.
    if not data:
        return None
    types = [_decode(line.value) for line in fields if line.name == b"event"]
    kind = types[-1] if types else ""
    return Event(kind or "message", "\n".join(data), last_event_id, lines[0].offset, end)


def _decode(value: bytes) -> str:
    # "Streams must be decoded using the UTF-8 decode algorithm": malformed bytes become U+FFFD.
    # That is done line by line here, which is the same: CR and LF are part of no other character.
    return value.decode("utf-8", "replace")


def _integer(digits: bytes) -> int:
    # Python refuses more than 4,300 digits. Beyond this no client waits for what is told.
    significant = digits.lstrip(b"0") or b"0"
    return int(significant) if len(significant) <= 18 else 10**18
