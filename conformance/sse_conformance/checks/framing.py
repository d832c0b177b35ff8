"""Framing: where lines and blocks end, and that nobody ends them who may not. WHATWG HTML 9.2.5."""

from collections.abc import Iterable

from ..emission import Emission, looks_like_a_line
from ..registry import check
from ..script import LINE_END, comments_of
from ..sse import Line
from ..transcript import Emitted, Exchange
from ..verdict import Outcome, broken, holds, noted, unknown
from .emissions import NOT_ASKED, emissions, outcome_of, per_emission
from .roundtrip import (
    difference,
    dispatched,
    is_only_shifted,
    is_only_trimmed,
    is_split_by_comments,
    round_trip,
)
from .streams import Stream, shown, stream_check

_STILL_OPEN = unknown("the stream did not end while we looked")


@stream_check("FRM-01")
def lines_are_ended(stream: Stream) -> Outcome:
    # "event = *( comment / field ) end-of-line", and comments and fields end in end-of-line too.
    if not stream.is_whole:
        return _STILL_OPEN
    lines = stream.interpretation.lines
    if lines and not lines[-1].end:
        return broken(f"the last line is not ended: {shown(lines[-1])}")
    return holds(f"{len(stream.content)} bytes, ending in {stream.content[-4:]!r}")


@stream_check("FRM-02")
def events_are_ended(stream: Stream) -> Outcome:
    # "Once the end of the file is reached, any pending data must be discarded. (If the file ends in
    # the middle of an event, before the final empty line, the incomplete event is not dispatched.)"
    if not stream.is_whole:
        return _STILL_OPEN
    unended = [block for block in stream.interpretation.blocks if not block.is_ended]
    for line in (line for block in unended for line in block.fields):
        if line.name in (b"data", b"event", b"id"):
            return broken(f"no blank line follows: {shown(line)}")
    return holds(f"{len(stream.blocks)} blocks are ended; the last bytes: {stream.content[-4:]!r}")


@stream_check("FRM-03")
def lines_end_alike(stream: Stream) -> Outcome:
    first: dict[bytes, int] = {}
    for line in _known_ends(stream):
        first.setdefault(line.end, line.offset)
    told = ", ".join(f"{end!r} from byte {offset} on" for end, offset in first.items())
    return broken(told) if len(first) > 1 else holds(told or "no line has ended yet")


@stream_check("FRM-04")
def no_line_ends_in_cr_alone(stream: Stream) -> Outcome:
    # A reader knows that the line has ended, and not half of CRLF come, only with the next byte.
    lines = _known_ends(stream)
    bare = [line for line in lines if line.end == b"\r"]
    if bare:
        return broken(f"{len(bare)} of {len(lines)} lines end in CR; {shown(bare[0])}")
    return holds(f"{len(lines)} lines, and none ends in CR")


def _known_ends(stream: Stream) -> list[Line]:
    """The lines, but not one whose CR may be half a CRLF of which the rest has not come."""
    lines = list(stream.lines)
    if lines and lines[-1].end == b"\r" and not stream.is_whole:
        lines.pop()
    return lines


round_trip("FRM-05")
round_trip("FRM-06", explains=is_only_shifted)
round_trip("FRM-07", "FRM-05", "FRM-10", explains=is_only_trimmed)


@per_emission("FRM-08")
def names_forge_nothing(emission: Emission) -> Outcome:
    """A line end in an event's name or ID begins no line."""
    if not emission.is_about("FRM-08", "DSP-04"):
        return NOT_ASKED
    values = [value for each in emission.asked for value in (each.event, each.id) if value]
    return _forges_nothing(emission, values, may_comment=False)


@per_emission("FRM-09")
def comments_forge_nothing(emission: Emission) -> Outcome:
    """A line end in a comment begins another comment, or nothing."""
    if not emission.is_about("FRM-09"):
        return NOT_ASKED
    return _forges_nothing(emission, comments_of(emission.script), may_comment=True)


