"""What an event stream carries: events and comments, written to the letter of HTML 9.2.5.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import re
from dataclasses import dataclass
from typing import cast

from ..errors import InvalidField

# HTML, Conformance classes: "User agents may impose implementation-specific limits on otherwise
# unconstrained inputs". This is the largest number that every JSON reader holds exactly.
LONGEST_RETRY = 2**53 - 1  # milliseconds

# What an ID or an event name cannot carry. A line ends the field; and of an ID, "If the field
# value does not contain U+0000 NULL, then set the last event ID buffer to the field value.
# Otherwise, ignore the field." UTF-8 has no bytes for a surrogate.
UNFIT_FOR_A_NAME = re.compile("[\r\n\0\ud800-\udfff]")


class Draft:
    """The fields of an event while it is being read, which `Event` checks and freezes."""

    __slots__ = ("data", "event", "id", "retry")

    data: str
    event: str
    id: str | None
    retry: int | None


@dataclass(frozen=True, slots=True)
class Event(Draft):
    r"""One event of an event stream.

    >>> Event("hello\nworld", event="greeting", id="7").encode()
    b'id: 7\nevent: greeting\ndata: hello\ndata: world\n\n'

    The wire has no CR of its own: each line end in the data (CRLF, CR or LF) is read back as LF.
    `InvalidField` is raised for what the wire cannot carry at all.
    """

    data: str
    event: str = "message"
    id: str | None = None  # None leaves the client's last event ID as it is; "" clears it
    retry: int | None = None  # the client's new reconnection time, in milliseconds

    def __post_init__(self) -> None:
        _refuse_other_than_text("data", self.data)
        _refuse_unfit_name("event name", self.event)
        if self.id is not None:
            _refuse_unfit_name("event ID", self.id)
        if self.retry is not None:
            _refuse_unfit_time(self.retry)

    def encode(self) -> bytes:
        """The event as bytes, with the blank line that dispatches it."""
        fields = ""
        if self.id is not None:
            fields = "id: " + self.id + "\n"
        # "Initialize event's type attribute to 'message'": the client does, unless told otherwise.
        if self.event not in {"", "message"}:
            fields += "event: " + self.event + "\n"
        if self.retry is not None:
            fields += f"retry: {self.retry:d}\n"
        return _utf8(fields + "data: " + _with_lf(self.data).replace("\n", "\ndata: ") + "\n\n")


@dataclass(frozen=True, slots=True)
class Comment:
    r"""Lines that every client ignores; the empty one is a heartbeat.

    >>> Comment("all is well").encode()
    b': all is well\n'

    No blank line follows: it would dispatch the event in whose middle the comment may stand.
    """

    text: str = ""

    def __post_init__(self) -> None:
        _refuse_other_than_text("a comment", self.text)

    def encode(self) -> bytes:
        """The comment as bytes, one line for each of its lines."""
        if not self.text:
            return b":\n"
        return _utf8(": " + _with_lf(self.text).replace("\n", "\n: ") + "\n")


def received_event(data: str, event: str, id_: str | None, retry: int | None) -> Event:
    """An `Event` as it was received, built without the checks.

    The wire can carry one thing that we refuse to send, NUL in an event name, and a reader takes
    what the wire carries. Nothing else that the checks are against can come out of a decoder.
    """
    draft = Draft()
    draft.data = data
    draft.event = event
    draft.id = id_
    draft.retry = retry
    draft.__class__ = Event  # frozen from here on; a third of the price of object.__setattr__
    return cast("Event", draft)


def _with_lf(text: str) -> str:
    """`text` with LF for each line end.

    HTML 9.2.5: a line ends with CRLF, LF or CR, and with nothing else. `str.splitlines` would
    also break at VT, FF, U+0085, U+2028 and others, which are part of the text.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _utf8(text: str) -> bytes:
    """`text` in UTF-8, where surrogates that are a pair join and lone ones become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _refuse_other_than_text(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidField(f"{what} is text: {value!r}")


def _refuse_unfit_name(what: str, value: object) -> None:
    if not isinstance(value, str) or UNFIT_FOR_A_NAME.search(value):
        raise InvalidField(f"an {what} is one line of text without NUL or surrogates: {value!r}")


def _refuse_unfit_time(value: object) -> None:
    # A bool is an int to Python only.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LONGEST_RETRY:
        # repr() of an int of more than 4300 digits raises; hex() of it does not.
        shown = hex(value) if isinstance(value, int) and abs(value) > LONGEST_RETRY else repr(value)
        raise InvalidField(f"retry is a whole number from 0 to {LONGEST_RETRY} (ms): {shown}")


# HTML 9.2.7: "authors can include a comment line (one starting with a ':' character) every 15
# seconds or so", against proxies that drop a silent connection.
HEARTBEAT = Comment()
