"""Checks of event streams as such: of the one that was found, and of all that were emitted."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ..emission import Emission, is_whole
from ..registry import check
from ..sse import Block, Interpretation, Line
from ..transcript import Exchange
from ..verdict import Outcome, unknown
from .emissions import NOT_ASKED, per_emission
from .seen import answer, is_stream

SHOWN = 60  # bytes of a line, in evidence


@dataclass(frozen=True, slots=True)
class Stream:
    """An event stream, and what it was asked to be, if it was asked for anything."""

    exchange: Exchange
    emission: Emission | None = None

    @property
    def content(self) -> bytes:
        return self.exchange.content

    @property
    def is_whole(self) -> bool:
        """Whether it has come to its end: else it was cut somewhere, by us or on its way."""
        return is_whole(self.exchange)

    @property
    def interpretation(self) -> Interpretation:
        return self.exchange.stream

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines that are known to be whole, without the blank ones."""
        return tuple(line for line in self.interpretation.lines if line.end)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks that are ended by a blank line."""
        return tuple(block for block in self.interpretation.blocks if block.is_ended)

    def has_asked(self, name: str, *values: str) -> bool:
        """Whether the script has asked for a field with one of these values, or with any."""
        texts = [operation.get(name) for operation in self._script]
        return any(text in values if values else text is not None for text in texts)

    @property
    def _script(self) -> tuple[dict[str, object], ...]:
        return () if self.emission is None else self.emission.script


StreamCheck: TypeAlias = Callable[[Stream], Outcome]
S = TypeVar("S", bound=StreamCheck)
NOTHING = unknown("nothing of the stream has come")


def stream_check(requirement: str, *besides: str) -> Callable[[S], S]:
    """Register a check of any stream.

    Of emitted ones, it sees those whose scripts touch nothing special, `besides` these things.
    """

    def register(function: S) -> S:
        def of_found(get: Exchange) -> Outcome:
            if not is_stream(get):
                return unknown(f"no event stream: {answer(get)}")
            return function(Stream(get)) if get.content else NOTHING

        def of_emitted(emission: Emission) -> Outcome:
            if not _is_judged(emission, besides):
                return NOT_ASKED
            return function(Stream(emission.exchange, emission))

        check(requirement, "get")(of_found)
        per_emission(requirement)(of_emitted)
        return function

    return register


def _is_judged(emission: Emission, besides: Collection[str]) -> bool:
    exchange = emission.exchange
    return bool(is_stream(exchange) and exchange.content and emission.traits <= set(besides))


def shown(line: Line) -> str:
    """Evidence: where the line is, and how it begins."""
    return f"byte {line.offset}: {line.content[:SHOWN]!r}"
