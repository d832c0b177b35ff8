"""What is known not to hold, and why: a file in TOML that a project keeps beside its tests.

    [[expect]]
    id = "ROB-02"
    verdict = "warn"
    reason = "the stream is only there for GET"
    until = 2027-01-01    # optional

An entry that has become untrue is a finding too: a baseline may only shrink.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from json import dumps
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError

from .catalogue import catalogue
from .judge import Result
from .verdict import Verdict

# A mistyped `until` would never expire, and a mistyped `expect` would be a baseline of nothing.
_NOTHING_ELSE = ConfigDict(extra="forbid")


class BaselineError(Exception):
    """The file is not a baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One requirement that is known not to hold."""

    __pydantic_config__: ClassVar[ConfigDict] = _NOTHING_ELSE
    id: str
    verdict: Verdict
    reason: Annotated[str, StringConstraints(pattern=r"\S")]
    until: date | None = None  # after that day it is a finding again


@dataclass(frozen=True, slots=True)
class Deviation:
    """An expectation that is not met."""

    id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    __pydantic_config__: ClassVar[ConfigDict] = _NOTHING_ELSE
    expect: tuple[Expectation, ...] = ()


_FILE = TypeAdapter(_File)


def read_baseline(path: Path) -> tuple[Expectation, ...]:
    """The expectations of the file. Raises `BaselineError`."""
    try:
        expectations = _FILE.validate_python(tomllib.loads(path.read_text("utf-8"))).expect
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BaselineError(f"{path}: {error}") from error
    for each in expectations:
        if each.id not in catalogue():
            raise BaselineError(f"{path}: there is no requirement {each.id!r}; ids have no globs")
    return expectations


def compare(
    results: Sequence[Result], expectations: Sequence[Expectation], today: date
) -> tuple[frozenset[str], list[Deviation]]:
    """The ids of the findings that were expected, and what deviates from the baseline."""
    found = {each.requirement.id: each.verdict for each in results}
    expected: set[str] = set()
    deviations: list[Deviation] = []
    for each in expectations:
        verdict = found.get(each.id)
        if verdict is None or verdict in (Verdict.SKIP, Verdict.BLOCKED):
            continue  # it was not looked at this time
        if verdict is not each.verdict:
            deviations.append(Deviation(each.id, f"expected {each.verdict}, found {verdict}"))
        elif each.until is not None and today > each.until:
            deviations.append(Deviation(each.id, f"was expected until {each.until} only"))
        else:
            expected.add(each.id)
    return frozenset(expected), deviations


def written(results: Sequence[Result]) -> str:
    """A baseline of what does not hold now. The reasons are for a person to write."""
    entries = [
        f"[[expect]]  # {each.requirement.title}\nid = {dumps(each.requirement.id)}\n"
        f'verdict = "{each.verdict}"\nreason = "TODO"\n'
        for each in results
        if each.verdict in (Verdict.FAIL, Verdict.WARN)
    ]
    return "\n".join(entries)
