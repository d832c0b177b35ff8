"""How soon a stream speaks, and how long it is silent, as far as it is seen from outside."""

from itertools import pairwise
from statistics import median

from ..options import Options
from ..registry import check
from ..sse import Block
from ..transcript import Exchange
from ..verdict import Outcome, broken, holds, unknown, unstable
from .samples import seconds
from .seen import answer, is_stream

HEAD_SECONDS = 1.0  # in which a head should be there
FLUSH_SECONDS = 0.1  # in which the end of a block should follow its fields
SLACK = 1.1  # nobody's clock is exact
PADDING = 2048  # bytes: as much as some old clients wanted before they began to read

Streams = tuple[Exchange, ...]


def of(exchanges: Streams) -> list[Exchange]:
    """Those that are event streams."""
    return [each for each in exchanges if is_stream(each)]


@check("LIV-01", "get", "get_again*")
def is_never_silent_for_long(get: Exchange, again: Streams, *, options: Options) -> Outcome:
    streams = of((get, *again))
    if not streams:
        return unknown(answer(get))
    outcome = _silences(streams, options)
    if outcome.found != "holds" and get.clock == "virtual":
        # It may look at another clock than that of its event loop, and so see no time pass.
        return unknown(f"{outcome.evidence}; but in virtual time")
    if outcome.found == "holds" and get.ended_at <= options.heartbeat * SLACK:
        return unknown(f"we watched for {get.ended_at:.1f} s only; {outcome.evidence}")
    return outcome


@check("LIV-01", "get_real*")
def nor_where_time_is_real(real: Streams, *, options: Options) -> Outcome:
    streams = of(real)
    return _silences(streams, options) if streams else unknown(answer(real[0]))


def _silences(streams: list[Exchange], options: Options) -> Outcome:
    silences = [_longest_silence(each) for each in streams]
    shown = ", ".join(f"{silence:.1f} s" for silence in silences)
    watched = max(each.ended_at for each in streams)
    evidence = f"the longest silence in {len(streams)} streams, in {watched:.1f} s: {shown}"
    too_long = [silence > options.heartbeat * SLACK for silence in silences]
    if all(too_long):
        return broken(f"{evidence}; {options.heartbeat:g} s at most are wanted")
    return unstable(evidence) if any(too_long) else holds(evidence)


def _longest_silence(exchange: Exchange) -> float:
    head_at = exchange.head.at if exchange.head is not None else 0.0
    times = [head_at, *(piece.at for piece in exchange.body), exchange.ended_at]
    return max(after - before for before, after in pairwise(times))


@check("LIV-02", "get", "get_again*")
def the_head_comes_at_once(get: Exchange, again: Streams, *, options: Options) -> Outcome:
    times = [each.head.at for each in of((get, *again)) if each.head is not None]
    if not times:
        return unknown(answer(get))
    evidence = f"the head came after {seconds(times)}"
    late = [time > HEAD_SECONDS * options.time_scale for time in times]
    if all(late):
        return broken(evidence)
    return holds(evidence) if sum(late) * 2 < len(late) else unstable(evidence)


@check("LIV-04", "get", "get_again*")
def a_block_is_flushed_whole(get: Exchange, again: Streams, *, options: Options) -> Outcome:
    streams = of((get, *again))
    delays = [
        (_delay(each, block), index, each)
        for each in streams
        for index, block in enumerate(each.stream.blocks)
        if block.values(b"data") and (block.is_ended or each.end in ("left", "timeout"))
    ]
    if len(delays) < 3:
        return unknown(f"{len(delays)} blocks in {len(streams)} streams are too few to tell")
    late = [delay > FLUSH_SECONDS * options.time_scale for delay, _, _ in delays]
    middle = median(delay for delay, _, _ in delays)
    evidence = f"the blank line came {middle:.3f} s after its block (median of {len(delays)})"
    if sum(late) * 4 <= len(late):
        return holds(evidence)
    delay, index, _ = max(delays, key=lambda each: each[0])
    evidence = f"{evidence}, {delay:.3f} s after block {index}"
    return broken(evidence) if sum(late) * 4 >= 3 * len(late) else unstable(evidence)


def _delay(exchange: Exchange, block: Block) -> float:
    """From the last byte of the last field to that of the blank line."""
    last = block.lines[-1]
    begin = exchange.arrival(last.offset + max(len(last.content) - 1, 0))
    # The blank line follows at once in the bytes, and is one or two of them.
    return (exchange.arrival(last.after) if block.is_ended else exchange.ended_at) - begin


@check("LIV-08", "get")
def has_no_padding(exchange: Exchange) -> Outcome:
    if not is_stream(exchange) or not exchange.stream.blocks:
        return unknown(f"{answer(exchange)}, {len(exchange.content)} bytes of body")
    comments = [line for line in exchange.stream.blocks[0].lines if line.is_comment]
    size = sum(len(line.content) for line in comments)
    evidence = f"{size} bytes of comments in the first block"
    return broken(evidence) if size >= PADDING else holds(evidence)
