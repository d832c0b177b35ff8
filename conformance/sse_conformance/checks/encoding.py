"""Encoding: WHATWG HTML 9.2.5, "Event streams in this format must always be encoded as UTF-8"."""

from ..emission import Emission
from ..sse.lines import BOM
from ..verdict import Outcome, broken, holds, noted, unknown
from .emissions import NOT_ASKED, per_emission
from .roundtrip import round_trip
from .streams import Stream, shown, stream_check

# Whatever data hold, the stream is UTF-8; but what cannot be, or is cut, has its own requirement.
_ANY_TEXT = ("DSP-02", "DSP-04", "DSP-05", "ENC-04", "FLD-03", "FRM-05", "FRM-06", "FRM-07")


@stream_check("ENC-01", *_ANY_TEXT)
def is_utf_8(stream: Stream) -> Outcome:
    content = stream.content
    fault = utf_8_fault(content, is_whole=stream.is_whole)
    if not fault:
        return holds(f"{len(content)} bytes of UTF-8")
    return broken(fault)


def utf_8_fault(content: bytes, *, is_whole: bool) -> str:
    """Where the bytes are not UTF-8; "" if they are, or may be because they are not all."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if error.end == len(content) and "end of data" in error.reason and not is_whole:
            return ""
        wrong = content[error.start : error.start + 8]
        number = content.count(b"\n\n", 0, error.start)
        return f"byte {error.start}, in block {number}: {wrong!r}: {error.reason}"
    return ""


@stream_check("ENC-02")
def begins_without_mark(stream: Stream) -> Outcome:
    begin = stream.content[:16]
    if begin.startswith(BOM):
        return broken(f"byte 0: {begin!r}")
    return holds(f"byte 0: {begin!r}")


@stream_check("ENC-03")
def lines_begin_without_mark(stream: Stream) -> Outcome:
    # "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any." (9.2.6)
    # Before any other line it belongs to a field's name, and so that field is none that is known.
    marked = [line for line in stream.interpretation.lines if line.content.startswith(BOM)]
    if marked:
        return broken(f"{len(marked)} lines begin with U+FEFF; {shown(marked[0])}")
    return holds(f"{len(stream.lines)} lines, and none begins with U+FEFF")


round_trip("ENC-04")


@per_emission("ENC-05")
def survives_half_characters(emission: Emission) -> Outcome:
    """Half a character is refused, or replaced; and what follows it comes."""
    if not emission.is_about("ENC-05"):
        return NOT_ASKED
    if emission.is_refused:
        return holds(f"refused with {emission.status}")
    if emission.status >= 500:
        return noted(f"answered with {emission.status}, where 4xx would say whose fault it is")
    fault = emission.failure or utf_8_fault(emission.exchange.content, is_whole=True)
    if fault:
        return broken(fault)
    follower = emission.asked[-1]
    if not any(emission.is_same(event, follower) for event in emission.events):
        return broken(f"the event after it has not come: there are {len(emission.events)}")
    return holds(f"the event after it has come, at byte {emission.events[-1].offset}")


@per_emission("ENC-06")
def cuts_no_character(emission: Emission) -> Outcome:
    """Wherever long data are cut on their way, it is between two characters."""
    if not emission.is_about("ENC-06"):
        return NOT_ASKED
    fault = utf_8_fault(emission.exchange.content, is_whole=True) if emission.status == 200 else ""
    if fault:
        return broken(fault)
    for event in emission.events:
        place = event.data.find("\ufffd")
        if place >= 0:
            return broken(f"byte {event.offset}: character {place} of the data is U+FFFD")
    sizes = [len(each.text.encode()) for each in emission.asked]
    pairs = zip(emission.events, emission.asked, strict=False)
    is_all = len(emission.events) == len(sizes) and all(emission.is_same(*pair) for pair in pairs)
    if emission.failure or not is_all:
        return unknown(f"it did not come as it was sent: {emission.failure or sizes}")
    return holds(f"data of {sizes} bytes have come")
