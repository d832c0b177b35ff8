"""Which streams are judged by their bytes."""

from dataclasses import replace

import pytest

from sse_conformance.checks.emissions import NOT_ASKED
from sse_conformance.judge import judge
from sse_conformance.transcript import Record, Subject
from tests.conformance.checks.exchanges import agrees, answered, silent
from tests.conformance.checks.streams import found
from tests.conformance.emission.emissions import emission, said


def test_nothing_says_nothing() -> None:
    agrees(found("ENC-01", ""), "unknown", "nothing of the stream has come")


@pytest.mark.parametrize(
    "exchange", [answered(404), answered(200, ("Content-Type", "text/html")), silent()]
)
@pytest.mark.parametrize("requirement", ["FLD-01", "FLD-08", "DSP-06"])
def test_what_is_no_event_stream_is_not_judged(requirement: str, exchange: object) -> None:
    record = Record(Subject(target="t", mode="check"))
    record.add("get", exchange)  # type: ignore[arg-type]
    (result,) = judge(record, only=[requirement])
    assert (result.found, result.evidence.split(":")[0]) == ("unknown", "no event stream")


def test_emitted_streams_are_judged_where_their_scripts_are_plain() -> None:
    wire = "data: a\nfoo\n\n"
    agrees(said("FLD-01", emission({"data": "a"}, wire=wire)), "broken", "byte 8: b'foo'")
    assert said("FLD-01", emission({"data": "a\nfoo"}, wire=wire)) is NOT_ASKED
    assert said("FLD-01", emission({"data": "a"})) is NOT_ASKED
    assert said("FLD-01", emission({"data": "a"}, wire=wire, status=500)) is NOT_ASKED


def test_an_emitted_stream_that_breaks_off_is_no_whole_one() -> None:
    judged = emission({"data": "a"}, wire="data: a\n", end="reset")
    agrees(said("FRM-02", judged), "unknown", "did not end")
    whole = replace(
        judged, emitted=replace(judged.emitted, exchange=replace(judged.exchange, end="complete"))
    )
    agrees(said("FRM-02", whole), "broken", "byte 0")
