"""The first screen: a line for each group, then each finding, with what is needed to mend it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ..judge import Result
from ..verdict import Verdict
from .evidence import visible
from .report import JUDGED, Exit, Report

COLORS = {
    Verdict.ERROR: "35",
    Verdict.FAIL: "31",
    Verdict.WARN: "33",
    Verdict.FLAKY: "33",
    Verdict.HOST: "36",
    Verdict.PASS: "32",
}
SHOWN = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.HOST, Verdict.INFO)


def lines_of_report(report: Report, *, color: bool = False) -> Iterator[str]:
    """The report, line by line."""
    subject = report.subject
    yield f"sse-conformance {report.suite}, requirements {report.requirement_set}"
    yield f"{subject.mode} {subject.target}: {report.seconds:.1f} s"
    yield ""
    groups = dict.fromkeys(each.requirement.group for each in report.results)
    for group in groups:
        yield _group(group, [each for each in report.results if each.requirement.group == group])
    for verdict in SHOWN:
        for result in report.results:
            if result.verdict is verdict:
                yield ""
                yield from _finding(result, report, color)
    for deviation in report.deviations:
        yield ""
        yield f"{deviation.id} baseline   {deviation.why}"
    yield ""
    yield from _last(report)


def _group(group: str, results: list[Result]) -> str:
    counts = Counter(each.verdict for each in results)
    told = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    mark = "!" if any(counts[each] for each in (Verdict.FAIL, Verdict.ERROR)) else " "
    return f"{mark} {group:<14} {', '.join(told)}"


def _finding(result: Result, report: Report, color: bool) -> Iterator[str]:
    requirement = result.requirement
    verdict = f"{result.verdict}"
    if color and result.verdict in COLORS:
        verdict = f"\033[{COLORS[result.verdict]}m{verdict}\033[0m"
    known = " (expected)" if requirement.id in report.expected else ""
    yield f"{requirement.id} {requirement.level} {verdict}{known}  {requirement.title}"
    yield f"    seen       {_indented(result.evidence)}"
    yield f"    clause     {requirement.clause}"
    if result.reproducer:
        yield f"    reproduce  {_indented(result.reproducer)}"
    yield f"    explain    sse-conformance explain {requirement.id}"


def _indented(text: str) -> str:
    return visible(text).replace("\n", f"\n{'':15}")


def _last(report: Report) -> Iterator[str]:
    told = [f"{report.counts[each]} {each}" for each in Verdict if report.counts[each]]
    judged = sum(report.counts[each] for each in JUDGED)
    yield f"{judged} of {len(report.results)} judged: {', '.join(told)}"
    if report.exit is Exit.NOTHING:
        yield "Nothing could be measured, and so nothing is fine."
    reasons = Counter(_reasons(report.results))
    for reason, count in reasons.most_common(5):
        yield f"    skipped {count}: {visible(reason)}"


def _reasons(results: Iterable[Result]) -> Iterator[str]:
    for result in results:
        if result.verdict is Verdict.SKIP:
            yield result.evidence
