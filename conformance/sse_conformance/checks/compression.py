"""Whether events come through a compressor one by one: RFC 9110, 8.4."""

import zlib
from dataclasses import replace

from ..measure import arrivals, asked_sleep
from ..registry import check
from ..transcript import Emitted, Exchange, Piece
from ..verdict import Outcome, broken, holds, unknown, unstable
from .samples import has_slept
from .seen import items

GZIP = 16 + zlib.MAX_WBITS


@check("HTTP-13", "compressed*")
def events_come_through_the_compressor(samples: tuple[Emitted, ...]) -> Outcome:
    compressed = [each for each in samples if _is_gzip(each.exchange)]
    if not compressed:
        return unknown("no stream was compressed with gzip")
    compressed = [each for each in compressed if has_slept(each) and _times(each)]
    if not compressed:
        return unknown("no event of a compressed stream could be read, or there were no pauses")
    spreads = [_spread(each) for each in compressed]
    shown = ", ".join(f"{spread:.2f} s" for spread in spreads)
    asked = asked_sleep(compressed[0].script)
    evidence = f"events emitted over {asked:.2f} s could be read within {shown}"
    # Where nothing holds them back, they come as far apart as they are emitted.
    pairs = zip(compressed, spreads, strict=True)
    in_heaps = [spread < asked_sleep(each.script) / 2 for each, spread in pairs]
    if all(in_heaps):
        return broken(evidence)
    return unstable(evidence) if any(in_heaps) else holds(evidence)


def _is_gzip(exchange: Exchange) -> bool:
    if exchange.head is None or exchange.head.status != 200:
        return False
    return items(exchange.head, "content-encoding") == ["gzip"]


def _spread(emitted: Emitted) -> float:
    """The time between the first event and the last, as the client can read them."""
    times = _times(emitted)
    return times[-1] - times[0]


def _times(emitted: Emitted) -> list[float]:
    return arrivals(inflated(emitted.exchange))


def inflated(exchange: Exchange) -> Exchange:
    """The same with a plain body, in which each byte came when it could be read."""
    inflating = zlib.decompressobj(GZIP)
    pieces: list[Piece] = []
    for piece in exchange.body:
        try:
            plain = inflating.decompress(piece.data)
        except zlib.error:
            break  # nobody can read what follows
        if plain:
            pieces.append(Piece(piece.at, plain))
    return replace(exchange, body=tuple(pieces))
