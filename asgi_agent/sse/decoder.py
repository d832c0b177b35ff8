"""The bytes of an event stream to events, wherever they are cut: HTML 9.2.6, to the letter.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re
import sys

from ..errors import EventTooLarge
from .event import LONGEST_RETRY, Event, received_event

# The end of a block as most servers write it, or else a line. One token for three or four lines
# is what makes us fast, and it may never mean anything but what its lines mean one by one. A value
# that matters even when it is empty, or an ID that counts for nothing, is left to the lines. The
# quantifiers are possessive: nothing is tried twice.
TOKEN = re.compile(
    r"(?:id: ?+([^\0\n]++)\n)?+"
    r"(?:event: ?+(.++)\n)?+"
    r"data: ?+(.++)\n\n"
    r"|(.*+)\n"
)


class EventStreamDecoder:
    r"""Turn the bytes of one event stream into events, wherever they are cut.

    >>> decoder = EventStreamDecoder()
    >>> decoder.feed(b"id: 7\ndata: hel")
    []
    >>> decoder.feed(b"lo\n\n")
    [Event(data='hello', event='message', id='7', retry=None)]

    `last_event_id` is the last event ID string, the one to send when reconnecting, and
    `reconnection_time` the last valid `retry`, in milliseconds. "Once the end of the file is
    reached, any pending data must be discarded": drop the decoder. A new stream needs a new one,
    which is given the `last_event_id` of the old.

    The `id` of an event is the ID that came since the event before, be it in a block without
    data; None if none came. So the lastEventId that a browser gives to each event is the newest
    `id` that is not None, or else the `last_event_id` that the decoder started with.

    `max_event_bytes` bounds what is held of an unfinished event: its data so far, in UTF-8, and
    the line that is being read. None lifts the bound.
    """

    def __init__(
        self, *, max_event_bytes: int | None = 16 * 1024 * 1024, last_event_id: str = ""
    ) -> None:
        self.last_event_id = last_event_id
        self.reconnection_time: int | None = None
        self._max_event_bytes = sys.maxsize if max_event_bytes is None else max_event_bytes
        self._too_large = False
        self._after_cr = False
        # The UTF-8 decode algorithm strips one BOM, at the start of the stream.
        self._encoding = "utf-8-sig"
        # What is unfinished is held in bytearrays. They grow in amortised constant time, so we are
        # linear however the stream is cut; and they hold nothing but the bytes, where a list of
        # fragments would hold an object for each.
        self._line = bytearray()
        # "When a stream is parsed, a data buffer, an event type buffer, and a last event ID
        # buffer must be associated with it. They must be initialized to the empty string."
        self._data = bytearray()
        self._type = ""
        self._id: str | None = None  # None until an ID comes after the last event returned
        self._retry: int | None = None
        self._fresh = True  # nothing that concerns the next event has been read

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. What it leaves unfinished is kept.

        `EventTooLarge` is raised when an event passes the bound, and by every call after. The
        events before it are not lost: if `chunk` completes some, they are returned, and the next
        call raises. At the end of a stream, `feed(b"")` tells whether something was refused.
        """
        if not self._too_large:
            events = self._read(self._with_lf(chunk))
            if events or not self._too_large:
                return events
        raise EventTooLarge(f"an event takes more than {self._max_event_bytes} bytes")

    def _with_lf(self, chunk: bytes) -> bytes:
        """`chunk` with LF for each line end.

        The ways in which a line can end are "a [...] (CRLF) character pair, a single [...] (LF)
        character not preceded by a [...] (CR) character, and a single [...] (CR) character not
        followed by a [...] (LF) character". A CR ends its line at once, even if it is the last
        byte we have: an event does not wait for what comes next. An LF that comes next is then
        the rest of that line end.
        """
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _read(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes, or those before the first that is too large."""
        end = chunk.rfind(b"\n") + 1
        events = self._read_lines(chunk[:end]) if end else []
        if end < len(chunk):
            self._hold(chunk[end:])
        return events

    def _hold(self, rest: bytes) -> None:
        """Keep what is left of a chunk until its line ends."""
        self._line += rest
        if len(self._data) + len(self._line) > self._max_event_bytes:
            self._refuse()

    def _read_lines(self, lines: bytes) -> list[Event]:
        if self._line:
            lines = bytes(self._line) + lines
            self._line = bytearray()
        # No line passes the bound if all of them together do not, even where each byte becomes a
        # U+FFFD, which takes three. Else they are read one at a time, so that each is looked at.
        if len(self._data) + 3 * len(lines) <= self._max_event_bytes:
            return self._interpret(lines)
        events: list[Event] = []
        for line in lines[:-1].split(b"\n"):
            if len(self._data) + len(line) > self._max_event_bytes:
                self._refuse()
                break
            events += self._interpret(line + b"\n")
        return events

    def _refuse(self) -> None:
        self._too_large = True
        self._line = bytearray()
        self._data = bytearray()

    def _interpret(self, lines: bytes) -> list[Event]:
        """The events that these whole lines complete.

        "Streams must be decoded using the UTF-8 decode algorithm": line by line that gives the
        same, for LF is ASCII, so it is never a part of a longer sequence. One that interrupts a
        sequence makes the algorithm write U+FFFD for what came before it, and read it anew.
        """
        text = lines.decode(self._encoding, "replace")
        self._encoding = "utf-8"
        events: list[Event] = []
        for id_, event_type, data, line in TOKEN.findall(text):
            if data and self._fresh:
                if id_:
                    self.last_event_id = id_
                events.append(received_event(data, event_type or "message", id_ or None, None))
                continue
            if data:
                for name, value in (("id", id_), ("event", event_type), ("data", data)):
                    if value:
                        self._process_field(name, value)
            elif line:
                self._process_line(line)
                continue
            # "If the line is empty (a blank line): Dispatch the event".
            if event := self._dispatch():
                events.append(event)
        return events

    def _process_line(self, line: str) -> None:
        # "Collect the characters on the line before the first U+003A COLON character (:), and let
        # field be that string." Without a colon it is "the whole line as the field name, and the
        # empty string as the field value".
        name, _, value = line.partition(":")
        # "If value starts with a U+0020 SPACE character, remove it from value."
        self._process_field(name, value.removeprefix(" "))

    def _process_field(self, name: str, value: str) -> None:
        self._fresh = False
        match name:  # "compared literally, with no case folding performed"
            case "event":  # "Set the event type buffer to the field value."
                self._type = value
            case "data":  # "Append the field value to the data buffer, then append a single [LF]"
                self._data += value.encode() + b"\n"
            case "id" if "\0" not in value:  # "does not contain U+0000 NULL"
                self._id = value
            case "retry" if value.isascii() and value.isdigit():  # "only ASCII digits"
                self._retry = self.reconnection_time = _milliseconds(value)
            case _:  # "The field is ignored." So is a line that starts with a colon: it has no name
                pass

    def _dispatch(self) -> Event | None:
        """The event whose block has just ended, if it has data; then begin another."""
        # 1. "Set the last event ID string of the event source to the value of the last event ID
        # buffer." A block without data does so too.
        if self._id is not None:
            self.last_event_id = self._id
        # 2. "If the data buffer is an empty string, set the data buffer and the event type buffer
        # to the empty string and return."
        event = None
        if self._data:
            # 3. "If the data buffer's last character is [LF], then remove": it always is.
            data = self._data[:-1].decode()
            # 5, 6. "message", unless the type buffer "has a value other than the empty string".
            event = received_event(data, self._type or "message", self._id, self._retry)
            self._id = None
        # 7. "Set the data buffer and the event type buffer to the empty string."
        self._data = bytearray()
        self._type = ""
        self._retry = None
        self._fresh = self._id is None
        return event


def _milliseconds(digits: str) -> int:
    # "interpret the field value as an integer in base ten", within LONGEST_RETRY: any 17 digits
    # are past it, and int() would refuse more than 4300 of them.
    return min(int(digits.lstrip("0")[:17] or "0"), LONGEST_RETRY)
