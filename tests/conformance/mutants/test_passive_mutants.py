"""Each mutant that the passive driver can see is found, by the check that is made for it alone."""

import pytest

from sse_conformance.mutants import MUTANTS, Mutant, cors, passive, robustness, transport
from sse_conformance.mutants.alter import altered, sound, with_field, with_status
from sse_conformance.mutants.transport import over_http_2
from sse_conformance.transcript import Exchange
from tests.conformance.findings import findings

OURS = {module.__name__ for module in (cors, passive, robustness, transport)}
PASSIVE = [each for each in MUTANTS if each.record.__module__ in OURS]


@pytest.mark.parametrize("mutant", PASSIVE, ids=lambda each: f"{each.requirement} {each.defect}")
def test_a_mutant_is_found_by_its_own_check_and_no_other(mutant: Mutant) -> None:
    found = findings(mutant.record())
    assert set(found) == {mutant.requirement}, found


@pytest.mark.parametrize("record", [sound, over_http_2], ids=["over HTTP/1", "over HTTP/2"])
def test_what_is_sound_is_not_accused(record: object) -> None:
    assert callable(record)
    assert findings(record()) == {}


def test_every_group_that_is_seen_from_outside_has_its_mutants() -> None:
    found = {each.requirement for each in PASSIVE}
    assert {f"HTTP-{number:02}" for number in range(1, 18)} - {"HTTP-13"} <= found
    assert {f"COR-{number:02}" for number in range(1, 7)} <= found
    emitted = {"ROB-08", "ROB-10", "ROB-11", "ROB-12", "ROB-16"}
    assert {f"ROB-{number:02}" for number in range(1, 17)} - emitted <= found
    assert {"LIV-01", "LIV-02", "LIV-04", "LIV-08", "REC-04", "REC-08", "REC-12"} <= found


def test_only_what_has_a_head_is_altered() -> None:
    nothing = Exchange(request=sound_get().request, end="failed", ended_at=0.0)
    with pytest.raises(ValueError, match="no head"):
        with_status(nothing, 200)
    with pytest.raises(ValueError, match="no head"):
        with_field(nothing, "Date")


def sound_get() -> Exchange:
    (get,) = sound().all("get")
    assert isinstance(get, Exchange)
    return get


def test_an_altered_record_is_a_copy() -> None:
    record = altered("get", lambda get: with_status(get, 206))
    assert record.all("get") != sound().all("get")
    assert record.all("head") == sound().all("head")
