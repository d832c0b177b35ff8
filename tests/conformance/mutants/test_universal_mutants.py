"""What only some clients can read is found under the profile "universal", and nowhere else."""

import pytest

from sse_conformance.judge import judge
from sse_conformance.mutants import MUTANTS, Mutant
from sse_conformance.mutants.alter import sound
from sse_conformance.mutants.streams import Rewrite, rewritten
from sse_conformance.mutants.universal import SOUND, UI, claimed, told, with_ui_header
from sse_conformance.transcript import Record
from sse_conformance.verdict import Verdict

OURS = [each for each in MUTANTS if each.requirement.startswith("UNI-")]


def verdicts(record: Record) -> dict[str, Verdict]:
    return {
        each.requirement.id: each.verdict
        for each in judge(record)
        if each.found in ("broken", "unstable") or each.verdict == Verdict.ERROR
    }


@pytest.mark.parametrize("mutant", OURS, ids=lambda each: f"{each.requirement} {each.defect}")
def test_a_mutant_fails_by_its_own_check_and_no_other(mutant: Mutant) -> None:
    assert verdicts(mutant.record()) == {mutant.requirement: Verdict.FAIL}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_stream_of_any_dialect_is_not_accused(name: str) -> None:
    record = claimed(rewritten(SOUND[name]))
    assert verdicts(record) == {}
    skipped = {
        each.requirement.id
        for each in judge(record)
        if each.verdict == Verdict.SKIP and each.requirement.id.startswith("UNI-")
    }
    of_dialects = {"UNI-04", "UNI-05", "UNI-06", "UNI-07"}
    assert skipped <= (of_dialects if name.startswith("no ") else {"UNI-06"})


def test_a_head_tells_a_ui_message_stream_too() -> None:
    no_start: Rewrite = told([{"type": "text-start"}, UI[1], {"type": "finish-step"}])
    assert verdicts(claimed(rewritten(no_start))) == {}
    found = verdicts(with_ui_header(claimed(rewritten(no_start))))
    assert found == {"UNI-05": Verdict.FAIL}


def test_nobody_is_accused_who_claims_nothing() -> None:
    assert verdicts(sound()) == {}
    for mutant in OURS:
        if mutant.requirement in ("UNI-01", "UNI-02", "UNI-03"):
            record = mutant.record()
            plain = Record(sound().subject)
            for entry in record:
                plain.add(entry.name, entry.item)
            assert verdicts(plain) == {}
