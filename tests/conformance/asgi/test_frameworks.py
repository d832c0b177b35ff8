"""Applications of several frameworks: what is sound in them is called sound.

They use threads, watchdogs that outlive a request, task groups and generators that nobody closes.
What a framework does is not listed here: only that we do not accuse it of what it does not do.
"""

import pytest

from sse_conformance.drivers.asgi import asgi
from sse_conformance.judge import Result, judge
from sse_conformance.options import Options
from sse_conformance.transcript import Call, Record
from tests.conformance.asgi.frameworks import agent_app, event_stream

CONDUCT = ["ASG-01", "ASG-04", "ASG-06", "ASG-07", "ASG-08", "ASG-10", "ASG-12", "ASG-15"]


def results(record: Record) -> dict[str, Result]:
    return {each.requirement.id: each for each in judge(record)}


def test_our_event_stream_has_no_finding() -> None:
    found = results(asgi(event_stream))
    assert {each.requirement.id for each in found.values() if each.found == "broken"} == set()
    assert found["ASG-15"].found == "holds"


def test_our_whole_application_has_no_finding() -> None:
    record = asgi(
        agent_app,
        path="/api/agent/stream",
        method="POST",
        content=b'{"message": "hello"}',
        websocket_path="/ws",
    )
    found = results(record)
    assert {each.requirement.id for each in found.values() if each.found == "broken"} == set()
    assert "websocket.accept" in found["ASG-14"].evidence
    # A run does not belong to its request: it goes on, and ends.
    assert found["ASG-10"].found == "noted"


@pytest.mark.parametrize(
    "name", ["starlette_app", "sse_starlette_app", "threaded_app", "litestar_app", "fastapi_app"]
)
def test_others_are_not_accused_of_what_they_do_not_do(name: str) -> None:
    # Some have no heartbeat: nobody shall wait for it here.
    record = asgi(f"tests.conformance.asgi.frameworks:{name}", Options(fast=True))
    found = results(record)
    assert [each for each in CONDUCT if found[each].found not in {"holds", "noted"}] == []
    calls = [each for each in record.all("call") if isinstance(each, Call)]
    assert not any(each.facts.get("hurried") for each in calls)
