"""Each mutant that timed and stateful scripts can see is found, and by its own check alone."""

import time
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from sse_conformance.drivers import emit_plans, emit_state, emit_timing
from sse_conformance.drivers.producing import Producer
from sse_conformance.judge import judge
from sse_conformance.mutants import MUTANTS, Mutant
from sse_conformance.mutants.driving import QUICK, driven, of_process
from sse_conformance.mutants.golden import Golden
from sse_conformance.options import Options
from sse_conformance.script import Capabilities
from sse_conformance.transcript import Emitted, Exchange, Observation, Record, Subject
from tests.conformance.findings import findings

MODULES = {f"sse_conformance.mutants.{name}" for name in ("driving", "flow", "robustness_emit")}
OURS = [each for each in MUTANTS if each.record.__module__ in MODULES]
HASTY = Options(time_scale=0.3)


@pytest.mark.parametrize("mutant", OURS, ids=lambda each: f"{each.requirement} {each.defect}")
def test_a_mutant_is_found_by_its_own_check_and_no_other(mutant: Mutant) -> None:
    found = findings(mutant.record())
    assert set(found) == {mutant.requirement}, found
    assert mutant.serve is not None


def test_each_requirement_of_this_kind_has_a_mutant() -> None:
    expected = {"HTTP-13"} | {f"LIV-{number:02}" for number in (1, 2, 3, 5, 6, 7)}
    expected |= {f"FLO-{number:02}" for number in range(1, 6)}
    expected |= {f"REC-{number:02}" for number in (1, 2, 3, 5, 6, 7, 9, 10, 11)}
    expected |= {f"ROB-{number:02}" for number in (8, 10, 11, 12, 16)}
    assert {each.requirement for each in OURS} == expected


def record_all(producer: Producer, record: Record) -> None:
    told: list[str] = []
    emit_plans.record_quietly(producer, record, told.append)
    emit_plans.record_shutdown(producer, record)
    assert "bad inputs" in told


def test_the_golden_server_is_not_accused() -> None:
    options = replace(HASTY, headers=(("Authorization", "Bearer me"),))
    record = driven(Golden(), record_all, options=options)
    assert findings(record) == {}
    names = {entry.name for entry in record}
    assert {"early", "flood", "neighbour", "left", "resumed", "stranger", "raised"} <= names
    assert "shutdown" not in names


def test_the_golden_server_drops_a_client_that_never_reads() -> None:
    class Strict(Golden):
        """Waits for a quarter of a second."""

        patience = 0.25

    record = driven(Strict(), emit_timing.record_holding, options=Options(time_scale=0.01))
    (held,) = record.all("held")
    assert isinstance(held, Emitted)
    assert held.exchange.end in {"closed", "reset"}
    assert findings(record) == {}


def test_one_flood_is_enough_where_the_producer_has_paused() -> None:
    class Calm(Golden):
        """Makes one event, and the next one nine seconds later, as it says."""

        async def flood(self, n: int, size: int) -> AsyncGenerator[bytes, None]:
            yield self.encode({"data": "0 0 x"})
            yield self.encode({"data": "1 9000 x"})

    record = driven(Calm(), emit_timing.record_floods, options=Options(time_scale=0.05))
    assert len(record.all("flood")) == 1


@pytest.mark.parametrize("plan", [emit_timing.record_memory, emit_plans.record_shutdown])
def test_the_golden_server_in_a_process_is_not_accused(plan: object) -> None:
    assert callable(plan)
    record = of_process(Golden, plan)
    assert findings(record) == {}
    assert [entry.name for entry in record] != []


def made(url: str, *capabilities: str, options: Options = QUICK, form: str = "POST") -> Producer:
    about = TypeAdapter(Capabilities).validate_python(
        {"conformance": 1, "capabilities": capabilities}
    )
    return Producer(url=url, options=options, about=about, form="GET" if form == "GET" else "POST")


def subject() -> Record:
    return Record(Subject(target="", mode="emit", options=QUICK))


def test_nothing_is_asked_of_a_producer_that_it_cannot_do() -> None:
    record = subject()
    with Golden().served() as url:
        producer = made(f"{url}/emit")
        emit_plans.record_quietly(producer, record)
        with emit_plans.recording_silence(producer, record):
            pass
        emit_plans.record_shutdown(producer, record)
    assert {entry.name for entry in record} == {"bad_input"}


def test_a_hurry_leaves_out_the_silence() -> None:
    record = subject()
    hurried = made("http://127.0.0.1:1/", "sleep", options=Options(fast=True))
    with emit_plans.recording_silence(hurried, record):
        pass
    assert list(record) == []


def test_a_server_that_is_gone_ends_no_plan_with_an_error() -> None:
    record = subject()
    gone = made("http://127.0.0.1:1/", "sleep", "flood", "stats", options=Options(time_scale=0.1))
    emit_plans.record_quietly(gone, record)
    results = judge(record)
    assert {each.found for each in results} <= {"unknown", "noted"}


def test_a_producer_of_get_only_gets_its_nonsense_in_the_url() -> None:
    record = subject()
    with Golden().served() as url:
        emit_state.record_bad_inputs(made(f"{url}/emit?x=1", form="GET"), record)
    bad = [each for each in record.all("bad_input") if isinstance(each, Exchange)]
    assert 5 < len(bad) < len(emit_state.BAD_INPUTS)
    assert all(each.request.target.startswith("/emit?x=1&script=") for each in bad)
    assert findings(record) == {}


def test_runs_that_are_not_counted_are_not_recorded() -> None:
    class Quiet(Golden):
        """Counts nothing."""

        def stats(self) -> dict[str, int]:
            return {}

    record = driven(Quiet(), emit_state.record_finished, emit_state.record_leaving)
    assert record.all("runs") == ()
    left = record.all("left")[0]
    assert isinstance(left, Observation)
    assert left.facts["during"] == -1
    assert findings(record) == {}


def test_a_cut_is_possible_without_pauses() -> None:
    record = subject()
    with Golden().served() as url:
        emit_state.record_cuts(made(f"{url}/emit", "resume"), record)
    assert findings(record) == {}
    assert len(record.all("resumed")) == 6


def test_a_refused_id_is_not_asked_for_again() -> None:
    class Choosy(Golden):
        """Refuses IDs of more than 100 characters."""

        def refusal(self, op: dict[str, object]) -> str | None:
            return "too long" if len(str(op.get("id", ""))) > 100 else None

    record = driven(Choosy(), emit_state.record_identifiers)
    assert len(record.all("opaque")) == len(emit_state.OPAQUE_IDS) - 1
    assert findings(record) == {}


def test_memory_is_that_of_a_process_and_its_children() -> None:
    assert emit_timing.resident_bytes(1 << 22) == 0
    record = subject()
    with Golden().served() as url:
        no_such_process = made(f"{url}/emit", "flood", options=Options(pid=1 << 22, time_scale=0.1))
        emit_timing.record_memory(no_such_process, record)
    assert list(record) == []


def test_the_background_does_not_keep_the_foreground() -> None:
    record = subject()
    options = Options(heartbeat=0.7)
    with Golden(heartbeat=0.7).served() as url:
        producer = made(f"{url}/emit", "sleep", options=options)
        began = time.perf_counter()
        with emit_plans.recording_silence(producer, record):
            assert time.perf_counter() - began < 0.5
    assert len(record.all("silent")) == 3
    record.subject = replace(record.subject, options=options)
    assert findings(record) == {}
