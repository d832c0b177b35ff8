"""What checks say, and what users may say."""

import pytest

from sse_conformance.options import Options
from sse_conformance.verdict import Outcome, Verdict, broken, holds, noted, unknown, unstable


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (holds("e"), "holds"),
        (broken("e"), "broken"),
        (unstable("e"), "unstable"),
        (noted("e"), "noted"),
        (unknown("e"), "unknown"),
    ],
)
def test_an_outcome_says_what_was_found_and_why(outcome: Outcome, found: str) -> None:
    assert (outcome.found, outcome.evidence, outcome.reproducer) == (found, "e", "")


def test_what_is_broken_may_be_seen_again() -> None:
    assert broken("e", "curl").reproducer == "curl"


def test_verdicts_are_listed_by_how_much_they_matter() -> None:
    order = list(Verdict)
    assert order.index(Verdict.ERROR) < order.index(Verdict.FAIL) < order.index(Verdict.WARN)
    assert order.index(Verdict.WARN) < order.index(Verdict.PASS) < order.index(Verdict.SKIP)


def test_without_a_word_nothing_is_claimed_and_nobody_is_attacked() -> None:
    options = Options()
    assert not options.claims
    assert not options.own_target
    assert options.profile == "sse"


def test_how_the_stream_is_coded_is_not_for_the_user_to_say() -> None:
    with pytest.raises(ValueError, match="Accept-Encoding"):
        Options(headers=(("accept-encoding", "gzip"),))
