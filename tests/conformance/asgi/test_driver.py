"""The driver: which calls it makes, and what it records of them under which names."""

import asyncio
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import pytest

from sse_conformance.drivers.asgi import asgi
from sse_conformance.judge import judge
from sse_conformance.mutants.asgi_golden import Golden
from sse_conformance.options import Options
from sse_conformance.transcript import Call, Exchange, Record, load
from sse_conformance.wire.asgi import Receive, Scope, Send


class Quick(Golden):
    """Has ended after a moment, and so can be called in real time too."""

    steps: ClassVar[tuple[tuple[float, str], ...]] = ((0.0, "1"), (0.01, "2"))


@cache
def golden() -> Record:
    return asgi(Golden())


def calls(record: Record) -> dict[str, Call]:
    return {each.plan: each for each in record.all("call") if isinstance(each, Call)}


def exchange(record: Record, name: str) -> Exchange:
    first = record.all(name)[0]
    assert isinstance(first, Exchange)
    return first


def test_every_plan_is_called() -> None:
    told: list[str] = []
    record = asgi(Golden(), Options(heartbeat=15), told.append, path="/stream")
    assert list(calls(record)) == [
        *("plain", "again", "head", "options", "put"),
        *("slow", "stalled", "split-2", "split-n", "minimal", "http10", "http2"),
        *("leave@0", "leave@1", "leave@2", "leave@3", "leave@4", "leave@5", "leave@6"),
        *("fail@1", "fail@2", "fail@3", "fail@4", "fail@5", "fail@6"),
        *("cancel@0", "cancel@1", "cancel@2", "cancel@3", "cancel@4", "cancel@5", "cancel@6"),
        *("leave@idle", "cancel@idle", "concurrent", "unknown"),
        *("websocket", "websocket-leave@0", "websocket-leave@1", "lifespan"),
    ]
    assert told[0] == "calling the application: head"
    assert record.subject.target == "Golden POST /stream".replace("POST", "GET")


def test_who_accepts_json_is_asked_for_where_that_is_claimed() -> None:
    record = asgi(Golden(), Options(heartbeat=15, profile="universal"), path="/stream")
    assert "accept-json" in calls(record)
    asked = exchange(record, "accept_json").request.fields
    accepted = [value for name, value in asked if name.lower() == b"accept"]
    assert accepted == [b"application/json"]


def test_exchanges_are_recorded_for_the_checks_of_the_wire() -> None:
    record = golden()
    names = ("get", "get_again", "head", "options", "put", "get_http10", "get_http2")
    found = {name: exchange(record, name) for name in names}
    statuses = {name: each.head.status for name, each in found.items() if each.head is not None}
    assert statuses == {
        "get": 200,
        "get_again": 200,
        "head": 200,
        "options": 204,
        "put": 405,
        "get_http10": 200,
        "get_http2": 200,
    }
    assert len(record.all("get_again")) == 2
    assert found["get"].end == "complete"
    assert len(found["get"].stream.events) == 5
    assert found["get_http10"].request.http == "1.0"


def test_the_same_events_are_seen_in_real_time_where_that_takes_little() -> None:
    pytest.importorskip("uvloop")
    record = asgi(Quick())
    quick = calls(record)["uvloop"].exchange
    assert quick is not None
    assert quick.content == exchange(record, "get").content
    assert "uvloop" not in calls(golden())


def test_a_request_may_have_a_body_and_fields() -> None:
    record = asgi(
        Quick(),
        Options(headers=(("Authorization", "Bearer x"),)),
        method="POST",
        path="/a%20b?c=d",
        content=b'{"a": 1}',
        fields=[("X-Own", "1")],
    )
    request = exchange(record, "get").request
    fields = dict(request.fields)
    assert fields[b"content-type"] == b"application/json"
    assert fields[b"content-length"] == b"8"
    assert (fields[b"authorization"], fields[b"x-own"]) == (b"Bearer x", b"1")
    assert (request.method, request.content) == ("POST", b'{"a": 1}')
    assert request.target == "/a b?c=d"
    assert b'{"a": 1}' in exchange(record, "get").content


def test_a_content_type_is_not_made_up() -> None:
    for content, fields in ((b"text", []), (b"{}", [("Content-Type", "application/x")])):
        record = asgi(Quick(), method="POST", content=content, fields=fields)
        types = [
            value
            for name, value in exchange(record, "get").request.fields
            if name == b"content-type"
        ]
        assert types == [value.encode() for _, value in fields]


