"""The event streams of corpus/sse.json, what each is expected to say, and the ways to cut them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

Happening: TypeAlias = dict[str, object]  # an event, with "event", "data" and "id"
Retry: TypeAlias = int | Literal["any"] | None
Chunks: TypeAlias = tuple[bytes, ...]

SHORT = 512  # bytes: so long a stream is cut at every place
LONG = 8192  # a longer one is not cut into pieces of a few bytes
SIZES = (1, 2, 7)
LARGE_SIZES = (1000, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One event stream."""

    id: str
    requirement: str  # what does not hold if it is read otherwise
    also: tuple[str, ...] = ()  # what has to hold besides
    clause: str  # of WHATWG HTML
    stream: bytes
    expected: tuple[Happening, ...]
    retry: Retry = None
    excused: tuple[Happening, ...] | None = None  # another reading that nothing excludes
    excuse: str = ""


@cache
def corpus() -> Mapping[str, Case]:
    """All cases, by their ids."""
    text = (
        files(__name__.rpartition(".")[0]).joinpath("corpus/sse.json").read_text(encoding="utf-8")
    )
    cases = [_case(each) for each in json.loads(text)["cases"]]
    return {case.id: case for case in cases}


def _case(told: dict[str, Any]) -> Case:
    other = told.get("or")
    return Case(
        id=told["id"],
        requirement=told["requirement"],
        also=tuple(told.get("also", ())),
        clause=told["clause"],
        # What Python calls "surrogateescape" is how the file writes bytes that are no UTF-8.
        stream=_text(told["stream"]).encode("utf-8", "surrogateescape"),
        expected=tuple(_happenings(told["expect"])),
        retry=told.get("retry"),
        excused=None if other is None else tuple(_happenings(other["expect"])),
        excuse="" if other is None else other["why"],
    )


def _text(written: str | list[str | list[Any]]) -> str:
    """A text; or a concatenation of texts, those in a pair so often as it says."""
    if isinstance(written, str):
        return written
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in written)


def _happenings(told: Iterable[dict[str, Any]]) -> Iterator[Happening]:
    for each in told:
        event: Happening = {
            "event": each.get("event", "message"),
            "data": _text(each["data"]),
            "id": each.get("id", ""),
        }
        for _ in range(each.get("times", 1)):
            yield event


def cuts(stream: bytes) -> Iterator[tuple[str, Chunks]]:
    """The ways in which the stream is cut into reads, each with its name; the first is "whole"."""
    yield "whole", (stream,)
    for size in SIZES if len(stream) <= LONG else LARGE_SIZES:
        if size < len(stream):
            yield f"every {size}", pieces(stream, size)
    for place in _places(stream):
        yield f"at {place}", (stream[:place], stream[place:])


def pieces(stream: bytes, size: int) -> Chunks:
    """The stream in pieces of this many bytes."""
    return tuple(stream[start : start + size] for start in range(0, len(stream), size))


def _places(stream: bytes) -> Iterable[int]:
    if len(stream) <= SHORT:
        return range(1, len(stream))
    # What is repeated a thousand times is cut at its beginning and at its end.
    return [*range(1, 17), len(stream) // 2, *range(len(stream) - 16, len(stream))]
