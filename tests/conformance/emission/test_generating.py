"""The search for scripts that break something."""

from dataclasses import replace
from itertools import chain, repeat

import pytest

from sse_conformance.checks.dispatch import CARRIED
from sse_conformance.checks.emissions import PER_EMISSION
from sse_conformance.drivers import generating
from sse_conformance.drivers.generating import Search, requirements
from sse_conformance.emission import Emission
from sse_conformance.mutants import encoders
from sse_conformance.mutants.golden import Golden
from sse_conformance.mutants.producing import emitted, searching
from sse_conformance.script import text_of
from sse_conformance.transcript import Emitted, Operations

INJECTIONS = [
    (encoders.ForgedByEvent, "FRM-08"),
    (encoders.ForgedById, "FRM-08"),
    (encoders.ForgedByCarriageReturn, "FRM-08"),
    (encoders.ForgedByComment, "FRM-09"),
    (encoders.SplitsAtLineFeeds, "FRM-05"),
]


@pytest.mark.parametrize(("server", "requirement"), INJECTIONS)
def test_injections_are_found_in_a_dozen_generated_scripts(
    server: type[Golden], requirement: str
) -> None:
    search = searching(server(), most=12, examples=False)
    search.look_for(requirement, 60)
    assert search.broken == {requirement}


@pytest.mark.parametrize(("server", "requirement"), INJECTIONS)
def test_what_is_found_is_made_small(server: type[Golden], requirement: str) -> None:
    search = searching(server(), most=12, examples=False)
    search.look_for(requirement, 60)
    smallest = text_of(search.kept[-1].script)
    assert len(smallest) <= len(
        '{"v":1,"events":[{"data":"00","event":"0\\r\\ndata: 0"},{"data":"next"}]}'
    )
    assert [text_of(each.script) for each in search.kept[-3:]] == [smallest] * 3


def test_a_sound_server_has_nothing_to_be_found() -> None:
    search = searching(Golden(), most=3)
    search.look_for_all(60, lambda _: None)
    assert not search.broken
    assert search.tried >= len(search.kept) > 200


def test_what_somebody_thought_of_comes_first() -> None:
    search = searching(encoders.ForgedById(), most=0)
    search.look_for("FRM-08", 60)
    assert search.kept[-1].script == ({"data": "a", "id": "x\ndata: forged"}, {"data": "b"})


def test_what_was_found_is_not_looked_for_under_other_names() -> None:
    search = searching(encoders.SplitsAtLineFeeds())
    search.look_for_all(60, lambda _: None)
    assert search.broken == {"FRM-05"}
    assert search.tried < 2000


def test_a_script_needs_what_the_producer_can_do() -> None:
    search = Search(emit=lambda _: None, able=frozenset({"comment"}))
    assert search.can(({"comment": "c"}, {"data": "a"}))
    assert not search.can(({"data": "a", "retry": 1},))
    assert not search.can(({"sleep": 1},))


def test_only_what_is_wanted_is_looked_for() -> None:
    told: list[str] = []
    search = replace(searching(Golden()), only={"FRM-08", "ROB-01"})
    search.look_for_all(60, told.append)
    assert [each.split(":")[0] for each in told] == ["FRM-08"]


def test_the_sequence_of_events_comes_when_all_is_known_that_it_may_consist_of() -> None:
    order = requirements()
    assert len(order) == len(set(order))
    assert set(order[: order.index("DSP-01")]) >= CARRIED


def test_without_a_producer_it_ends() -> None:
    search = Search(emit=lambda _: None, able=frozenset())
    search.look_for_all(60, lambda _: None)
    assert search.is_lost
    assert (search.tried, search.kept) == (1, [])


def test_a_producer_that_is_lost_in_between_ends_it_too() -> None:
    server = Golden()
    left = iter(range(40))

    def emit(script: Operations) -> Emitted | None:
        return emitted(server, script) if next(left, None) is not None else None

    search = Search(emit=emit, able=frozenset(server.capabilities), examples=False)
    search.look_for_all(60, lambda _: None)
    assert search.is_lost
    assert search.tried == 41


def test_no_time_is_no_generated_script() -> None:
    search = searching(Golden(), examples=False)
    search.look_for_all(0, lambda _: None)
    assert search.tried == 0


def test_examples_end_when_much_more_than_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generating, "SHRINKING", 0.0)
    search = searching(Golden())
    search.look_for_all(0, lambda _: None)
    assert 0 < search.tried < 40, "those of one requirement"


def test_a_finding_that_does_not_come_again_is_kept_with_what_came_then() -> None:
    servers = chain([encoders.ForgedByEvent()], repeat(Golden()))

    def emit(script: Operations) -> Emitted:
        return emitted(next(servers), script)

    search = Search(emit=emit, able=frozenset())
    search.look_for("FRM-08", 60)
    outcomes = [PER_EMISSION["FRM-08"](Emission(each)).found for each in search.kept]
    assert outcomes == ["broken", "holds", "holds"]
