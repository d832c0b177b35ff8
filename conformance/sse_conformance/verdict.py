"""What a check says about a requirement, and what becomes of that in a report."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Verdict(StrEnum):
    """How a requirement stands. The order is that of how much it matters to the reader."""

    ERROR = "error"  # the suite itself is at fault
    FAIL = "fail"  # a MUST does not hold
    WARN = "warn"  # a SHOULD does not hold
    FLAKY = "flaky"  # sometimes it held, and sometimes it did not
    HOST = "host"  # it does not hold, and that is the host program's doing, not the application's
    INFO = "info"  # a MAY does not hold, or a point is disputed: good to know
    PASS = "pass"  # noqa: S105 - no password
    BLOCKED = "blocked"  # what it rests on does not hold
    SKIP = "skip"  # it could not be judged


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check has found.

    `evidence` says where and what was seen: the header line, the byte offset, the event's index,
    the seconds. It is never empty: a verdict without evidence may be right for a wrong reason.
    """

    found: Literal["holds", "broken", "unstable", "noted", "unknown"]
    evidence: str
    reproducer: str = ""  # a `curl` line, a script: how to see it again


_WORST_FIRST = ("broken", "unstable", "noted", "holds", "unknown")


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The one that matters most; of those, the first."""
    return min(outcomes, key=lambda each: _WORST_FIRST.index(each.found))


def holds(evidence: str) -> Outcome:
    """The requirement was put to the test and holds."""
    return Outcome("holds", evidence)


def broken(evidence: str, reproducer: str = "") -> Outcome:
    """The requirement does not hold."""
    return Outcome("broken", evidence, reproducer)


def unstable(evidence: str) -> Outcome:
    """Several samples were taken, and they disagree."""
    return Outcome("unstable", evidence)


def noted(evidence: str) -> Outcome:
    """Something that a reader may want to know, and that the specification does not decide."""
    return Outcome("noted", evidence)


def unknown(reason: str) -> Outcome:
    """It cannot be judged here; the reason names what is missing."""
    return Outcome("unknown", reason)
