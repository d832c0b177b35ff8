"""How soon a producer speaks, and how it keeps a stream alive, when it is told what to emit.

https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
"""

from collections import Counter
from itertools import pairwise

from ..measure import arrivals, asked_sleep, longest_silence
from ..options import Options
from ..registry import check
from ..transcript import Emitted, Exchange
from ..verdict import Outcome, broken, holds, noted, unknown
from .samples import came, has_slept, seconds, settled, streams, unasked
from .seen import is_stream

HEAD_SECONDS = 1.0  # in which the head should be there
TOGETHER_SECONDS = 0.02  # events that arrive within it have waited for one another
FIRST_SECONDS = 2.0  # in which a stream's first event should be there, among others
BATCHES = 3
# Where a heartbeat is due every 15 s, it may come a little later.
SLACK = 1.15
SLACK_SECONDS = 0.5

Samples = tuple[Emitted, ...]


@check("LIV-01", "silent*")
def has_heartbeats(emitted: Samples, *, options: Options) -> Outcome:
    found = streams(emitted)
    if not found:
        return unknown(came(emitted[0].exchange))
    silences = [longest_silence(each.exchange) for each in found]
    if max(silences) <= _longest(options):
        return holds(f"the longest silences: {seconds(silences)}")
    # That none comes while the producer is busy, and some come later, is another matter: LIV-06.
    counts = [_heartbeats(each) for each in found]
    late = [
        silence > _longest(options) and (not count or not _lasts(each, options))
        for silence, count, each in zip(silences, counts, found, strict=True)
    ]
    evidence = f"silent for {seconds(silences)}; heartbeats in these streams: {counts}"
    return settled(late, evidence)


@check("LIV-02", "early*")
def the_head_comes_before_an_event(emitted: Samples, *, options: Options) -> Outcome:
    heads = [each.exchange.head for each in streams(emitted)]
    times = [head.at for head in heads if head is not None]
    if not times:
        return unknown(came(emitted[0].exchange))
    first = asked_sleep(emitted[0].script)
    evidence = f"the head came after {seconds(times)}; the first event was due after {first:.3f} s"
    return settled([time > HEAD_SECONDS * options.time_scale for time in times], evidence)


@check("LIV-03", "paced*")
def events_are_flushed(emitted: Samples, *, options: Options) -> Outcome:
    found = [arrivals(each.exchange) for each in streams(emitted) if has_slept(each)]
    gaps = [[after - before for before, after in pairwise(times)] for times in found]
    gaps = [each for each in gaps if len(each) >= 3]
    if not gaps:
        return unknown("no script with pauses between the events was emitted with them")
    together = TOGETHER_SECONDS * options.time_scale
    shown = "; ".join(" ".join(f"{gap * 1000:.0f}" for gap in each) for each in gaps)
    evidence = f"milliseconds between events on arrival, each sample: {shown}"
    return settled(
        [2 * sum(gap < together for gap in each) >= len(each) for each in gaps], evidence
    )


@check("LIV-03", "get")
def events_do_not_come_in_heaps(exchange: Exchange) -> Outcome:
    times = arrivals(exchange)
    if not is_stream(exchange) or len(times) < 4:
        return unknown(f"{came(exchange)}; {len(times)} events are too few to tell")
    ((_, heap),) = Counter(times).most_common(1)
    evidence = f"{heap} of {len(times)} events came in one piece"
    # It may have had them all to say at once: from outside nobody can know.
    return noted(evidence) if heap >= 3 else holds(evidence)


@check("LIV-05", "silent*")
def heartbeats_change_nothing(emitted: Samples) -> Outcome:
    found = streams(emitted)
    if not found:
        return unknown(came(emitted[0].exchange))
    others = [event for each in found for event in unasked(each)]
    messages = [event for event in others if event.type == "message"]
    shown = [f"{event.type!r} {event.data[:60]!r}, at byte {event.offset}" for event in others]
    if messages:
        return broken(f"a message was dispatched that was not asked for: {shown[0]}")
    identifiers = [event.last_event_id for each in found for event in each.exchange.stream.events]
    if any(identifier != "silent" for identifier in identifiers):
        return broken(f"the last event ID was 'silent' first, and with each event: {identifiers}")
    if others:
        return noted(f"heartbeats are events of a type of their own: {shown[0]}")
    return holds(f"in {len(found)} silent streams only what was asked for was dispatched")


@check("LIV-06", "silent*")
def heartbeats_do_not_wait_for_the_producer(emitted: Samples, *, options: Options) -> Outcome:
    found = [each for each in streams(emitted) if has_slept(each)]
    if not found:
        return unknown(f"the producer has not slept; {came(emitted[0].exchange)}")
    silences = [longest_silence(each.exchange) for each in found]
    slept = asked_sleep(found[0].script)
    evidence = f"the producer slept for {slept:.1f} s; the longest silences: {seconds(silences)}"
    wrong = [
        silence > _longest(options) and _lasts(each, options)
        for silence, each in zip(silences, found, strict=True)
    ]
    return settled(wrong, evidence)


@check("LIV-07", "parallel*")
def many_streams_begin_at_once(emitted: Samples, *, options: Options) -> Outcome:
    size = len(emitted) // BATCHES
    batches = [emitted[start : start + size] for start in range(0, size * BATCHES, size)]
    if not all(map(streams, batches)):
        return unknown(came(emitted[0].exchange))
    latest = [_latest(streams(batch)) for batch in batches]
    evidence = f"first events of {size} streams at once, the 95th percentile: {seconds(latest)}"
    return settled([time > FIRST_SECONDS * options.time_scale for time in latest], evidence)


def _longest(options: Options) -> float:
    """How long a silence may be."""
    return options.heartbeat * SLACK + SLACK_SECONDS * options.time_scale


def _lasts(emitted: Emitted, options: Options) -> bool:
    """Whether a silence lasted for as long as the producer has slept."""
    slack = SLACK_SECONDS * options.time_scale
    return longest_silence(emitted.exchange) > asked_sleep(emitted.script) - slack


def _latest(batch: list[Emitted]) -> float:
    """By when 95 of 100 streams had their first event; one that never had it counts to its end."""
    firsts = sorted(next(iter(arrivals(each.exchange)), each.exchange.ended_at) for each in batch)
    return firsts[int(0.95 * (len(firsts) - 1))]


def _heartbeats(emitted: Emitted) -> int:
    comments = sum(line.is_comment for line in emitted.exchange.stream.lines)
    return comments + len(unasked(emitted))
