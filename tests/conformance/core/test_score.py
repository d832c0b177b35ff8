"""The score by which the suite is judged itself."""

import pytest

from sse_conformance.mutants import MUTANTS, Mutant
from sse_conformance.mutants.alter import altered, sound, with_field
from sse_conformance.transcript import Record
from tests.conformance.score import main

(NO_DATE, *_) = [each for each in MUTANTS if each.requirement == "HTTP-10"]


def neither() -> Record:
    return altered("get", lambda get: with_field(with_field(get, "Date"), "X-Accel-Buffering"))


def test_a_mutant_that_its_own_check_finds_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([NO_DATE]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("transport       1 of   1 ")
    assert printed.endswith("mutation score: 1 of 1 (100 %)\n")


def test_a_mutant_that_lives_or_is_accused_of_more_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lives = Mutant("HTTP-10", "is sound", sound)
    stains = Mutant("HTTP-14", "has no Date either", neither)
    assert main([NO_DATE, lives, stains]) == 1
    printed = capsys.readouterr().out
    assert "HTTP-10 'is sound': it lives" in printed
    assert "HTTP-14 'has no Date either': HTTP-10: " in printed
    assert printed.endswith("mutation score: 1 of 3 (33 %)\n")


def test_no_mutants_at_all_are_no_success() -> None:
    assert main([]) == 1
