"""What was recorded, in a form short enough to be shown behind a verdict: a timeline and a dump."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..judge import Result
from ..transcript import Dialogue, Emitted, Exchange, Item, Record

SHOWN_BYTES = 512  # of each thing that was seen
SHOWN_PIECES = 64
SHOWN_ITEMS = 3  # of each name


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One recorded thing."""

    name: str
    summary: str  # what was asked, and how it ended
    timeline: Sequence[tuple[float, int]]  # (seconds, bytes) of each piece
    dump: str  # the first bytes: offset, hexadecimal, characters


def seen(record: Record, results: Iterable[Result]) -> list[Seen]:
    """What the results rest on."""
    wanted = {name for result in results for name in result.looked_at}
    return [_seen(name, item) for name in sorted(wanted) for item in record.all(name)[:SHOWN_ITEMS]]


def _seen(name: str, item: Item) -> Seen:
    exchange = item.exchange if isinstance(item, Emitted) else item
    if isinstance(exchange, Exchange):
        return _seen_exchange(name, exchange)
    if isinstance(item, Dialogue):
        pieces = [(frame.at, len(frame.payload)) for frame in item.frames if not frame.sent]
        sent = b"".join(frame.payload for frame in item.frames if not frame.sent)
        return Seen(
            name=name,
            summary=f"{len(item.frames)} frames, {item.end} after {item.ended_at:.3f} s",
            timeline=pieces[:SHOWN_PIECES],
            dump=dump(sent),
        )
    return Seen(name=name, summary=repr(item)[:SHOWN_BYTES], timeline=(), dump="")


def _seen_exchange(name: str, exchange: Exchange) -> Seen:
    request = exchange.request
    status = exchange.head.status if exchange.head else "no response"
    pieces = exchange.received or exchange.body
    summary = (
        f"{request.method} {request.target} HTTP/{request.http}: {status}, "
        f"{exchange.end} after {exchange.ended_at:.3f} s"
    )
    return Seen(
        name=name,
        summary=f"{summary}; {exchange.fault}" if exchange.fault else summary,
        timeline=[(piece.at, len(piece.data)) for piece in pieces[:SHOWN_PIECES]],
        dump=dump(b"".join(piece.data for piece in pieces)),
    )


def visible(text: str, kept: str = "\n") -> str:
    """What others have written, with nothing in it that a reader would obey, but what is `kept`."""
    return "".join(
        each if each in kept or each.isprintable() else f"\\u{ord(each):04x}" for each in text
    )


def dump(data: bytes) -> str:
    """The first bytes as lines of offset, hexadecimal digits and characters.

    >>> print(dump(bytes.fromhex("646174613a20680d0a")))
    00000  64 61 74 61 3a 20 68 0d 0a                       data: h..
    """
    lines: list[str] = []
    for offset in range(0, min(len(data), SHOWN_BYTES), 16):
        row = data[offset : offset + 16]
        characters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{offset:05x}  {row.hex(' '):<47}  {characters}")
    if len(data) > SHOWN_BYTES:
        lines.append(f"... {len(data) - SHOWN_BYTES:,} bytes more")
    return "\n".join(lines)