def test_an_application_is_found_by_its_name() -> None:
    assert exchange(asgi("tests.conformance.asgi.apps:golden"), "get").end == "complete"


@pytest.mark.parametrize("name", ["apps", ":golden", "tests.conformance.asgi.apps:number"])
def test_a_name_that_leads_to_no_application_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="application"):
        asgi(name)


def test_an_application_that_does_not_start_is_not_called() -> None:
    class Mutant(Golden):
        async def live(self, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

    assert list(calls(asgi(Mutant()))) == ["lifespan"]

    class LaterMutant(Mutant):
        steps: ClassVar[tuple[tuple[float, str], ...]] = ()
        starts = 0

        async def live(self, receive: Receive, send: Send) -> None:
            self.starts += 1
            await (Golden if self.starts == 1 else Mutant).live(self, receive, send)

    assert "uvloop" not in calls(asgi(LaterMutant()))


class Silent(Golden):
    """Says something once, and then nothing, without end."""

    async def stream(self, scope: Scope, send: Send, said: str) -> None:
        await self.start(send, 200, self.headers(scope))
        await self.block(send, "data: 1\n\n")
        await self.wait(send)

    async def wait(self, send: Send) -> None:
        await asyncio.Event().wait()


class Clockwatching(Silent):
    """Knows from the clock on the wall when its heartbeat is due."""

    async def wait(self, send: Send) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            if time.monotonic() - last > IMPATIENT.heartbeat:
                await self.block(send, ":\n")
                last = time.monotonic()


IMPATIENT = Options(heartbeat=0.3)


def test_who_is_silent_in_virtual_time_is_watched_in_real_time() -> None:
    for app, found in ((Silent(), "broken"), (Clockwatching(), "holds")):
        record = asgi(app, IMPATIENT)
        (liveness,) = judge(record, ["LIV-01"])
        assert liveness.found == found, liveness.evidence
        assert [each.end for each in record.all("get_real") if isinstance(each, Exchange)]


def test_in_a_hurry_nobody_is_watched_in_real_time() -> None:
    (liveness,) = judge(asgi(Clockwatching(), replace(IMPATIENT, fast=True)), ["LIV-01"])
    assert liveness.found == "unknown"
    assert "virtual" in liveness.evidence


def test_an_application_that_does_not_start_again_is_not_watched() -> None:
    class Once(Silent):
        starts = 0

        async def live(self, receive: Receive, send: Send) -> None:
            self.starts += 1
            await receive()
            what = "complete" if self.starts == 1 else "failed"
            await send({"type": f"lifespan.startup.{what}"})

    record = asgi(Once(), IMPATIENT)
    assert record.all("get")
    assert not record.all("get_real")


def test_the_state_of_the_lifespan_is_handed_on() -> None:
    seen: list[object] = []

    class Stateful(Quick):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                scope["state"]["number"] = 42
            elif scope["type"] == "http":
                seen.append(scope.get("state"))
            await super().__call__(scope, receive, send)

    asgi(Stateful())
    assert seen.count({"number": 42}) == len(seen) - seen.count(None)
    assert seen.count(None) == 1  # the plan "minimal"


def test_an_application_without_a_lifespan_is_called_all_the_same() -> None:
    class Bare(Golden):
        async def live(self, receive: Receive, send: Send) -> None:
            raise RuntimeError("no lifespan")

    record = asgi(Bare())
    assert calls(record)["lifespan"].outcome == "raised"
    assert exchange(record, "get").end == "complete"


def test_what_is_left_only_once_is_not_held_against_the_call() -> None:
    class Watchful(Golden):
        tasks: ClassVar[list[asyncio.Task[bool]]] = []

        async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "HEAD" and not self.tasks:
                self.tasks.append(asyncio.create_task(asyncio.Event().wait()))
            await super().respond(scope, receive, send)

    record = asgi(Watchful())
    assert calls(record)["head"].facts["tasks"] == []


def test_a_record_that_was_saved_is_judged_as_before(tmp_path: Path) -> None:
    record = golden()
    record.save(tmp_path / "record.jsonl")
    again = load(tmp_path / "record.jsonl")
    verdicts = [
        [(each.requirement.id, each.verdict, each.evidence) for each in judge(each_record)]
        for each_record in (record, again)
    ]
    assert verdicts[0] == verdicts[1]


def test_without_another_event_loop_time_is_never_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert "uvloop" not in calls(asgi(Quick()))
