"""LlamaBot's printed reader, httpx, and its `sse_stream` under sse-starlette."""

import json
from collections.abc import Iterator

import httpx
import pytest

from asgi_agent.sse import Event, EventStreamDecoder
from tests.clients.programs import run_javascript
from tests.serving import HOSTS, Served, serve


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve("tests.clients.llamabot_apps:app", request.param) as served:
        yield served


def read(served: Served, path: str, message: str) -> list[Event]:
    """The events of the answer, as a reader has them that knows the format."""
    with httpx.stream("POST", f"{served.url}{path}", json={"messages": [message]}) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        decoder = EventStreamDecoder()
        return [event for chunk in response.iter_bytes() for event in decoder.feed(chunk)]


@pytest.mark.parametrize("path", ["/chat", "/theirs"])
def test_a_bot_is_read_as_it_speaks(served: Served, path: str) -> None:
    events = read(served, path, "Hello!")

    assert [(event.event, event.data) for event in events] == [
        ("message", "You said:"),
        ("message", "\nHello!"),
        ("done", ""),
    ]


@pytest.mark.parametrize("path", ["/chat", "/theirs"])
def test_l4_a_bot_that_fails_tells_nothing_of_its_inside(served: Served, path: str) -> None:
    events = read(served, path, "Fail.")

    assert [event.event for event in events] == ["message", "error"]
    assert "hunter2" not in events[-1].data


@pytest.mark.parametrize("path", ["/chat", "/theirs"])
def test_l5_a_bot_that_never_waits_ends_with_its_client(served: Served, path: str) -> None:
    asked = {"messages": ["Speak for ever."]}
    with httpx.stream("POST", f"{served.url}{path}", json=asked) as response:
        next(response.iter_bytes())
    # Another request is answered, and the bot is at rest.
    assert httpx.get(f"{served.url}/ended", timeout=5).json() == ["Speak for ever."]


def test_the_printed_reader_prints_what_is_said(served: Served) -> None:
    ended = run_javascript(served, "chat.js")

    assert ended.stdout == "data: You said:\ndata: \ndata: Hello!\ndata: \n"
    assert (ended.code, ended.stderr) == (0, "")


def test_l2_the_printed_reader_prints_all_of_the_json(served: Served) -> None:
    ended = run_javascript(served, "chat.js", "?data=json")

    words = [json.loads(line.removeprefix("data: ")) for line in ended.stdout.split("\n")[:-1]]
    assert words == ["You said:", "\nHello!", ""]
