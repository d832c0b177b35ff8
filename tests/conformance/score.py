"""The mutation score of the suite: `python -m tests.conformance.score`.

A mutant breaks one requirement. It counts as killed where the check of this requirement finds it,
and no other check accuses it of anything.
"""

import sys
import time
from collections.abc import Iterable
from itertools import groupby

from sse_conformance.catalogue import catalogue
from sse_conformance.judge import judge
from sse_conformance.mutants import MUTANTS, Mutant
from sse_conformance.transcript import Record
from sse_conformance.verdict import Verdict


def main(mutants: Iterable[Mutant] = MUTANTS) -> int:
    """Print a line for each area, and what is wrong; 1 if a mutant lives, or another is accused."""
    all_mutants = sorted(mutants, key=area_of)
    killed = 0
    for area, members in groupby(all_mutants, key=area_of):
        group = list(members)
        began = time.perf_counter()
        wrong = [fault for each in group if (fault := fault_of(each))]
        killed += len(group) - len(wrong)
        seconds = time.perf_counter() - began
        print(f"{area:13} {len(group) - len(wrong):3} of {len(group):3}  {seconds:5.1f} s")
        print("".join(f"    {fault}\n" for fault in wrong), end="", flush=True)
    score = 100 * killed // len(all_mutants) if all_mutants else 0
    print(f"mutation score: {killed} of {len(all_mutants)} ({score} %)")
    return 0 if all_mutants and killed == len(all_mutants) else 1


def area_of(mutant: Mutant) -> str:
    """The group of what it breaks."""
    return catalogue()[mutant.requirement].group


def fault_of(mutant: Mutant) -> str:
    """How the verdicts on it differ from what they should be; "" if they do not."""
    accused = accused_in(mutant.record())
    if set(accused) == {mutant.requirement}:
        return ""
    told = "; ".join(f"{name}: {evidence}" for name, evidence in accused.items())
    return f"{mutant.requirement} {mutant.defect!r}: {told or 'it lives'}"


def accused_in(record: Record) -> dict[str, str]:
    """The requirements that do not hold, and why; an error of a check is one too."""
    return {
        each.requirement.id: each.evidence
        for each in judge(record)
        if each.found in {"broken", "unstable"} or each.verdict is Verdict.ERROR
    }


if __name__ == "__main__":
    sys.exit(main())
