"""The scenes, played over real connections to the small EventSource."""

import asyncio
from dataclasses import replace

import pytest

from sse_conformance.drivers.staging import play_scene
from sse_conformance.judge import judge
from sse_conformance.mutants.attendance import Habits
from sse_conformance.mutants.consumer import sound
from sse_conformance.mutants.consumer_connections import HABITS
from sse_conformance.scenes import SCENES, SLOW_SCENES
from sse_conformance.transcript import Record, Scenario, changed
from sse_conformance.wire.stage import Stage
from tests.conformance.consumer.clients import InProcess
from tests.conformance.findings import findings

ALL = {scene.name: scene for scene in (*SCENES, *SLOW_SCENES)}
SCALE = 0.6  # of all patience: the clients are swift
# The scenes in which the habit shows; all others are those of a client in no time.
WHERE = {
    "minds_the_charset": ["type-other-charset"],
    "hurries": ["reconnection-time"],
    "reads_anything": ["status-404", "type-other"],
    "returns_after_204": ["no-content"],
    "keeps_buffers": ["ends-complete", "ends-closed"],
    "sends_an_empty_id": ["last-event-id"],
    "gives_up": ["refused"],
    "accepts_nothing": ["cacheable"],
    "holds_back": ["prompt"],
    "takes_all": ["endless-line"],
    "hammers": ["backoff"],
    "stays": ["redirect-307", "redirect-308"],
    "comes_after_closing": ["close-open", "close-ended"],
}


async def played(habits: Habits, names: list[str]) -> list[Scenario]:
    client = InProcess(habits)
    async with Stage() as stage:
        scenes = (play_scene(stage, client, ALL[name], SCALE) for name in names)
        scenarios = await asyncio.gather(*scenes)
        await client.end()
    return scenarios


@pytest.fixture(scope="module")
def scenarios() -> dict[str, list[Scenario]]:
    """What clients with each habit, and one without any, have done: all at the same time."""

    async def play() -> dict[str, list[Scenario]]:
        works = {
            name: asyncio.ensure_future(played(Habits(**{name: True}), names))
            for name, names in WHERE.items()
        }
        works["none"] = asyncio.ensure_future(played(Habits(), list(ALL)))
        return {name: await work for name, work in works.items()}

    return asyncio.run(play())


@pytest.fixture(scope="module")
def read_well() -> Record:
    return sound()


def test_every_habit_is_tried_over_real_connections() -> None:
    assert set(WHERE) == set(HABITS)


def test_a_sound_client_gives_no_finding(
    scenarios: dict[str, list[Scenario]], read_well: Record
) -> None:
    record = changed(read_well, "scenario", scenarios["none"])

    assert findings(record) == {}
    assert {result.verdict.value for result in judge(record)} == {"pass"}


@pytest.mark.parametrize("habit", HABITS)
def test_a_bad_habit_is_found_and_nothing_else(
    habit: str, scenarios: dict[str, list[Scenario]], read_well: Record
) -> None:
    tried = {scenario.name: scenario for scenario in scenarios[habit]}
    others = [each for each in scenarios["none"] if each.name not in tried]

    found = findings(changed(read_well, "scenario", [*tried.values(), *others]))

    assert list(found) == [HABITS[habit][0]], found


def test_each_visit_has_a_patience_of_its_own() -> None:
    async def play() -> Scenario:
        client = InProcess()
        scene = replace(ALL["reconnection-time"], patience=0.6)  # five visits, each after 0.3 s
        async with Stage() as stage:
            scenario = await play_scene(stage, client, scene, 1.0)
            await client.end()
        return scenario

    assert len(asyncio.run(play()).visits) == 5
