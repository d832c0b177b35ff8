"""One emission, seen as the checks see it: what was asked, what came, and what was put to the test.

A script touches some requirements by what is in it, as FRM-08 by a line end in an event's name.
The check of one of them judges only scripts that touch no other: so one defect is found once, and
under its own name.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from .script import LINE_END, SURROGATE, Asked, comments_of, events_of
from .sse import Block, Event, Line
from .transcript import Emitted, Exchange, Operations

LARGE = 1000  # characters; data of more are large
FIELDS = ("data", "event", "id", "retry")


@dataclass(frozen=True)
class Emission:
    """A script and what has come of it."""

    emitted: Emitted
    is_json: bool = False  # the producer writes data as JSON

    @property
    def exchange(self) -> Exchange:
        return self.emitted.exchange

    @property
    def script(self) -> Operations:
        return self.emitted.script

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """The events that the script asks for."""
        return events_of(self.script)

    @cached_property
    def traits(self) -> frozenset[str]:
        """The requirements that are touched by what is special in the script."""
        return traits_of(self.script)

    def is_about(self, requirement: str, *besides: str) -> bool:
        """Whether the script touches this requirement, and no other `besides` these."""
        return requirement in self.traits and self.traits <= {requirement, *besides}

    @property
    def status(self) -> int:
        """The status of the response; 0 if there is none."""
        return self.exchange.status

    @property
    def is_refused(self) -> bool:
        """Whether the producer has said, before anything else, that it does not emit this."""
        return 400 <= self.status < 500

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.exchange.stream.blocks

    @property
    def events(self) -> tuple[Event, ...]:
        return self.exchange.stream.events

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.exchange.stream.lines

    @property
    def failure(self) -> str:
        """Why there is no whole stream; "" if there is."""
        if self.exchange.head is None:
            return f"no answer: {self.exchange.fault or self.exchange.end}"
        if self.status != 200:
            return f"answered with {self.status}"
        if not is_whole(self.exchange):
            why = self.exchange.fault or self.exchange.end
            return f"the stream breaks off after {len(self.exchange.content)} bytes: {why}"
        return ""

    def is_same(self, event: Event, asked: Asked) -> bool:
        """Whether the data of this event are those that were asked for."""
        return is_json_of(event.data, asked.data) if self.is_json else event.data == asked.text

    def text_of(self, event: Event) -> str | None:
        """The data of this event, out of the JSON in which they may be; None if they should be."""
        if not self.is_json:
            return event.data
        try:
            return str(json.loads(event.data))
        except ValueError:
            return None


def is_json_of(text: str, value: object) -> bool:
    """Whether the text is JSON that says this."""
    try:
        return bool(json.loads(text) == value)
    except ValueError:
        return False


def is_whole(exchange: Exchange) -> bool:
    """Whether the response has come to its end, as far as its framing can tell."""
    head = exchange.head
    if head is None or exchange.end != "closed":
        return exchange.end == "complete"
    # "Otherwise, this is a response message without a declared message body length, so the message
    # body length is determined by the number of octets received prior to the server closing the
    # connection." (RFC 9112, 6.3)
    return not head.values("transfer-encoding") and not head.values("content-length")


# ── what a script touches ───────────────────────────────────────────────────────────────────


def traits_of(script: Operations) -> frozenset[str]:
    """The requirements that these operations touch."""
    asked = events_of(script)
    found = {trait for each in asked for trait in (*_of_data(each.data), *_of_fields(each))}
    if any(map(LINE_END.search, comments_of(script))):
        found.add("FRM-09")
    is_typed = [each.type != "message" for each in asked]
    if (True, False) in pairwise(is_typed):
        found.add("DSP-04")
    return frozenset(found)


def _of_fields(asked: Asked) -> Iterable[str]:
    event, identifier = asked.event or "", asked.id or ""
    if LINE_END.search(event + identifier):
        yield "FRM-08"
    if "\0" in identifier:
        yield "FLD-04"
    if asked.id == "":
        yield "DSP-05"
    if asked.retry is not None:
        yield "FLD-03"
    if is_space(event[:1]) or is_space(identifier[:1]):
        yield "FRM-06"


def _of_data(data: object) -> Iterable[str]:
    if not isinstance(data, str):
        return ("FLD-09",)
    if not data:
        return ("DSP-02",)
    if len(data) > LARGE:
        return ("FRM-12" if data.isascii() else "ENC-06",)
    if SURROGATE.search(data):
        return ("ENC-05",)
    return _of_text(data, LINE_END.split(data))


def _of_text(data: str, lines: list[str]) -> Iterable[str]:
    plain = data.translate({ord(character): None for character in "\r\n\t"})
    if not (plain.isascii() and plain.isprintable()):
        yield "ENC-04"
    # If a CR is taken for no line end, all that follows it may be forged.
    if "\r" in data or len([line for line in lines if line]) > 1:
        yield "FRM-05"
    if any(map(is_space, (line[:1] for line in lines))):
        yield "FRM-06"
    if "" in lines or any(map(is_space, (line[-1:] for line in lines))):
        yield "FRM-07"
    if "\r" not in data and ("" in lines[1:-1] or any(map(looks_like_a_line, lines))):
        yield "FRM-10"


def is_space(character: str) -> bool:
    """Whether encoders trim it: JavaScript's `trim` takes U+FEFF too."""
    return character.isspace() or character == "\ufeff"


def looks_like_a_line(text: str) -> bool:
    """Whether a reader would take this for a field that it knows, or for a comment."""
    name, colon, _ = text.partition(":")
    return name in FIELDS or (not name and bool(colon))
