"""From what checks find to verdicts."""

from collections.abc import Callable

import pytest

from sse_conformance import judge as module
from sse_conformance import registry
from sse_conformance.catalogue import Requirement
from sse_conformance.judge import Result, judge
from sse_conformance.options import Options
from sse_conformance.registry import CHECKS, check
from sse_conformance.transcript import Exchange, Observation, Record, Subject
from sse_conformance.verdict import Outcome, Verdict, broken, holds, noted, unknown, unstable
from tests.conformance.checks.exchanges import silent


def requirement(identifier: str, level: str = "MUST", **fields: object) -> Requirement:
    values: dict[str, object] = {
        "group": "g",
        "basis": "specification",
        "tier": 1,
        "modes": ("check",),
        "title": identifier,
        "clause": "1",
        "explain": "e",
        **fields,
    }
    return Requirement(id=identifier, level=level, **values)  # type: ignore[arg-type]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say which requirements there are; there are no checks yet."""
    checks: list[registry.Registered] = []
    monkeypatch.setattr(registry, "CHECKS", checks)
    monkeypatch.setattr(module, "CHECKS", checks)

    def these(*requirements: Requirement) -> None:
        by_id = {each.id: each for each in requirements}
        monkeypatch.setattr(module, "catalogue", lambda: by_id)
        monkeypatch.setattr(module, "frozen", lambda: frozenset(by_id) - {"NEW-01"})

    return these


def judged(options: Options | None = None, **items: Exchange | Observation) -> list[Result]:
    record = Record(Subject(target="t", mode="check", options=options or Options()))
    for name, item in items.items():
        record.add(name, item)
    return judge(record)


def one(**items: Exchange | Observation) -> Result:
    (result,) = judged(**items)
    return result


@pytest.mark.parametrize(
    ("outcome", "level", "verdict"),
    [
        (holds("e"), "MUST", Verdict.PASS),
        (broken("e"), "MUST", Verdict.FAIL),
        (broken("e"), "SHOULD", Verdict.WARN),
        (broken("e"), "MAY", Verdict.INFO),
        (unstable("e"), "MUST", Verdict.FLAKY),
        (noted("e"), "MUST", Verdict.INFO),
        (unknown("e"), "MUST", Verdict.SKIP),
    ],
)
def test_the_verdict_follows_the_level(
    known: Callable[..., None], outcome: Outcome, level: str, verdict: Verdict
) -> None:
    known(requirement("A", level))
    check("A")(lambda: outcome)
    result = one()
    assert (result.verdict, result.found, result.evidence) == (verdict, outcome.found, "e")


def test_what_a_host_does_is_no_fault_of_the_application(known: Callable[..., None]) -> None:
    known(requirement("A", layer="host"))
    check("A")(lambda: broken("e", "curl"))
    assert (one().verdict, one().reproducer) == (Verdict.HOST, "curl")


@pytest.mark.parametrize(("claims", "verdict"), [((), Verdict.WARN), (("c",), Verdict.FAIL)])
def test_a_practice_fails_those_only_who_claim_it(
    known: Callable[..., None], claims: tuple[str, ...], verdict: Verdict
) -> None:
    known(requirement("A", basis="practice", capability="c"))
    check("A")(lambda: broken("e"))
    (result,) = judged(Options(claims=frozenset(claims)))
    assert result.verdict == verdict


def test_without_a_check_it_is_skipped(known: Callable[..., None]) -> None:
    known(requirement("A"))
    assert one().verdict == Verdict.SKIP


def test_what_is_not_recorded_is_named(known: Callable[..., None]) -> None:
    known(requirement("A"))
    check("A", "get*")(lambda _: holds("e"))
    assert (one().verdict, one().evidence) == (Verdict.SKIP, "not recorded: get")


def test_a_check_gets_one_or_all_of_what_is_recorded(known: Callable[..., None]) -> None:
    known(requirement("A"))

    @check("A", "get", "get*")
    def of_both(first: Exchange, every: tuple[Exchange, ...]) -> Outcome:
        return holds(f"{first.end} {len(every)}")

    result = one(get=silent("reset"))
    assert (result.evidence, result.looked_at) == ("reset 1", ("get",))


def test_a_check_that_asks_for_options_gets_them(known: Callable[..., None]) -> None:
    known(requirement("A"))

    @check("A")
    def of_options(options: Options) -> Outcome:
        return holds(options.profile)

    (result,) = judged(Options(profile="agent"))
    assert result.evidence == "agent"


def test_of_several_checks_the_worst_counts(known: Callable[..., None]) -> None:
    known(requirement("A"))
    for outcome in (unknown("u"), holds("h"), broken("b"), noted("n")):
        check("A")(lambda outcome=outcome: outcome)
    assert one().evidence == "b"


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (broken("e"), Verdict.BLOCKED),
        (unstable("e"), Verdict.BLOCKED),
        (noted("e"), Verdict.PASS),
        (unknown("e"), Verdict.PASS),
    ],
)
def test_what_rests_on_something_broken_is_not_judged(
    known: Callable[..., None], outcome: Outcome, verdict: Verdict
) -> None:
    known(requirement("A"), requirement("B", requires=("A",)), requirement("C", requires=("B",)))
    check("A")(lambda: outcome)
    check("B")(lambda: holds("e"))
    check("C")(lambda: holds("e"))
    _, second, third = judged()
    assert (second.verdict, third.verdict) == (verdict, verdict)
    if verdict == Verdict.BLOCKED:
        assert second.evidence == "A does not hold: e"


def test_a_prerequisite_of_another_mode_blocks_nothing(known: Callable[..., None]) -> None:
    known(requirement("A", modes=("ws",)), requirement("B", requires=("A",)))
    check("B")(lambda: holds("e"))
    assert one().verdict == Verdict.PASS


def test_a_check_that_raises_is_the_suites_own_fault(known: Callable[..., None]) -> None:
    known(requirement("A"))

    @check("A")
    def wrong() -> Outcome:
        raise LookupError("what")

    assert (one().verdict, one().evidence) == (Verdict.ERROR, "LookupError: what")


def test_a_verdict_without_evidence_is_refused(known: Callable[..., None]) -> None:
    known(requirement("A"))
    check("A")(lambda: holds(""))
    assert one().verdict == Verdict.ERROR


def test_results_can_be_asked_for_by_their_ids_and_come_in_groups(
    known: Callable[..., None],
) -> None:
    known(
        requirement("B", group="first"),
        requirement("C", group="second"),
        requirement("A", group="first"),
    )
    record = Record(Subject(target="t", mode="check"))
    assert [result.requirement.id for result in judge(record)] == ["A", "B", "C"]
    assert [result.requirement.id for result in judge(record, only=["C"])] == ["C"]


def test_checks_say_where_they_look() -> None:
    judge(Record(Subject(target="t", mode="check")))
    assert any(each.needs == ("get",) for each in CHECKS)


def test_what_is_newer_than_the_set_is_told_and_fails_nobody(known: Callable[..., None]) -> None:
    known(requirement("NEW-01"))
    check("NEW-01", "get")(lambda get: broken("e"))
    assert one(get=silent()).verdict is Verdict.INFO


def test_what_is_known_to_be_the_host_programs_doing_is_told_as_that(
    known: Callable[..., None],
) -> None:
    known(requirement("FLO-01"))
    check("FLO-01", "get")(lambda get: broken("e"))
    (result,) = judged(Options(of_host=frozenset({"FLO-01"})), get=silent())
    assert result.verdict is Verdict.HOST
