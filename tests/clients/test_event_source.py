"""Bond's `askAgent`, and a client that never closes, with the EventSource of npm and Node's."""

import json
from typing import Any

import pytest

from tests.clients.conftest import Witness
from tests.clients.programs import Ended, run_javascript
from tests.serving import Served

CLOSED = 2  # WHATWG HTML 9.2.2: the ready states
CONNECTING = 0

EVENT_SOURCES = {
    "npm": (),
    "node": ("--experimental-eventsource", "--disable-warning=UNDICI-ES"),
}


@pytest.fixture(params=EVENT_SOURCES)
def event_source(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options of Node that choose the EventSource."""
    return EVENT_SOURCES[request.param]


def test_b1_ask_agent_shows_the_words_and_the_tools_once(
    served: Served, witness: Witness, event_source: tuple[str, ...]
) -> None:
    ended = run_javascript(served, "ask_agent.js", "Hello!", options=event_source)

    assert ended.stdout == "\n[Running echo...]\nYou said: Hello! \n[Done]\n"
    assert (ended.code, ended.stderr) == (0, "")
    assert asked(witness()) == ["POST 200", "GET 200"]


def test_b3_ask_agent_is_told_that_the_agent_failed(
    served: Served, witness: Witness, event_source: tuple[str, ...]
) -> None:
    ended = run_javascript(served, "ask_agent.js", "Fail.", options=event_source)

    assert ended.stdout == "So far, so good. "
    assert ended.stderr.startswith("Stream error: MessageEvent")  # an Event if it were the network
    assert "hunter2" not in ended.stderr  # B18
    assert ended.code == 0
    assert asked(witness()) == ["POST 200", "GET 200"]


def test_b4_an_event_source_that_nobody_closes_stops_and_never_runs_the_agent_again(
    served: Served, witness: Witness, event_source: tuple[str, ...]
) -> None:
    ended = run_javascript(served, "keep_listening.js", "Hello!", options=event_source)

    assert events(ended) == [
        ["open", 1],
        ["text", {"content": "You "}],
        ["text", {"content": "said: "}],
        ["text", {"content": "Hello! "}],
        ["complete", {"data": "You said: Hello! "}],
        ["error", CONNECTING],
        ["error", CLOSED],
    ]
    told = witness()
    assert asked(told) == ["POST 200", "GET 200", "GET 204 after 1-13"]
    assert told["begun"] == ["Hello!"]


def test_b4_a_failed_agent_is_not_run_again_either(
    served: Served, witness: Witness, event_source: tuple[str, ...]
) -> None:
    ended = run_javascript(served, "keep_listening.js", "Fail.", options=event_source)

    assert events(ended) == [
        ["open", 1],
        ["text", {"content": "So far, so good. "}],
        ["error", {"error": "The agent failed.", "code": "agent_error"}],
        ["error", CONNECTING],
        ["error", CLOSED],
    ]
    told = witness()
    assert asked(told) == ["POST 200", "GET 200", "GET 204 after 1-4"]
    assert told["begun"] == ["Fail."]


def test_b5_an_event_source_resumes_a_stream_that_was_cut(
    request: pytest.FixtureRequest,
    served: Served,
    witness: Witness,
    event_source: tuple[str, ...],
) -> None:
    session_id = f"cut-{request.node.callspec.id}"

    ended = run_javascript(served, "keep_listening.js", "Hello!", session_id, options=event_source)

    assert events(ended) == [
        ["open", 1],
        ["text", {"content": "You "}],
        ["text", {"content": "said: "}],
        ["error", CONNECTING],
        ["open", 1],
        ["text", {"content": "Hello! "}],
        ["complete", {"data": "You said: Hello! "}],
        ["error", CONNECTING],
        ["error", CLOSED],
    ]
    told = witness()
    assert asked(told) == ["POST 200", "GET 200", "GET 200 after 1-10", "GET 204 after 1-13"]
    assert told["begun"] == ["Hello!"]


def events(ended: Ended) -> list[Any]:
    """What keep_listening.js has heard."""
    assert (ended.code, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.split("\n")[:-1]]


def asked(told: dict[str, list[Any]]) -> list[str]:
    """The requests: method, status and last event ID."""
    return [
        f"{each['method']} {each['status']}"
        + (f" after {each['last_event_id']}" if each["last_event_id"] else "")
        for each in told["requests"]
    ]
