"""Many emissions, and what they amount to."""

from sse_conformance.checks.emissions import NOT_ASKED, emissions, outcome_of, shown
from sse_conformance.emission import Emission
from sse_conformance.verdict import Outcome, broken, holds, noted, unknown
from tests.conformance.emission.emissions import emission, emitted


def by_wire(judged: Emission) -> Outcome:
    content = judged.exchange.content
    return {
        b"": NOT_ASKED,
        b"h": holds("held"),
        b"b": broken("wrong"),
        b"n": noted("odd"),
        b"u": unknown("unclear"),
    }[content]


def said(*judged: Emission) -> Outcome:
    return outcome_of("FRM-08", by_wire, judged)


def test_the_smallest_script_is_told() -> None:
    long, short = emission({"data": "aaa"}, wire="b"), emission({"data": "a"}, wire="b")
    outcome = said(long, emission({"data": "x"}, wire="h"), short)
    assert outcome.found == "broken"
    assert outcome.evidence == 'wrong; for {"v":1,"events":[{"data":"a"}]}'
    assert "def test_frm_08" in outcome.reproducer


def test_a_script_that_went_right_as_well_is_unstable() -> None:
    outcome = said(emission({"data": "a"}, wire="b"), emission({"data": "a"}, wire="h"))
    assert outcome.found == "unstable"
    assert outcome.evidence.startswith("1 of 2 times: wrong")


def test_what_is_noted_is_told_before_what_holds() -> None:
    outcome = said(emission({"data": "a"}, wire="h"), emission({"data": "ab"}, wire="n"))
    assert (outcome.found, outcome.evidence) == ("noted", "odd")


def test_what_holds_is_counted_by_scripts() -> None:
    outcome = said(*(emission({"data": data}, wire="h") for data in ("a", "b", "b")))
    assert outcome.evidence == '2 scripts, as {"v":1,"events":[{"data":"a"}]}: held'


def test_where_nothing_was_asked_it_is_unknown() -> None:
    assert said(emission({"data": "a"})) is NOT_ASKED
    assert said(emission({"data": "a"}), emission({"data": "b"}, wire="u")).evidence == "unclear"


def test_a_long_script_is_shown_in_part() -> None:
    assert shown("x" * 401) == "x" * 400 + "... (401 characters)"


def test_whether_data_are_json_is_what_the_producer_says() -> None:
    about = emitted(wire='{"conformance":1,"data":"json"}').exchange
    (judged,) = emissions(about, [emitted({"data": "a"})])
    assert judged.is_json
    (judged,) = emissions(emitted(wire="no").exchange, [emitted({"data": "a"})])
    assert not judged.is_json
