"""The list of mutants."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..transcript import Record

Recording: TypeAlias = Callable[[], Record]  # drives the mutant, or alters what a sound one said
Serving: TypeAlias = Callable[[str, int], Awaitable[None]]  # on this host and port, for ever


@dataclass(frozen=True, slots=True)
class Mutant:
    """One subject with one defect."""

    requirement: str
    defect: str  # in a few words: "answers 206"
    record: Recording
    serve: Serving | None = None  # so that another suite can be tried on it


MUTANTS: list[Mutant] = []


def defect_of(server: type) -> str:
    """What the docstring of a server tells of its defect, in the words of a `Mutant`."""
    told = (server.__doc__ or "").rstrip(".")
    return told[:1].lower() + told[1:]


def mutant(
    requirement: str, defect: str, serve: Serving | None = None
) -> Callable[[Recording], Recording]:
    """Register what records the mutant."""

    def register(record: Recording) -> Recording:
        MUTANTS.append(Mutant(requirement, defect, record, serve))
        return record

    return register
