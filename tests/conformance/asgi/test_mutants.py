"""Each mutant is found by the check of its own requirement, and by no other."""

import pytest

import sse_conformance.mutants.asgi
from sse_conformance.catalogue import catalogue
from sse_conformance.drivers.asgi import asgi
from sse_conformance.judge import judge
from sse_conformance.mutants.asgi import driven
from sse_conformance.mutants.asgi_golden import Golden
from sse_conformance.mutants.registry import MUTANTS, Mutant
from sse_conformance.transcript import Record
from sse_conformance.verdict import Verdict
from tests.conformance.findings import findings

OURS = [each for each in MUTANTS if each.record.__module__ == sse_conformance.mutants.asgi.__name__]
GROUP = [each.id for each in catalogue().values() if each.group == "asgi"]


@pytest.mark.parametrize("mutant", OURS, ids=lambda mutant: f"{mutant.requirement} {mutant.defect}")
def test_a_mutant_is_found_by_its_own_check_alone(mutant: Mutant) -> None:
    assert set(findings(mutant.record())) == {mutant.requirement}


def test_every_requirement_has_a_mutant() -> None:
    assert {each.requirement for each in OURS} == set(GROUP)
    assert len(GROUP) == 16


@pytest.mark.parametrize("record", [asgi(Golden()), driven(Golden())], ids=["GET", "POST"])
def test_the_golden_application_gives_no_finding(record: Record) -> None:
    results = {each.requirement.id: each for each in judge(record)}
    assert findings(record) == {}
    assert Verdict.ERROR not in {each.verdict for each in results.values()}
    assert {results[each].verdict for each in GROUP} == {Verdict.PASS}
