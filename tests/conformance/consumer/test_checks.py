"""The checks of clients: what each finds, and what it lets pass."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sse_conformance.corpus import corpus
from sse_conformance.judge import judge
from sse_conformance.mutants import MUTANTS, Mutant
from sse_conformance.mutants.consumer import sound
from sse_conformance.options import Options
from sse_conformance.transcript import Operation, Reading, Record, Scenario, Subject, changed
from tests.conformance.findings import findings

OURS = [mutant for mutant in MUTANTS if mutant.requirement.startswith("CON-")]


@pytest.fixture(scope="module")
def good() -> Record:
    return sound()


def event(data: str, event: str = "message", id: str = "") -> Operation:
    return {"event": event, "data": data, "id": id}


def judged(record: Record, requirement: str) -> tuple[str, str]:
    (result,) = judge(record, only=[requirement])
    return result.verdict.value, result.evidence


def read(
    requirement: str,
    *read: tuple[str, Sequence[Operation]],
    is_browser: bool = False,
    **more: object,
) -> tuple[str, str]:
    """What is said of a client that has read these cases, as a whole, so."""
    options = Options(claims=frozenset({"browser"} if is_browser else ()))
    record = Record(Subject(target="a client", mode="client", options=options))
    for case, observed in read:
        expected = corpus()[case].expected if case in corpus() else ()
        item = Reading(case=case, cut="whole", expected=expected, observed=tuple(observed))
        record.add("reading", replace(item, **more))
    return judged(record, requirement)


def scenarios(record: Record) -> dict[str, Scenario]:
    return {item.name: item for item in record.all("scenario") if isinstance(item, Scenario)}


def played(good: Record, requirement: str, *others: Scenario) -> tuple[str, str]:
    """What is said of a client that is sound but for these scenarios."""
    kept = {**scenarios(good), **{each.name: each for each in others}}
    return judged(changed(good, "scenario", list(kept.values())), requirement)


def test_a_sound_client_gives_no_finding(good: Record) -> None:
    assert {result.verdict.value for result in judge(good)} == {"pass"}


@pytest.mark.parametrize(
    "mutant", OURS, ids=[f"{mutant.requirement}: {mutant.defect}" for mutant in OURS]
)
def test_a_mutant_is_found_by_its_own_check_and_by_no_other(mutant: Mutant) -> None:
    found = findings(mutant.record())

    assert list(found) == [mutant.requirement], found


def test_each_requirement_of_clients_has_a_mutant() -> None:
    assert {mutant.requirement for mutant in OURS} == {
        f"CON-{number:02}" for number in range(1, 25)
    }


def test_evidence_names_the_case_the_event_and_what_was_expected() -> None:
    verdict, evidence = read("CON-02", ("eol-lf", [event("a"), event("x")]))

    assert verdict == "fail"
    assert evidence == (
        "eol-lf (9.2.5, end-of-line), read whole: event 1 is "
        "{'event': 'message', 'data': 'x', 'id': ''}, not "
        "{'event': 'message', 'data': 'b', 'id': ''}"
    )


def test_evidence_is_short_and_names_the_other_cases() -> None:
    long = [event("x" * 1000), event("b")]
    verdict, evidence = read("CON-02", ("eol-lf", long), ("eol-crlf", []), ("eol-cr", []))

    assert verdict == "fail"
    assert evidence.endswith("(and eol-crlf, eol-cr)")
    assert len(evidence) < 500


@pytest.mark.parametrize(
    ("observed", "what"),
    [
        ([event("a")], "event 1 is missing"),
        ([event("a"), event("b"), event("c")], "event 2 is not in the stream"),
        ([event("a"), event("b", id="1")], "event 1 is"),
        ([event("a"), event("b", event="e")], "event 1 is"),
    ],
)
def test_the_difference_is_told(observed: list[Operation], what: str) -> None:
    assert what in read("CON-02", ("eol-lf", observed))[1]


def test_a_case_with_more_than_one_requirement_accuses_where_the_others_hold() -> None:
    verdict, evidence = read("CON-04", ("value-leading-space", []), ("eol-cr", [event("a")] * 2))

    assert verdict == "skip"  # for CON-02 does not hold
    assert evidence == "no stream was read from which this could be seen"
    assert read("CON-04", ("value-leading-space", []))[0] == "fail"


@pytest.mark.parametrize(
    ("case", "observed"),
    [("eol-cr-at-the-end", [event("a")]), ("eol-mixed-in-one-event", [])],
)
def test_a6_to_wait_for_what_follows_a_cr_is_noted(case: str, observed: list[Operation]) -> None:
    verdict, evidence = read("CON-02", (case, observed))

    assert verdict == "info"
    assert "to wait for what follows is allowed" in evidence


A5 = [
    ("no-data-event", [event("", event="e")]),
    ("no-data-resets-event", [event("", event="lost"), event("a")]),
    ("id-of-a-block-without-data", [event("", id="1"), event("a", id="1")]),
    (
        "no-data-between-events-with-id",
        [event("a", id="1"), event("", id="1"), event("", id="1"), event("b", id="1")],
    ),
    ("comment-blocks", [event(""), event(""), event("a"), event("")]),
]


@pytest.mark.parametrize(("case", "observed"), A5, ids=[case for case, _ in A5])
def test_a5_blocks_without_data_that_are_told_of_are_noted(
    case: str, observed: list[Operation]
) -> None:
    verdict, evidence = read("CON-07", (case, observed))

    assert verdict == "info"
    assert "may tell of blocks without data" in evidence
    assert read(corpus()[case].requirement, (case, observed))[0] in ("info", "pass")


@pytest.mark.parametrize(("case", "observed"), A5, ids=[case for case, _ in A5])
def test_a5_a_browser_may_not_tell_of_them(case: str, observed: list[Operation]) -> None:
    assert read("CON-07", (case, observed), is_browser=True)[0] == "fail"


@pytest.mark.parametrize(
    ("case", "observed"),
    [
        ("no-data-event", [event("", event="e"), event("")]),  # more than there are blocks
        ("no-data-resets-event", [event("", event="lost"), event("a", event="lost")]),
        ("no-data-resets-event", [event("", event="lost")]),
        ("no-data-resets-event", [event("x"), event("a")]),
    ],
)
def test_a5_allows_nothing_else(case: str, observed: list[Operation]) -> None:
    assert read("CON-07", (case, observed))[0] == "fail"


def test_an_error_after_all_events_is_noted() -> None:
    verdict, evidence = read("CON-13", ("eof-in-a-line", [event("a")]), note="it ended too soon")

    assert (verdict, "and then 'it ended too soon'" in evidence) == ("info", True)


def test_an_error_instead_of_events_is_a_failure() -> None:
    verdict, evidence = read("CON-01", ("utf8-invalid-byte", []), note="no UTF-8")

    assert verdict == "fail"
    assert evidence.endswith("; 'no UTF-8'")


def test_an_error_is_no_excuse() -> None:
    assert read("CON-02", ("eol-cr-at-the-end", [event("a")]), note="it failed")[0] == "fail"


def test_ids_and_times_that_are_not_told_are_not_judged() -> None:
    assert read("CON-10", ("id-stays", [{"event": "message", "data": "a"}] * 2))[0] == "fail"
    told = [{"event": "message", "data": data} for data in "ab"]
    assert read("CON-10", ("id-stays", told))[0] == "pass"
    assert read("CON-11", ("retry-signed", [event("a")]), retry=5)[0] == "pass"


@pytest.mark.parametrize(
    ("case", "retry", "verdict"),
    [
        ("retry-signed", 5, "fail"),
        ("retry-signed", None, "pass"),
        ("retry-zero", 0, "pass"),
        ("retry-zero", None, "fail"),
        ("retry-5000-digits", None, "pass"),
        ("retry-5000-digits", 1e300, "pass"),
    ],
)
def test_the_reconnection_time_is_judged_where_it_is_told(
    case: str, retry: float | None, verdict: str
) -> None:
    told = read("CON-11", (case, [event("a")]), retry=retry, tells_retry=True)

    assert told[0] == verdict


def test_a_case_that_is_no_longer_in_the_corpus_is_left_out() -> None:
    assert read("CON-01", ("of-another-release", []))[0] == "skip"


def test_cuts_are_only_looked_at_in_streams_that_are_read_well_as_a_whole() -> None:
    record = Record(Subject(target="a client", mode="client"))
    for case, cut, observed in (
        ("eol-lf", "whole", [event("x")]),
        ("eol-lf", "at 1", [event("y")]),
        ("eol-crlf", "at 1", []),
    ):
        expected = corpus()[case].expected
        item = Reading(case=case, cut=cut, expected=expected, observed=tuple(observed))
        record.add("reading", item)

    assert judged(record, "CON-03")[0] == "skip"


def test_one_cut_that_makes_a_difference_is_enough() -> None:
    record = Record(Subject(target="a client", mode="client"))
    expected = corpus()["eol-crlf"].expected
    for cut, observed in (("whole", expected), ("at 8", expected), ("at 9", expected[:1])):
        record.add(
            "reading", Reading(case="eol-crlf", cut=cut, expected=expected, observed=observed)
        )

    verdict, evidence = judged(record, "CON-03")

    assert verdict == "fail"
    assert "read at 9: event 1 is missing" in evidence
    assert evidence.endswith("(1 cut of eol-crlf)")


# ── connections ──────────────────────────────────────────────────────────────────────────────

NEVER_BACK = {
    "CON-11": "reconnection-time",
    "CON-14": "status-404",
    "CON-15": "no-content",
    "CON-17": "last-event-id",
    "CON-18": "refused",
    "CON-22": "backoff",
}


def alone(scenario: Scenario, visits: int) -> Scenario:
    return replace(scenario, visits=scenario.visits[:visits])


@pytest.mark.parametrize("requirement", [f"CON-{number}" for number in range(14, 25)])
def test_a_client_that_has_never_come_is_not_judged(good: Record, requirement: str) -> None:
    absent = [replace(alone(each, 0), heard=()) for each in scenarios(good).values()]

    assert played(good, requirement, *absent)[0] == "skip"


@pytest.mark.parametrize("requirement", NEVER_BACK)
def test_a_client_that_does_not_come_back_is_judged_by_that_alone(
    good: Record, requirement: str
) -> None:
    once = [alone(each, 1) for each in scenarios(good).values()]
    record = changed(Record(good.subject), "scenario", once)

    assert judged(record, requirement)[0] == "skip"
    assert judged(record, "CON-16")[0] == "fail"


def test_the_charset_scene_without_an_event_says_nothing_of_decoding(good: Record) -> None:
    silent = replace(scenarios(good)["type-other-charset"], heard=())

    record = changed(Record(good.subject), "scenario", [silent])
    assert judged(record, "CON-01")[0] == "skip"


def test_a_good_stream_that_is_refused_is_found(good: Record) -> None:
    silent = replace(scenarios(good)["type-in-capitals"], heard=())

    assert played(good, "CON-14", silent) == (
        "fail",
        "type-in-capitals: no event of a good stream was dispatched",
    )


def test_another_attempt_after_a_refusal_is_found(good: Record) -> None:
    refused = scenarios(good)["status-503"]
    again = replace(refused.visits[1], at=refused.visits[1].ended_at + 0.5)

    told = played(good, "CON-14", replace(refused, visits=(*refused.visits, again)))

    assert told == ("fail", "status-503: visit 3 came 0.50 s after that answer")


def test_reconnection_times_that_disagree_are_called_flaky(good: Record) -> None:
    timed = scenarios(good)["reconnection-time"]
    first, second, *others = timed.visits
    early = replace(second, at=first.ended_at + 0.1)

    told = played(good, "CON-11", replace(timed, visits=(first, early, *others)))

    assert told[0] == "flaky"
    assert "after 0.10 s" in told[1]


def test_a_client_that_dispatches_what_is_unfinished_is_not_accused_twice(good: Record) -> None:
    ended = scenarios(good)["ends-complete"]
    heard = [{"at": 0.1, **event("half\na", event="lost", id="lost")}]
    heard.append({"at": 0.5, **event("second", id="lost")})

    assert played(good, "CON-16", replace(ended, heard=tuple(heard)))[0] == "pass"


def test_an_event_with_something_of_the_old_stream_is_found(good: Record) -> None:
    ended = scenarios(good)["ends-closed"]
    heard = ({"at": 0.1, "error": ""}, {"at": 0.5, **event("second", event="lost")})

    verdict, evidence = played(good, "CON-16", replace(ended, heard=heard))

    assert verdict == "fail"
    assert evidence.startswith("ends-closed: event 1, {")


def with_ids(scenario: Scenario, *ids: bytes | None) -> Scenario:
    visits = [
        replace(
            visit,
            request=replace(visit.request, fields=() if id is None else ((b"last-event-id", id),)),
        )
        for visit, id in zip(scenario.visits, ids, strict=False)
    ]
    return replace(scenario, visits=tuple(visits))


@pytest.mark.parametrize(
    ("ids", "verdict"),
    [
        ((None, b"1-a", b"1-a", None), "pass"),
        ((None, b"1-a", b"1-a"), "pass"),
        ((None, b"1-a"), "pass"),
        ((b"x", b"1-a", b"1-a", None), "fail"),
        ((None, None, b"1-a", None), "fail"),
        ((None, b"2", b"1-a", None), "fail"),
        ((None, b"1-a", b"2", None), "fail"),
        ((None, b"1-a", b"1-a", b"1-a"), "fail"),
        ((None, b"1-a", b"1-a", b""), "fail"),
        ((None, b"1-a", None, None), "info"),  # A1
    ],
)
def test_the_last_event_id_is_followed_from_visit_to_visit(
    good: Record, ids: tuple[bytes | None, ...], verdict: str
) -> None:
    scenario = scenarios(good)["last-event-id"]

    assert played(good, "CON-17", with_ids(scenario, *ids))[0] == verdict


def test_a2_how_an_id_beyond_ascii_is_sent_is_noted(good: Record) -> None:
    scenario = scenarios(good)["last-event-id-beyond-ascii"]

    told = played(good, "CON-17", with_ids(scenario, None, b"?"))
    assert told == (
        "info",
        "last-event-id-beyond-ascii: after id: … it sent [b'?'], which is not its UTF-8",
    )
    told = played(good, "CON-17", alone(scenario, 1))
    assert told == ("info", "last-event-id-beyond-ascii: after id: … it has not come back")
    kept = [each for each in scenarios(good).values() if each.name != scenario.name]
    assert judged(changed(good, "scenario", kept), "CON-17")[0] == "pass"


@pytest.mark.parametrize(
    ("accept", "verdict"),
    [
        (b"text/event-stream", "pass"),
        (b"application/json, Text/Event-Stream;q=0.5", "pass"),
        (b"*/*", "info"),
        (b"text/html", "warn"),
    ],
)
def test_accept_has_to_name_event_streams(good: Record, accept: bytes, verdict: str) -> None:
    (visit,) = scenarios(good)["prompt"].visits
    asking = replace(visit, request=replace(visit.request, fields=((b"Accept", accept),)))

    assert (
        played(good, "CON-19", replace(scenarios(good)["prompt"], visits=(asking,)))[0] == verdict
    )


def test_a_stream_out_of_a_cache_is_found(good: Record) -> None:
    once = alone(scenarios(good)["cacheable"], 1)

    assert played(good, "CON-19", once) == (
        "warn",
        "cacheable: there was no second request for it, as elsewhere",
    )


def delayed(scenario: Scenario, *delays: float) -> Scenario:
    (visit,) = scenario.visits
    sent = visit.sent[-4:-1]
    heard = tuple({"at": at + delay, **event("x")} for at, delay in zip(sent, delays, strict=False))
    return replace(scenario, heard=heard)


@pytest.mark.parametrize(
    ("delays", "verdict"),
    [
        ((0.1, 0.1, 0.1), "pass"),
        ((0.1, 0.7, 0.1), "flaky"),
        ((0.7, 0.7, 0.1), "flaky"),
        ((0.7, 0.7, 0.7), "warn"),
        ((0.7, 0.7), "warn"),  # the third was never heard
        ((), "warn"),
    ],
)
def test_promptness_is_judged_by_the_median(
    good: Record, delays: tuple[float, ...], verdict: str
) -> None:
    prompt = delayed(scenarios(good)["prompt"], *delays)
    ended = replace(prompt, ended_at=prompt.ended_at + 5)

    assert played(good, "CON-20", ended)[0] == verdict


def test_a_client_that_leaves_too_soon_is_not_judged_by_its_promptness(good: Record) -> None:
    prompt = scenarios(good)["prompt"]
    left = replace(prompt.visits[0], sent=(0.0,))

    assert played(good, "CON-20", replace(prompt, visits=(left,)))[0] == "skip"


def test_an_endless_line_that_a_program_takes_is_found(good: Record) -> None:
    record = Record(good.subject)
    record.add("endless", Reading(case="endless", cut="every 1", expected=(), observed=()))

    assert judged(record, "CON-21") == ("warn", "endless, read every 1: nothing was said of it")


def test_times_that_do_not_grow_are_noted(good: Record) -> None:
    backoff = scenarios(good)["backoff"]
    visits = tuple(
        replace(visit, at=number * 0.7, ended_at=number * 0.7)
        for number, visit in enumerate(backoff.visits)
    )

    verdict, evidence = played(good, "CON-22", replace(backoff, visits=visits))

    assert verdict == "info"
    assert evidence.endswith("the times do not grow")


def test_a_redirect_has_to_be_followed_to_its_location(good: Record) -> None:
    moved = scenarios(good)["redirect-302"]
    first, second = moved.visits
    same = replace(second, request=replace(second.request, target="/stream/scene/first"))

    verdict, evidence = played(good, "CON-23", replace(moved, visits=(first, same)))
    assert (verdict, "not to the Location" in evidence) == ("fail", True)
    verdict, evidence = played(good, "CON-23", replace(moved, heard=()))
    assert (verdict, "at the Location" in evidence) == ("fail", True)


def test_a_visit_after_closing_is_found(good: Record) -> None:
    closed = scenarios(good)["close-ended"]
    assert closed.closed_at is not None
    again = replace(closed.visits[0], at=closed.closed_at + 0.6)

    told = played(good, "CON-24", replace(closed, visits=(*closed.visits, again)))

    assert told == ("warn", "close-ended: visit 2 came 0.60 s after closing")
