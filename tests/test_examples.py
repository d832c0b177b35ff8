"""Each file of examples/, served by the command that it names itself, and used as it says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from asgi_agent.sse import Event, EventStreamDecoder
from tests.serving import Served, serve

EXAMPLES = Path(__file__).parent.parent / "examples"
MOST_LINES = 60
SECONDS = 15


def minimal(served: Served) -> None:
    events = answer(served, "", "Hello, world!")
    assert [event.event for event in events if event.event.startswith("tool")] == [
        "tool_exec",
        "tool_result",
    ]
    assert final(events) == {"data": "Your question has 13 characters. "}


def mounted_in_starlette(served: Served) -> None:
    assert httpx.get(f"{served.url}/").text == "The agent is at /agent/."
    assert final(answer(served, "/agent", "Hello!")) == {"data": "You said: Hello!"}


def event_stream_alone(served: Served) -> None:
    events = listen(f"{served.url}/", after="8")
    assert [(event.id, event.data) for event in events][:1] == [("9", "tick 9")]


def websocket_chat(served: Served) -> None:
    with connect(served.ws_url, proxy=None) as alice, connect(served.ws_url, proxy=None) as bob:
        bob.send("I am Bob.")
        assert bob.recv(SECONDS) == "I am Bob."
        assert alice.recv(SECONDS) == "I am Bob."
        alice.send("x" * (2 << 20))
        assert alice.recv(SECONDS) == "* a message may have 1048576 bytes"
        alice.send("Hello, Bob!")
        assert (alice.recv(SECONDS), bob.recv(SECONDS)) == ("Hello, Bob!", "Hello, Bob!")
    assert httpx.get(served.url).status_code == 426


CHECKS: dict[str, Callable[[Served], None]] = {
    check.__name__: check
    for check in (minimal, mounted_in_starlette, event_stream_alone, websocket_chat)
}


def test_every_example_is_checked() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_an_example_does_what_it_says(name: str) -> None:
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    named = re.search(r"Run:\s+uvicorn ([\w.]+:\w+)", source)
    assert named, "the docstring says how to run the example"
    with serve(named[1]) as served:
        CHECKS[name](served)
        assert "Traceback" not in served.output()


@pytest.mark.parametrize("name", CHECKS)
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_bytes().split(b"\n")) <= MOST_LINES


def answer(served: Served, prefix: str, prompt: str) -> list[Event]:
    """All that the agent says to the prompt."""
    asked = httpx.post(f"{served.url}{prefix}/ask", json={"prompt": prompt})
    url = asked.json()["stream_url"]
    assert url.startswith(f"{prefix}/")
    return listen(f"{served.url}{url}")


def listen(url: str, after: str = "") -> list[Event]:
    """The event stream: to its end, or to its first event where we resume."""
    decoder = EventStreamDecoder()
    events: list[Event] = []
    with httpx.stream("GET", url, headers={"last-event-id": after}, timeout=SECONDS) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        for chunk in response.iter_raw():
            events += decoder.feed(chunk)
            if after and events:
                break
    return events


def final(events: list[Event]) -> Any:
    """The fields of the last event."""
    assert events[-1].event == "complete"
    return json.loads(events[-1].data)
