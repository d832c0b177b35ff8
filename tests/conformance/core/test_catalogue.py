"""The requirements, as they are written down."""

import re

import pytest

from sse_conformance.catalogue import Requirement, catalogue, frozen
from sse_conformance.judge import CHECKS
from sse_conformance.mutants import MUTANTS


@pytest.mark.parametrize("requirement", catalogue().values(), ids=lambda each: each.id)
def test_a_requirement_says_all_that_a_reader_needs(requirement: Requirement) -> None:
    assert re.fullmatch("[A-Z]+-[0-9]{2}", requirement.id)
    assert requirement.tier in (1, 2, 3)
    assert requirement.modes
    assert requirement.title == requirement.title.strip(" .\n")
    assert "\n" not in requirement.title
    assert requirement.clause
    assert len(requirement.explain) > 100, "why, and how to mend it"
    assert all(len(line) <= 120 for line in requirement.explain.split("\n"))


def test_each_comes_after_what_it_requires() -> None:
    known: set[str] = set()
    for requirement in catalogue().values():
        assert known.issuperset(requirement.requires)
        known.add(requirement.id)


def test_what_is_required_is_judged_wherever_what_requires_it_is() -> None:
    for requirement in catalogue().values():
        for identifier in requirement.requires:
            assert set(requirement.modes) & set(catalogue()[identifier].modes)


def test_there_are_no_two_requirements_with_one_title() -> None:
    titles = [requirement.title for requirement in catalogue().values()]
    assert len(set(titles)) == len(titles)


def test_each_has_a_check_and_a_mutant_and_there_is_neither_for_anything_else() -> None:
    assert {each.requirement for each in CHECKS} == set(catalogue())
    assert {each.requirement for each in MUTANTS} == set(catalogue())


def test_the_frozen_set_has_only_what_there_is() -> None:
    assert frozen() <= set(catalogue())
    assert len(frozen()) == 164
