"""Fields: WHATWG HTML 9.2.6, "process the field". What is none that it names is ignored."""

import json
from collections.abc import Sequence

from ..emission import FIELDS, Emission, is_json_of
from ..options import Options
from ..registry import check
from ..sse import Line
from ..sse.interpretation import is_time
from ..sse.lines import BOM
from ..transcript import Exchange
from ..verdict import Outcome, broken, holds, noted, unknown
from .emissions import NOT_ASKED, per_emission
from .roundtrip import cut
from .seen import is_stream
from .streams import Stream, shown, stream_check

KNOWN = tuple(name.encode() for name in FIELDS)
ID_LIMIT = 128  # bytes: Fetch, "CORS-safelisted request-header"
# What makes a value unsafe there; for control characters, see below.
_UNSAFE = frozenset(b'"():<>?@[\\]{}\x7f')
_OWN_EVENTS = (b"open", b"error")  # of EventSource itself: 9.2.2


@stream_check("FLD-01")
def fields_are_known(stream: Stream) -> Outcome:
    strange = [line for line in stream.lines if _is_strange(line)]
    if strange:
        names = dict.fromkeys(line.name.decode("utf-8", "replace")[:40] for line in strange)
        return broken(f"unknown fields: {', '.join(map(repr, names))}; {shown(strange[0])}")
    known = sorted({line.name.decode() for line in stream.lines if line.name in KNOWN})
    return holds(f"{len(stream.lines)} lines: comments, {', '.join(known)}")


def _is_strange(line: Line) -> bool:
    is_other = line.is_comment or line.name in KNOWN or line.name.startswith(BOM)
    return not is_other and not _is_misspelt(line)


@stream_check("FLD-02")
def names_are_literal(stream: Stream) -> Outcome:
    # "Field names must be compared literally, with no case folding performed."
    misspelt = [line for line in stream.lines if _is_misspelt(line)]
    if misspelt:
        return broken(f"{misspelt[0].name!r} is no field; {shown(misspelt[0])}")
    return holds(f"{len(stream.lines)} lines")


def _is_misspelt(line: Line) -> bool:
    return line.name not in KNOWN and line.name.strip(b" \t").lower() in KNOWN


@stream_check("FLD-03", "FLD-03")
def retry_is_a_number(stream: Stream) -> Outcome:
    lines = [line for line in stream.lines if line.name == b"retry"]
    for line in lines:
        if not is_time(line.value):
            return broken(f"not only digits; {shown(line)}")
    asked = [] if stream.emission is None else [each.retry for each in stream.emission.asked]
    numbers = [number for number in asked if number is not None]
    came = [int(line.value[-30:]) for line in lines]
    if numbers and came != numbers:
        return noted(f"{numbers} was asked for, and {came} has come")
    if not lines:
        return unknown("there is no retry field")
    return holds(f"{len(lines)} retry fields; {shown(lines[0])}")


@stream_check("FLD-04", "FLD-04")
def id_has_no_nul(stream: Stream) -> Outcome:
    # "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the
    # field value. Otherwise, ignore the field."
    lines = _ids(stream)
    for line in lines:
        if b"\0" in line.value:
            return broken(f"NUL in an event ID; {shown(line)}")
    if stream.emission is not None and stream.emission.traits:
        return holds("the NUL of an event ID has not come")
    return holds(f"{len(lines)} event IDs without NUL") if lines else _NO_ID


@stream_check("FLD-05")
def id_fits_a_header(stream: Stream) -> Outcome:
    lines = [] if stream.has_asked("id") else _ids(stream)
    for line in lines:
        fault = _header_fault(line.value)
        if fault:
            return broken(f"{fault}; {shown(line)}")
    unsafe = [line for line in lines if not _UNSAFE.isdisjoint(line.value)]
    if unsafe:
        return noted(f"a browser may ask first (preflight) to send this ID; {shown(unsafe[0])}")
    return holds(f"{len(lines)} event IDs, as {lines[0].value!r}") if lines else _NO_ID


def _header_fault(value: bytes) -> str:
    if len(value) > ID_LIMIT:
        return f"an event ID of {len(value)} bytes"
    if value.strip(b" \t") != value:
        return "a space at an end of an event ID"
    # NUL is FLD-04's.
    if any(0 < byte < 0x20 or byte == 0x7F for byte in value):
        return "a control character in an event ID"
    return ""


_NO_ID = unknown("there is no event ID")


def _ids(stream: Stream) -> list[Line]:
    return [line for line in stream.lines if line.name == b"id"]


@stream_check("FLD-06")
def blocks_say_it_once(stream: Stream) -> Outcome:
    for block in stream.blocks:
        for name in (b"event", b"id"):
            lines = [line for line in block.fields if line.name == name]
            if len(lines) > 1:
                return broken(f"{len(lines)} {name.decode()} fields in a block; {shown(lines[-1])}")
    return holds(f"{len(stream.blocks)} blocks")


@stream_check("FLD-07")
def types_say_something(stream: Stream) -> Outcome:
    idle = [line for line in _types(stream) if line.value in (b"", b"message")]
    if idle and not stream.has_asked("event", "", "message"):
        return broken(f"{len(idle)} event fields say nothing; {shown(idle[0])}")
    return holds(f"{len(_types(stream))} event fields")


def _types(stream: Stream) -> list[Line]:
    return [line for line in stream.lines if line.name == b"event"]


@check("FLD-08", "get")
def types_are_not_the_readers_own(get: Exchange, options: Options) -> Outcome:
    if not is_stream(get):
        return unknown("no event stream")
    types = _types(Stream(get))
    own = [line for line in types if line.value in _OWN_EVENTS]
    if not own:
        return holds(f"{len(types)} event fields")
    evidence = f"{len(own)} events are called as EventSource's own; {shown(own[0])}"
    return noted(evidence) if options.profile in ("agent", "universal") else broken(evidence)


@per_emission("FLD-08")
def types_stay_the_scripts_own(emission: Emission) -> Outcome:
    stream = Stream(emission.exchange, emission)
    if emission.traits or emission.failure or stream.has_asked("event", "open", "error"):
        return NOT_ASKED
    own = [line for line in _types(stream) if line.value in _OWN_EVENTS]
    if own:
        return broken(f"nobody has asked for this: {shown(own[0])}")
    return holds(f"{len(emission.events)} events")


@per_emission("FLD-09")
def data_are_no_debris(emission: Emission) -> Outcome:
    """What is not text is written as JSON, or in another way that is not a language's own."""
    if not emission.is_about("FLD-09") or len(emission.asked) != 1:
        return NOT_ASKED
    if emission.is_refused:
        return holds(f"refused with {emission.status}")
    if emission.failure or len(emission.events) != 1:
        return unknown(f"it did not come: {emission.failure or emission.exchange.content[:60]!r}")
    value, written = emission.asked[0].data, emission.events[0].data
    if is_json_of(written, value):
        return holds(f"{cut(written)} is JSON")
    if written in _debris(value):
        return broken(f"byte {emission.events[0].offset}: the data are {cut(written)}")
    return noted(f"{cut(written)} was written for {json.dumps(value)}")


def _debris(value: object) -> Sequence[str]:
    """What languages make of the value when they are asked for any text."""
    return (str(value), repr(value), "[object Object]", "undefined", "Array", "map[a:true]")
