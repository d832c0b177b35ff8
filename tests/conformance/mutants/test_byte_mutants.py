"""Each mutant of bytes is killed by the check of its requirement, and by no other."""

import pytest

from sse_conformance.judge import judge
from sse_conformance.mutants import MUTANTS, Mutant
from sse_conformance.mutants.alter import sound
from sse_conformance.mutants.golden import Golden
from sse_conformance.mutants.producing import recorded, searching
from sse_conformance.mutants.streams import Rewritten, open_event
from sse_conformance.wire.http1 import record
from tests.conformance.findings import findings

GROUPS = ("encoding", "framing", "fields", "dispatch")
OURS = [each for each in MUTANTS if each.requirement[:3] in ("ENC", "FRM", "FLD", "DSP")]


@pytest.mark.parametrize("mutant", OURS, ids=lambda each: f"{each.requirement} {each.defect}")
def test_a_mutant_is_killed_by_its_own_check_and_no_other(mutant: Mutant) -> None:
    assert set(findings(mutant.record())) == {mutant.requirement}


def test_every_requirement_of_these_groups_has_a_mutant_and_a_check() -> None:
    results = [*judge(sound()), *judge(recorded(Golden()))]
    known = {each.requirement.id for each in results if each.requirement.group in GROUPS}
    assert known == {each.requirement for each in OURS}
    assert "there is no check of this in this mode" not in {
        each.evidence for each in results if each.requirement.group in GROUPS
    }


def test_the_golden_server_is_not_accused() -> None:
    assert findings(recorded(Golden())) == {}
    assert findings(sound()) == {}


def test_a_golden_server_is_asked_as_over_the_wire() -> None:
    script = ({"data": "a\nb", "id": "1"}, {"comment": "c"}, {"sleep": 1}, {"data": "d"})
    search = searching(Golden())
    in_process = search.emit(script)
    assert in_process is not None
    with Golden().served() as url:
        over_the_wire = record(f"{url}/emit", in_process.exchange.request)
    assert in_process.exchange.content == over_the_wire.content


def test_mutants_can_be_served() -> None:
    with Rewritten(open_event).served() as url:
        assert record(f"{url}/stream").content.endswith(b"data: tick 3\n")
    assert all(mutant.serve is not None for mutant in OURS)
