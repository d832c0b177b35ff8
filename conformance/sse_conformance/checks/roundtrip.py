"""What comes is what was asked for, as far as the format can carry it: WHATWG HTML 9.2.6."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ..emission import Emission, is_space
from ..script import LINE_END, Asked
from ..sse import Block, Event
from ..transcript import Piece
from ..verdict import Outcome, broken, holds, noted, unknown
from .emissions import NOT_ASKED, Judge, per_emission

SHOWN = 60  # characters of data, in evidence
Excuse: TypeAlias = Callable[[Emission], bool]


def round_trip(requirement: str, *besides: str, explains: Excuse | None = None) -> Judge:
    """Register that one event, special in this way and maybe `besides`, comes as it was asked for.

    Where something else came, and that does not `explain` it, it is not this requirement's matter.
    """

    def comes_as_asked(emission: Emission) -> Outcome:
        if not emission.is_about(requirement, *besides) or len(emission.asked) != 1:
            return NOT_ASKED
        if emission.is_refused and _may_be_refused(emission):
            return noted(f"refused with {emission.status}")
        fault = difference(emission)
        if not fault:
            return holds(f"it has come, in {len(emission.exchange.content)} bytes")
        is_explained = explains is None or bool(emission.failure) or explains(emission)
        if not is_explained or is_split_by_comments(emission):
            return unknown(f"something else is wrong: {fault}")
        return broken(fault)

    return per_emission(requirement)(comes_as_asked)


def _may_be_refused(emission: Emission) -> bool:
    # A header's value has no space at its ends (RFC 9110, 5.5), so no Last-Event-ID could say it.
    return any((each.id or "")[:1].isspace() for each in emission.asked)


def difference(emission: Emission) -> str:
    """The first thing that has not come as it was asked for; "" if all has."""
    if emission.failure:
        return emission.failure
    blocks = dispatched(emission)
    for place, asked in enumerate(emission.asked):
        if place >= len(blocks):
            return f"{len(blocks)} of {len(emission.asked)} events have come"
        fault = _difference(emission, *blocks[place], asked)
        if fault:
            return f"event {place}, byte {blocks[place][0].offset}: {fault}"
    if len(blocks) > len(emission.asked):
        block = blocks[len(emission.asked)][0]
        first = block.lines[0].content[:SHOWN]
        return f"byte {block.offset}: an event that nobody has asked for: {first!r}"
    return ""


def dispatched(emission: Emission) -> list[tuple[Block, Event]]:
    """The blocks for which an event was dispatched."""
    return [(block, block.event) for block in emission.blocks if block.event is not None]


def _difference(emission: Emission, block: Block, event: Event, asked: Asked) -> str:
    if not emission.is_same(event, asked):
        return f"the data are {cut(event.data)}, not {cut(asked.text)}"
    if event.type != asked.type:
        return f"the type is {cut(event.type)}, not {cut(asked.type)}"
    identifiers = [value.decode("utf-8", "replace") for value in block.values(b"id")]
    if asked.id and identifiers[-1:] != [asked.id]:
        return (
            f"the ID is {cut(identifiers[-1]) if identifiers else 'missing'}, not {cut(asked.id)}"
        )
    return ""


def cut(text: str) -> str:
    """Evidence: the text, or its beginning."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}... ({len(text)} characters)"


def is_only_trimmed(emission: Emission) -> bool:
    """Whether what came differs in nothing but spaces and empty lines at ends."""
    return _pared(_right, emission)


def is_only_shifted(emission: Emission) -> bool:
    """Whether what came differs in nothing but spaces at beginnings."""
    return _pared(_left, emission)


def _pared(pare: Callable[[str], str], emission: Emission) -> bool:
    """Whether the events are the same once both sides were pared in this way."""
    came = [(emission.text_of(event), event.type) for event in emission.events]
    pared = [(pare(text), pare(name)) for text, name in came if text is not None]
    return pared == [(pare(asked.text), pare(asked.type)) for asked in emission.asked]


def _right(text: str) -> str:
    lines = (_stripped(line[::-1])[::-1] for line in LINE_END.split(text))
    return "\n".join(line for line in lines if line)


def _left(text: str) -> str:
    return "\n".join(map(_stripped, LINE_END.split(text)))


def _stripped(text: str) -> str:
    while is_space(text[:1]):
        text = text[1:]
    return text


def without_comments(content: bytes) -> bytes:
    """The stream without comment lines, and without the blank lines that follow them."""
    kept: list[bytes] = []
    skips_blank = False
    for line in content.split(b"\n"):
        if line.startswith(b":"):
            skips_blank = True
            continue
        if not (skips_blank and not line):
            kept.append(line)
        skips_blank = False
    return b"\n".join(kept)


def is_split_by_comments(emission: Emission) -> bool:
    """Whether all would have come as it was asked for, if comments were not in the way."""
    content = without_comments(emission.exchange.content)
    if content == emission.exchange.content:
        return False
    exchange = replace(emission.exchange, body=(Piece(0.0, content),))
    return not difference(replace(emission, emitted=replace(emission.emitted, exchange=exchange)))
