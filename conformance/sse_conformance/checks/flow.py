"""What becomes of a producer whose client does not read, and of the client's neighbours."""

from itertools import pairwise

from ..measure import (
    AHEAD_BYTES,
    FLOOD_EVENTS,
    HELD_SECONDS,
    STALL_SECONDS,
    arrivals,
    longest_pause,
    made_within,
    stamps,
)
from ..options import Options
from ..registry import check
from ..transcript import Emitted, Observation
from ..verdict import Outcome, broken, holds, unknown
from .samples import came, seconds, settled, streams

PAUSED = 0.8  # of the time that the client did not read
DISTURBED_SECONDS = 0.5  # between events that were made 0.1 s apart
MEGABYTE = 1024 * 1024

Samples = tuple[Emitted, ...]


@check("FLO-01", "flood*")
def production_stops_with_reading(emitted: Samples, *, options: Options) -> Outcome:
    stall = STALL_SECONDS * options.time_scale
    found = [each for each in streams(emitted) if len(stamps(each.exchange.stream.events)) > 1]
    if not found:
        return unknown(f"there was no flood: {came(emitted[0].exchange)}")
    pauses = [longest_pause(each) for each in found]
    made = [made_within(each, stall) for each in found]
    evidence = f"the client did not read for {stall:.2f} s, the producer paused for "
    evidence += f"{seconds(pauses)}, and made {made[0] / MEGABYTE:.1f} MiB meanwhile"
    running = [pause < PAUSED * stall for pause in pauses]
    if any(running) and min(made) <= AHEAD_BYTES:
        return unknown(f"too slow to fill the buffers on its way; {evidence}")
    return settled(running, evidence)


@check("FLO-02", "flood*")
def nothing_is_lost_to_a_slow_reader(emitted: Samples) -> Outcome:
    for each in streams(emitted):
        numbers = [number for number, _ in stamps(each.exchange.stream.events)]
        # A stream that breaks off says so itself. What has come has to be without gaps.
        for place, number in enumerate(numbers):
            if number != place:
                before = numbers[place - 1] if place else "nothing"
                return broken(f"event {number} of the flood came after {before}")
        evidence = f"{len(numbers)} of {FLOOD_EVENTS} events came, in order; {each.exchange.end}"
        if each.exchange.end == "complete" and 0 < len(numbers) < FLOOD_EVENTS:
            return broken(f"{evidence}, as if that were all")
        if numbers:
            return holds(evidence)
    return unknown(f"there was no flood: {came(emitted[0].exchange)}")


@check("FLO-03", "neighbour*", "paced*")
def neighbours_are_not_slowed(stalled: Samples, alone: Samples, *, options: Options) -> Outcome:
    usual = [_longest_gap(each) for each in streams(alone)]
    beside = [_longest_gap(each) for each in streams(stalled)]
    if not usual or not beside:
        return unknown(came(stalled[0].exchange))
    limit = max(usual) + DISTURBED_SECONDS * options.time_scale
    evidence = f"longest time without an event beside a stalled client: {seconds(beside)}; "
    evidence += f"without one: {seconds(usual)}"
    return settled([gap > limit for gap in beside], evidence)


def _longest_gap(emitted: Emitted) -> float:
    times = [0.0, *arrivals(emitted.exchange), emitted.exchange.ended_at]
    return max(after - before for before, after in pairwise(times))


@check("FLO-04", "held")
def nobody_is_waited_for_for_ever(emitted: Emitted, *, options: Options) -> Outcome:
    stall = HELD_SECONDS * options.time_scale
    exchange = emitted.exchange
    count = len(stamps(exchange.stream.events))
    evidence = f"after {stall:.1f} s without reading, {count} of {FLOOD_EVENTS} events came"
    evidence += f"; the stream's end: {exchange.end}, after {exchange.ended_at:.1f} s"
    if exchange.head is None or not count:
        return unknown(evidence)
    return broken(evidence) if exchange.end == "complete" else holds(evidence)


@check("FLO-05", "memory")
def memory_is_bounded(memory: Observation) -> Outcome:
    before, during = memory.facts["before"], memory.facts["during"]
    grown = (during - before) / MEGABYTE
    evidence = f"{before / MEGABYTE:.1f} MiB, and {grown:+.1f} MiB while a client did not read"
    return broken(evidence) if during - before > AHEAD_BYTES else holds(evidence)
