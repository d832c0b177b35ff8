"""One run of the suite: what was looked at, how each requirement stands, and the exit status."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Literal, TypeAlias

from .. import REQUIREMENT_SET, __version__
from ..baseline import Deviation
from ..judge import Result
from ..transcript import Record, Subject
from ..verdict import Verdict
from .evidence import Seen, seen

FailOn: TypeAlias = Literal["must", "should", "never"]

FINDINGS: dict[FailOn, frozenset[Verdict]] = {
    "must": frozenset({Verdict.FAIL}),
    "should": frozenset({Verdict.FAIL, Verdict.WARN}),
    "never": frozenset(),
}
JUDGED = frozenset(Verdict) - {Verdict.SKIP, Verdict.BLOCKED, Verdict.ERROR}


class Exit(IntEnum):
    """The exit status of the command."""

    FINE = 0
    FINDINGS = 1
    ERROR = 2  # of the suite, or of how it was used
    NOTHING = 3  # nothing could be measured


@dataclass(frozen=True, kw_only=True)
class Report:
    """The results for one subject, and which of them count."""

    subject: Subject
    results: Sequence[Result]
    seconds: float
    seen: Sequence[Seen] = ()
    fail_on: FailOn = "must"
    expected: frozenset[str] = frozenset()  # the ids that the baseline explains
    deviations: Sequence[Deviation] = ()  # of the results from the baseline
    suite: str = __version__
    requirement_set: str = REQUIREMENT_SET

    @cached_property
    def counts(self) -> Counter[Verdict]:
        """How many results have each verdict."""
        return Counter(each.verdict for each in self.results)

    def is_counted(self, result: Result) -> bool:
        """Whether the result is a finding that makes the command fail."""
        is_finding = result.verdict in FINDINGS[self.fail_on]
        return is_finding and result.requirement.id not in self.expected

    @property
    def exit(self) -> Exit:
        """Errors of the suite come first, then that nothing was measured, then the findings."""
        if self.counts[Verdict.ERROR]:
            return Exit.ERROR
        # One of those that matter most has to be among them: a MUST, if one was selected.
        musts = [each for each in self.results if each.requirement.level == "MUST"]
        if not any(each.verdict in JUDGED for each in musts or self.results):
            return Exit.NOTHING
        if self.deviations or any(map(self.is_counted, self.results)):
            return Exit.FINDINGS
        return Exit.FINE


def report_on(
    record: Record,
    results: Sequence[Result],
    seconds: float,
    *,
    fail_on: FailOn = "must",
    expected: frozenset[str] = frozenset(),
    deviations: Sequence[Deviation] = (),
) -> Report:
    """The report on what was recorded and judged."""
    return Report(
        subject=record.subject,
        results=results,
        seconds=seconds,
        seen=seen(record, results),
        fail_on=fail_on,
        expected=expected,
        deviations=deviations,
    )
