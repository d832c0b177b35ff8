"""From a record to the verdict on each requirement.

A check is a pure function of what was recorded. It says what it has found; what that means for the
requirement's level, and for those that rest on it, is decided here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from .catalogue import Requirement, catalogue, frozen
from .checks import CHECKS
from .registry import Registered
from .transcript import Record
from .verdict import Outcome, Verdict, unknown, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one requirement stands for one subject."""

    requirement: Requirement
    verdict: Verdict
    found: str  # what the check has found: see `Outcome`
    evidence: str
    reproducer: str = ""
    looked_at: tuple[str, ...] = ()  # the names of what was recorded, as far as a check wanted it
    seconds: float = 0.0


def judge(record: Record, only: Iterable[str] | None = None) -> list[Result]:
    """The results for all requirements of the record's mode, in the order of the catalogue."""
    wanted = None if only is None else set(only)
    results: dict[str, Result] = {}
    for requirement in catalogue().values():  # what is required by another comes before it
        if record.subject.mode in requirement.modes:
            results[requirement.id] = _judge_one(requirement, record, results)
    groups = list(dict.fromkeys(each.group for each in catalogue().values()))
    found = [each for each in results.values() if wanted is None or each.requirement.id in wanted]
    return sorted(
        found, key=lambda each: (groups.index(each.requirement.group), each.requirement.id)
    )


def _judge_one(requirement: Requirement, record: Record, before: Mapping[str, Result]) -> Result:
    for identifier in requirement.requires:
        if identifier in before and before[identifier].verdict not in _SOUND:
            evidence = f"{identifier} does not hold: {before[identifier].evidence}"
            return Result(
                requirement=requirement,
                verdict=Verdict.BLOCKED,
                found="unknown",
                evidence=evidence,
            )
    began = perf_counter()
    try:
        outcome = _outcome(requirement, record)
        verdict = _verdict(requirement, outcome, record)
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding about the suite
        outcome = unknown(f"{type(error).__name__}: {error}")
        verdict = Verdict.ERROR
    return Result(
        requirement=requirement,
        verdict=verdict,
        found=outcome.found,
        evidence=outcome.evidence,
        reproducer=outcome.reproducer,
        looked_at=_looked_at(requirement, record),
        seconds=perf_counter() - began,
    )


_SOUND = {Verdict.PASS, Verdict.INFO, Verdict.SKIP}


def _outcome(requirement: Requirement, record: Record) -> Outcome:
    checks = [each for each in CHECKS if each.requirement == requirement.id]
    if not checks:
        return unknown("there is no check of this in this mode")
    missing = [_missing(each, record) for each in checks]
    if all(missing):
        return unknown(f"not recorded: {missing[0]}")
    able = (each for each, what in zip(checks, missing, strict=True) if not what)
    outcome = worst(_call(each, record) for each in able)
    if not outcome.evidence:
        raise ValueError("the check gives no evidence")
    return outcome


def _looked_at(requirement: Requirement, record: Record) -> tuple[str, ...]:
    needs = [need for each in CHECKS if each.requirement == requirement.id for need in each.needs]
    names = dict.fromkeys(need.rstrip("*") for need in needs)
    return tuple(name for name in names if record.all(name))


def _missing(registered: Registered, record: Record) -> str:
    """What the check wants, and was not recorded; "" if all was."""
    names = (need.rstrip("*") for need in registered.needs)
    return next((name for name in names if not record.all(name)), "")


def _call(registered: Registered, record: Record) -> Outcome:
    arguments: list[Any] = []
    for need in registered.needs:
        items = record.all(need.rstrip("*"))
        arguments.append(items if need.endswith("*") else items[0])
    code = registered.function.__code__
    if "options" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return registered.function(*arguments, options=record.subject.options)
    return registered.function(*arguments)


def _verdict(requirement: Requirement, outcome: Outcome, record: Record) -> Verdict:
    match outcome.found:
        case "holds":
            return Verdict.PASS
        case "unknown":
            return Verdict.SKIP
        case "noted":
            return Verdict.INFO
        case "unstable":
            return Verdict.FLAKY
        case _:  # "broken"
            return _broken(requirement, record)


def _broken(requirement: Requirement, record: Record) -> Verdict:
    if requirement.layer == "host" or requirement.id in record.subject.options.of_host:
        return Verdict.HOST
    if requirement.level == "MAY" or requirement.id not in frozen():
        return Verdict.INFO
    if requirement.level == "SHOULD":
        return Verdict.WARN
    options = record.subject.options  # a profile is a claim too: its practices come together
    is_claimed = requirement.capability in options.claims | {options.profile}
    if requirement.basis == "practice" and not is_claimed:
        return Verdict.WARN  # nobody fails for what he has not promised
    return Verdict.FAIL