def _forges_nothing(emission: Emission, values: Iterable[str], *, may_comment: bool) -> Outcome:
    if emission.is_refused:
        return holds(f"refused with {emission.status}")
    broken_up = [LINE_END.split(value) for value in values]
    fragments = {line for lines in broken_up for line in lines[1:] if line}
    forged = _forged_line(emission, fragments, may_comment=may_comment)
    forged = forged or _cut_event(emission, broken_up)
    if forged:
        return broken(forged)
    if emission.failure:
        return noted(emission.failure)
    return holds(f"no line of {len(emission.exchange.content)} bytes is of another's making")


def _forged_line(emission: Emission, fragments: Iterable[str], *, may_comment: bool) -> str:
    """The first line that is a piece of a text, and no data line of the script's; "" if none."""
    texts = {line for each in emission.asked for line in LINE_END.split(each.text)}
    sound = {"data", *(name + text for name in ("data: ", "data:") for text in texts)}
    looked_for = {text.encode("utf-8", "replace") for text in set(fragments) - sound}
    for line in emission.lines:
        if line.content in looked_for and not (may_comment and line.is_comment):
            return f"a line that a text has forged: {shown(line)}"
    return ""


def _cut_event(emission: Emission, broken_up: Iterable[list[str]]) -> str:
    """A block that a text has ended, so that the event comes without what it said of itself."""
    firsts = {lines[0].encode("utf-8", "replace") for lines in broken_up if "" in lines[1:]}
    for block in emission.blocks:
        for line in block.fields if block.event is None else ():
            if line.name in (b"event", b"id") and line.value in firsts:
                return f"an event that a text has cut in two: {shown(line)}"
    return ""


@per_emission("FRM-10")
def data_forge_nothing(emission: Emission) -> Outcome:
    """Data that look like lines of a stream are data, of one event."""
    if not emission.is_about("FRM-10", "FRM-05", "FRM-07") or len(emission.asked) != 1:
        return NOT_ASKED
    looking = filter(looks_like_a_line, LINE_END.split(emission.asked[0].text))
    forged = _forged_line(emission, looking, may_comment=False)
    if forged:
        return broken(forged)
    if len(emission.events) > 1:
        _, second = dispatched(emission)[1]
        return broken(f"{len(emission.events)} events, the second at byte {second.offset}")
    if emission.failure or not emission.events:
        return unknown(f"it did not come: {emission.failure or 'there is no event'}")
    return holds(f"one event, in {len(emission.exchange.content)} bytes")


@per_emission("FRM-11")
def events_are_in_one_piece(emission: Emission) -> Outcome:
    """No heartbeat, and nobody else, writes between the lines of an event."""
    if emission.traits or not emission.asked or emission.failure:
        return NOT_ASKED
    if difference(emission) and is_split_by_comments(emission):
        split = next(line for block in emission.blocks for line in block.lines if line.is_comment)
        return broken(f"a comment has split an event: {shown(split)}")
    inside = [line for block, _ in dispatched(emission) for line in _between_fields(block.lines)]
    if inside:
        return noted(f"a comment stands between the lines of an event: {shown(inside[0])}")
    return holds(f"{len(emission.events)} events, each in one piece")


@check("FRM-11", "capabilities", "paced*")
@check("FRM-11", "capabilities", "silent*")
def silent_and_paced_ones_too(capabilities: Exchange, emitted: tuple[Emitted, ...]) -> Outcome:
    return outcome_of("FRM-11", events_are_in_one_piece, emissions(capabilities, emitted))


def _between_fields(lines: tuple[Line, ...]) -> list[Line]:
    fields = [place for place, line in enumerate(lines) if not line.is_comment]
    return [line for line in lines[fields[0] : fields[-1]] if line.is_comment]


@per_emission("FRM-12")
def large_events_come_whole(emission: Emission) -> Outcome:
    """A line of a megabyte, and ten thousand lines, are an event like any other."""
    if not emission.is_about("FRM-12"):
        return NOT_ASKED
    size = max(len(each.text) for each in emission.asked)
    if emission.is_refused:
        return noted(f"data of {size} characters are refused with {emission.status}")
    fault = difference(emission)
    return broken(f"data of {size} characters: {fault}") if fault else holds(f"{size} characters")
