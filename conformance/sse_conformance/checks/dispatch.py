"""Dispatch: which events a listener gets, in which order, of which type. WHATWG HTML 9.2.6."""

from collections import Counter

from ..emission import Emission
from ..options import Options
from ..registry import check
from ..sse import Block, Event
from ..transcript import Emitted, Exchange
from ..verdict import Outcome, broken, holds, unknown
from .emissions import NOT_ASKED, PER_EMISSION, emissions, outcome_of, per_emission
from .roundtrip import cut, difference, dispatched, is_split_by_comments, round_trip
from .seen import data_of, is_stream
from .streams import Stream, shown, stream_check

# What may be special about scripts of which nothing but the very events may come.
CARRIED = frozenset(
    {"ENC-04", "FRM-05", "FRM-06", "FRM-07", "FRM-10", "DSP-02", "DSP-04", "DSP-05"}
)


def comes_in_order(emission: Emission) -> Outcome:
    """The events are those of the script, one by one."""
    if not emission.asked or not emission.traits <= CARRIED:
        return NOT_ASKED
    fault = difference(emission)
    if not fault:
        return holds(f"all {len(emission.asked)} events have come")
    if not emission.failure and is_split_by_comments(emission):
        return unknown(f"comments are in the way: {fault}")
    return broken(fault)


PER_EMISSION["DSP-01"] = comes_in_order


@check("DSP-01", "capabilities", "emitted*")
def sequence_is_same(capabilities: Exchange, emitted: tuple[Emitted, ...]) -> Outcome:
    """The same, but what is known to go wrong for a reason of its own is not told twice."""
    judged = emissions(capabilities, emitted)
    known = {
        requirement
        for requirement in CARRIED
        if any(PER_EMISSION[requirement](each).found == "broken" for each in judged)
    }
    unexplained = (each for each in judged if each.traits.isdisjoint(known))
    return outcome_of("DSP-01", comes_in_order, unexplained)


round_trip("DSP-02")


@stream_check("DSP-03")
def named_blocks_have_data(stream: Stream) -> Outcome:
    # "If the data buffer is an empty string, set the data buffer and the event type buffer to the
    # empty string and return": nobody hears of such a block.
    for block in stream.blocks:
        names = [line for line in block.fields if line.name == b"event"]
        if names and block.event is None:
            return broken(f"an event field, and no data: {shown(names[0])}")
    return holds(f"{len(stream.blocks)} blocks, and {len(stream.interpretation.events)} events")


@per_emission("DSP-04")
def types_do_not_last(emission: Emission) -> Outcome:
    """An event without a type has none, also after one that has."""
    if not emission.is_about("DSP-04") or emission.failure:
        return NOT_ASKED
    events = emission.events
    if len(events) != len(emission.asked):
        return unknown(f"{len(events)} of {len(emission.asked)} events have come")
    for place, asked in enumerate(emission.asked[1:], start=1):
        event, before = events[place], events[place - 1]
        is_inherited = event.type == before.type != asked.type == "message"
        if is_inherited and emission.is_same(event, asked):
            return broken(f"byte {event.offset}: event {place} is of the type {cut(event.type)}")
    return holds(f"{len(events)} events, each of its own type")


@per_emission("DSP-05")
def ids_are_as_asked(emission: Emission) -> Outcome:
    """An empty ID is written, for it resets the last event ID; and none where there is none."""
    if not emission.asked or not emission.traits <= {"DSP-04", "DSP-05"} or emission.failure:
        return NOT_ASKED
    came = dispatched(emission)
    if len(came) != len(emission.asked):
        return unknown(f"{len(came)} of {len(emission.asked)} events have come")
    for (block, event), asked in zip(came, emission.asked, strict=True):
        if emission.is_same(event, asked):
            fault = _id_fault(block, asked.id)
            if fault:
                return broken(f"byte {block.offset}: {fault}")
    return holds(f"{len(came)} events, with IDs where they were asked for")


def _id_fault(block: Block, asked: str | None) -> str:
    values = block.values(b"id")
    if asked is None and values:
        return f"the ID {values[-1]!r}, where none was asked for"
    if asked == "" and not values:
        return "no id field, where an empty one was asked for"
    return ""


@check("DSP-06", "get")
def nothing_follows_the_end(get: Exchange, options: Options) -> Outcome:
    if not is_stream(get):
        return unknown("no event stream")
    if options.profile not in ("agent", "ag-ui", "openai"):
        return unknown(f"the profile {options.profile!r} has no terminal event")
    events = get.stream.events
    ends = [place for place, event in enumerate(events) if _is_terminal(event, options.profile)]
    if not ends:
        return unknown(f"there is no terminal event among {len(events)}")
    for event in events[ends[0] + 1 :]:
        if not _may_follow(event, options.profile):
            return broken(f"byte {event.offset}: {cut(event.data)} follows event {ends[0]}")
    return holds(f"event {ends[0]} is the last one: {cut(events[ends[0]].data)}")


def _is_terminal(event: Event, profile: str) -> bool:
    if profile == "openai":
        return event.data == "[DONE]"
    if profile == "ag-ui":
        return data_of(event).get("type") in ("RUN_FINISHED", "RUN_ERROR")
    return event.type in ("complete", "error", "cancelled", "done")


def _may_follow(event: Event, profile: str) -> bool:
    """Whether it begins something new, or only says again that this is the end."""
    if profile == "ag-ui":
        return data_of(event).get("type") == "RUN_STARTED"
    return event.type == "done"


@stream_check("DSP-07")
def ids_are_unique(stream: Stream) -> Outcome:
    if stream.has_asked("id"):
        return unknown("the script has chosen the IDs")
    identifiers = [values[-1] for block in stream.blocks if (values := block.values(b"id"))]
    counted = Counter(value for value in identifiers if value)
    if not counted:
        return unknown("there is no event ID")
    value, times = counted.most_common(1)[0]
    if times > 1:
        place = [block.offset for block in stream.blocks if block.values(b"id")[-1:] == [value]][1]
        return broken(f"byte {place}: the ID {value!r} comes {times} times")
    return holds(f"{len(counted)} event IDs, no two alike")
