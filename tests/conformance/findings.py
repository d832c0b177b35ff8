"""What the judge finds in a record."""

from sse_conformance.judge import judge
from sse_conformance.transcript import Record
from sse_conformance.verdict import Verdict


def findings(record: Record) -> dict[str, str]:
    """The requirements that do not hold, each with its evidence; no check may fail itself."""
    results = judge(record)
    errors = [each for each in results if each.verdict is Verdict.ERROR]
    assert not errors, errors
    return {
        each.requirement.id: each.evidence
        for each in results
        if each.found in {"broken", "unstable"}
    }
