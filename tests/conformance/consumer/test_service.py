"""Test services that keep to LaunchDarkly's contract, and those that do not."""

import asyncio
import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sse_conformance.corpus import corpus
from sse_conformance.drivers.client import client_service
from sse_conformance.drivers.service import Service
from sse_conformance.drivers.staging import play_scene, read_case
from sse_conformance.judge import judge
from sse_conformance.options import Options
from sse_conformance.scenes import SCENES
from sse_conformance.transcript import Exchange, Reading, Record, Request, Scenario
from sse_conformance.wire.http1 import record
from sse_conformance.wire.playing import Run
from sse_conformance.wire.stage import Reply, Stage
from tests.conformance.consumer.clients import TestService, served

CLOSE_OPEN = next(scene for scene in SCENES if scene.name == "close-open")


@contextmanager
def in_thread(service: TestService) -> Generator[str]:
    """The service on a loop of its own, since the driver runs one too."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ended = asyncio.Event()

    async def run() -> None:
        async with served(service) as service.url:
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[run()])
    thread.start()
    ready.wait(5)
    try:
        yield service.url
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(5)
        loop.close()


def test_a_sound_client_behind_a_service_gives_no_finding() -> None:
    told: list[str] = []
    with in_thread(TestService()) as url:
        recorded = client_service(url, Options(), told.append)

    verdicts = {each.requirement.id: each.verdict.value for each in judge(recorded)}
    assert verdicts.pop("CON-21") == "skip"
    assert set(verdicts.values()) == {"pass"}, judge(recorded)
    assert told[-1].startswith(f"{len(told)} of {len(told)} streams")
    whole = [
        item.case
        for item in recorded.all("reading")
        if isinstance(item, Reading) and item.cut == "whole"
    ]
    assert sorted(whole) == sorted(corpus())


def test_a_service_is_told_which_types_to_listen_for_if_it_wants_to_know() -> None:
    async def run() -> TestService:
        service = TestService(capabilities=["event-type-listeners"])
        async with served(service) as url, Stage() as stage:
            client = Service(url)
            await client.introduce()
            await read_case(stage, client, corpus()["event-add-and-remove"], None, 1.0)
        return service

    assert asyncio.run(run()).commands == [
        {"command": "listen", "listen": {"type": "add"}},
        {"command": "listen", "listen": {"type": "remove"}},
    ]


@pytest.mark.parametrize(
    "status", [b"", b"no json", b"[" * 100_000, b"[]", b"{}", b'{"capabilities": null}']
)
def test_a_service_need_not_say_what_it_can_do(status: bytes) -> None:
    async def run() -> None:
        async def pages(request: Request) -> Reply:
            return Reply(content=status)

        async with Stage(pages) as stage:
            await Service(stage.url).introduce()

    asyncio.run(run())


def test_a_service_that_opens_nothing_is_not_judged() -> None:
    async def run() -> Record:
        async def pages(request: Request) -> Reply:
            return Reply(200)  # without a Location

        async with Stage(pages) as stage:
            url = stage.url
            return await asyncio.to_thread(client_service, url, Options(time_scale=0.1))

    recorded = asyncio.run(run())

    assert recorded.all("reading") == ()
    assert {each.verdict.value for each in judge(recorded)} == {"skip"}


@pytest.mark.parametrize("location", ["mailto:x", "http://[", "http://service.example/1"])
def test_a_service_sends_nobody_elsewhere(location: str) -> None:
    async def run() -> Scenario:
        async def pages(request: Request) -> Reply:
            return Reply(200)

        class Elsewhere(Service):
            async def _ask(self, method: str, url: str, content: object = None) -> Exchange:
                assert url == stage.url
                exchange = await super()._ask(method, url, content)
                assert exchange.head is not None
                fields = ((b"Location", location.encode()),)
                return replace(exchange, head=replace(exchange.head, fields=fields))

        async with Stage(pages) as stage:
            return await play_scene(stage, Elsewhere(stage.url), CLOSE_OPEN, 0.1)

    scenario = asyncio.run(run())

    assert scenario.visits == ()
    assert "the service's Location is" in scenario.note


def test_a_service_that_cannot_close_is_not_blamed_for_its_client() -> None:
    class Unclosing(TestService):
        def _act(self, method: str, target: str, content: bytes) -> tuple[int, str, bytes]:
            return (500, "", b"") if method == "DELETE" else super()._act(method, target, content)

    async def run() -> list[str]:
        async with served(Unclosing()) as url, Stage() as stage:
            client = Service(url, scale=0.1)
            named = {scene.name: scene for scene in SCENES}
            scenarios = await asyncio.gather(
                *(
                    play_scene(stage, client, named[name], 0.3)
                    for name in ("close-open", "type-semicolon")
                )
            )
        assert all(scenario.closed_at is None for scenario in scenarios)
        return [scenario.note for scenario in scenarios]

    first, second = asyncio.run(run())
    assert first.startswith("the client could not be told what to do: the service answers DELETE")
    assert second.startswith("the client could not be told to close: the service answers DELETE")


def test_a_client_that_never_asks_for_the_stream_is_not_judged_by_it() -> None:
    class Idle(TestService):
        def _open(self, stream: str, wanted: dict[str, str]) -> None:
            pass

    async def run() -> Reading | None:
        async with served(Idle()) as url, Stage() as stage:
            return await read_case(stage, Service(url), corpus()["eol-lf"], None, 0.05)

    assert asyncio.run(run()) is None


def test_a_client_that_neither_comes_back_nor_tells_of_the_end_is_judged_by_what_it_told() -> None:
    class Once:
        at_once = 1
        grace = 0.0

        async def open(self, run: Run, types: Sequence[str]) -> str:
            exchange = await asyncio.to_thread(record, run.stream_url, seconds=0.1)
            assert exchange.end == "timeout"  # nothing is sent before all types are listened for
            told = {"kind": "event", "event": {"data": "a"}}
            assert run.hear("1", json.dumps(told).encode())
            return ""

        async def close(self, stream: str) -> None:
            pass

    async def run() -> Reading | None:
        async with Stage() as stage:
            return await read_case(stage, Once(), corpus()["eol-lf"], None, 0.02)

    read = asyncio.run(run())

    assert read is not None
    assert read.observed == ({"event": "message", "data": "a", "id": ""},)


def test_a_service_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="with nothing"):
        client_service("http://127.0.0.1:1/", Options(time_scale=0.2))


def test_a_service_on_another_machine_is_left_alone() -> None:
    with pytest.raises(ValueError, match="another machine"):
        client_service("http://service.example/")
