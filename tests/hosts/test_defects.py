"""What went wrong in the servers that we replace, tried on ours: each test is named after one."""

import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.sync.client import ClientConnection

from asgi_agent.sse import Event, EventStreamDecoder
from tests.hosts import talk
from tests.serving import Served

SESSIONS = 20


# ── B4, B5: reconnecting ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prompt", ["Hello!", "fail"])
def test_b4_a_reconnect_never_runs_the_agent_again(
    served: Served, client: httpx.Client, session_id: str, prompt: str
) -> None:
    url = talk.ask(client, prompt, session_id)
    heard = talk.hear(client, url)

    for _ in range(5):
        again = client.get(url, headers={"last-event-id": heard[-1].id or ""})
        assert (again.status_code, again.content) == (204, b"")
    assert talk.hear(client, url) == heard  # a reload: from the first event on
    assert talk.noted(served.url, session_id) == ["begun", "ended"]


def test_b5_two_readers_and_one_who_comes_late_hear_the_same(
    served: Served, client: httpx.Client, session_id: str
) -> None:
    url = talk.ask(client, "count 2000", session_id)

    with ThreadPoolExecutor() as pool:
        hear = pool.map(lambda _: talk.hear(client, url), range(3))
        first, *others = [*hear, talk.hear(client, url)]

    assert talk.text(first) == talk.numbers(2000)
    assert all(other == first for other in others)
    assert talk.noted(served.url, session_id) == ["begun", "ended"]


THOROUGH = [pytest.mark.thorough, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    "storm",  # disconnects, the most bytes that are read before each, and what is counted to
    [(200, 4000, 20_000), pytest.param((2000, 1000, 40_000), marks=THOROUGH)],
    ids=["200 disconnects", "2,000 disconnects"],
)
def test_b5_disconnects_and_resumes_lose_repeat_and_reorder_nothing(
    served: Served, client: httpx.Client, session_id: str, storm: tuple[int, int, int]
) -> None:
    disconnects, most_bytes, count = storm
    chance = random.Random(disconnects)
    url = talk.ask(client, f"count {count}", session_id)
    heard: list[Event] = []

    for _ in range(disconnects):
        after = heard[-1].id if heard else None
        with talk.listen(url, after, reset=chance.random() < 0.5) as stream:
            heard += some_events(stream.read1, chance.randrange(1, most_bytes))
    assert client.get(f"/sessions/{session_id}").json()["status"] == "streaming"
    heard += talk.hear(client, url, heard[-1].id)

    assert [event.id for event in heard] == [f"1-{seq}" for seq in range(1, count + 4)]
    assert talk.text(heard) == talk.numbers(count)
    assert talk.noted(served.url, session_id) == ["begun", "ended"]


def test_b5_disconnects_and_resumes_of_a_websocket_lose_repeat_and_reorder_nothing(
    served: Served, session_id: str
) -> None:
    chance = random.Random(5)
    heard: list[dict[str, Any]] = []

    with talk.open_socket(f"{served.url}/ws") as websocket:
        talk.send(websocket, prompt="count 10000", session_id=session_id)
        heard.append(talk.receive(websocket))
    for _ in range(60):
        with talk.open_socket(f"{served.url}/ws") as websocket:
            resume(websocket, session_id, len(heard))
            heard += [talk.receive(websocket) for _ in range(chance.randrange(1, 100))]
            if chance.random() < 0.5:
                websocket.socket.shutdown(socket.SHUT_RDWR)  # without a close frame
    with talk.open_socket(f"{served.url}/ws") as websocket:
        resume(websocket, session_id, len(heard))
        heard += talk.turn(websocket)

    assert len(heard) == 10004  # with two block events, `complete` and `done`
    assert talk.words(heard) == talk.numbers(10000)
    assert talk.noted(served.url, session_id) == ["begun", "ended"]


# ── B7, B8: whose words are whose ────────────────────────────────────────────────────────────


def test_b7_concurrent_sessions_never_hear_each_others_words(
    served: Served, client: httpx.Client
) -> None:
    def by_event_stream(number: int) -> str:
        session_id = str(uuid4())
        for turn in range(3):
            url = talk.ask(client, f"remember {number}.{turn}", session_id)
            heard = talk.text(talk.hear(client, url))
        return heard

    def by_websocket(number: int) -> str:
        with talk.open_socket(f"{served.url}/ws") as websocket:
            for turn in range(3):
                heard = talk.words(talk.turn(websocket, f"remember {number}.{turn}"))
        return heard

    with ThreadPoolExecutor(2 * SESSIONS) as pool:
        streams = pool.map(by_event_stream, range(SESSIONS))
        websockets = pool.map(by_websocket, range(SESSIONS, 2 * SESSIONS))
        said = [*streams, *websockets]

    assert said == [remembered(number) for number in range(2 * SESSIONS)]


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "user", "content": "x"}],
        [{"role": "wizard", "content": {"type": "image"}, "more": [1]}],
        [],
        [5],
        5,
        {"role": "user"},
        [{"role": "user"}],
    ],
)
def test_b8_an_odd_history_is_one_connections_affair(
    served: Served, client: httpx.Client, history: Any
) -> None:
    with (
        talk.open_socket(f"{served.url}/ws") as odd,
        talk.open_socket(f"{served.url}/ws") as other,
    ):
        talk.turn(other, "remember this")
        talk.send(odd, prompt="remember", history=history)
        assert talk.receive(odd)["t"] in ("block_start", "error")

        assert talk.words(talk.turn(other, "remember")) == (
            "remember this\nremember this\nremember"
        )
        assert talk.text(talk.hear(client, talk.ask(client, "remember"))) == "remember"


def test_b8_a_history_that_a_client_sends_is_what_the_agent_gets(served: Served) -> None:
    with talk.open_socket(f"{served.url}/ws") as websocket:
        history = [{"role": "user", "content": "My name is Alice."}]
        heard = talk.turn(websocket, "remember", history=history)
        assert talk.words(heard) == "My name is Alice.\nremember"


# ── B9: disconnecting ────────────────────────────────────────────────────────────────────────


@contextmanager
def by_event_stream(url: str, session_id: str, prompt: str) -> Iterator[None]:
    """A client that leaves at the end of the `with` statement."""
    with talk.browse(url) as client:
        stream_url = talk.ask(client, prompt, session_id)
        with talk.listen(stream_url) as stream:
            stream.read1()
            yield


@contextmanager
def by_lesson_stream(url: str, session_id: str, prompt: str) -> Iterator[None]:
    body = {"message": prompt, "session_id": session_id}
    with (
        talk.browse(url) as client,
        client.stream("POST", "/api/chat/stream", json=body) as response,
    ):
        next(response.iter_raw())
        yield


@contextmanager
def by_websocket(url: str, session_id: str, prompt: str) -> Iterator[None]:
    with talk.open_socket(f"{url}/ws") as websocket:
        talk.send(websocket, prompt=prompt, session_id=session_id)
        websocket.recv()
        yield


@contextmanager
def by_lesson_websocket(url: str, session_id: str, prompt: str) -> Iterator[None]:
    with talk.open_socket(f"{url}/ws/agent") as websocket:
        talk.send(websocket, type="message", content=prompt, session_id=session_id)
        websocket.recv()
        yield
        websocket.socket.shutdown(socket.SHUT_RDWR)  # without a close frame


WAYS = [by_event_stream, by_lesson_stream, by_websocket, by_lesson_websocket]


@pytest.mark.parametrize("prompt", ["wait", "tick"])
@pytest.mark.parametrize("way", WAYS)
def test_b9_a_disconnect_cancels_the_agent_at_once_where_that_is_set(
    served: Served, session_id: str, way: Any, prompt: str
) -> None:
    with way(f"{served.url}/cancelling", session_id, prompt):
        pass

    assert talk.witnessed(served.url, f"ended {session_id}") < 1
    assert talk.noted(served.url, session_id) == ["begun", "cancelled", "ended"]
    with talk.browse(served.url) as client:
        left = client.get(f"/cancelling/sessions/{session_id}").json()
        assert left["status"] == "cancelled"
    assert talk.complaints(served) == []


@pytest.mark.parametrize("way", WAYS)
def test_b9_a_disconnect_leaves_the_agent_alone_where_nothing_is_set(
    served: Served, client: httpx.Client, session_id: str, way: Any
) -> None:
    with way(served.url, session_id, "count 500"):
        pass

    talk.witnessed(served.url, f"ended {session_id}")
    assert talk.noted(served.url, session_id) == ["begun", "ended"]
    left = client.get(f"/sessions/{session_id}").json()
    assert left["status"] == "completed"
    assert left["history"][-1] == {"role": "assistant", "content": talk.numbers(500)}
    assert talk.complaints(served) == []


def test_b9_a_second_reader_keeps_the_run_alive(
    served: Served, client: httpx.Client, session_id: str
) -> None:
    with by_event_stream(f"{served.url}/cancelling", session_id, "tick"):
        url = f"{served.url}/cancelling/stream/{session_id}"
        with talk.listen(url) as stream:
            stream.read1()
        assert client.get(f"/cancelling/sessions/{session_id}").json()["status"] == "streaming"

    assert talk.witnessed(served.url, f"cancelled {session_id}") < 1


# ── B10, B11: a WebSocket's turns ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prompt", ["wait", "tick", "babble"])
def test_b10_a_run_is_cancelled_while_it_speaks(
    served: Served, session_id: str, prompt: str
) -> None:
    with talk.open_socket(f"{served.url}/ws") as websocket:
        talk.send(websocket, prompt=prompt, session_id=session_id)
        talk.receive(websocket)
        talk.send(websocket, type="cancel")
        *_, block_end, cancelled, done = talk.turn(websocket)

        assert [block_end["t"], cancelled, done] == ["block_end", {"t": "cancelled"}, {"t": "done"}]
        assert talk.witnessed(served.url, f"ended {session_id}") < 1
        assert talk.words(talk.turn(websocket, "Hello!")) == "You said: Hello!"


@pytest.mark.parametrize("prompt", ["rush 3000", "count 300", "fail", "Hello!"])
def test_b11_done_is_strictly_last(served: Served, prompt: str) -> None:
    with talk.open_socket(f"{served.url}/ws") as websocket:
        for _ in range(3):
            heard = [message["t"] for message in talk.turn(websocket, prompt)]
            terminal = "error" if prompt == "fail" else "complete"
            assert heard[0] == "block_start"
            assert set(heard[1:-3]) == {"text"}
            assert heard[-3:] == ["block_end", terminal, "done"]
        with pytest.raises(TimeoutError):
            websocket.recv(0.05)


# ── B18: errors ──────────────────────────────────────────────────────────────────────────────


def test_b18_what_an_agent_raises_is_told_to_nobody_but_the_log(
    served: Served, client: httpx.Client, session_id: str
) -> None:
    url = talk.ask(client, "fail", session_id)
    told = [client.get(url).text, client.get(f"/sessions/{session_id}").text]
    paths = ("/api/chat", "/api/chat/stream", "/api/agent/stream")
    told += [client.post(path, json={"message": "fail"}).text for path in paths]
    with talk.open_socket(f"{served.url}/ws") as websocket:
        told.append(json.dumps(talk.turn(websocket, "fail")))
    with talk.open_socket(f"{served.url}/ws/agent") as websocket:
        told.append(json.dumps(talk.lesson_turn(websocket, "fail")))

    assert all("error" in each or "failed" in each for each in told)
    assert not any("secret" in each or "hunter2" in each for each in told)
    assert served.output().count("RuntimeError: secret internals") >= len(told) - 1


# ── B19: silence ─────────────────────────────────────────────────────────────────────────────


def test_b19_a_silent_agent_is_heard_before_five_seconds_have_passed(
    client: httpx.Client, session_id: str
) -> None:
    url = talk.ask(client, "wait", session_id)
    with talk.listen(url) as stream:
        while b"Wait. " not in stream.read1():
            pass
        began = time.monotonic()
        assert stream.read1() == b":\n"
        assert 3 < time.monotonic() - began < 4.8
    client.post(f"/sessions/{session_id}/cancel")


# ── what the tests share ─────────────────────────────────────────────────────────────────────


def remembered(number: int) -> str:
    """What a conversation of three turns hears in the last of them: all that was said before.

    In each turn the agent has said again what it knew.
    """
    first, second, third = (f"remember {number}.{turn}" for turn in range(3))
    then = f"{first}\n{first}\n{second}"
    return f"{first}\n{first}\n{second}\n{then}\n{third}"


def some_events(read: Callable[[int], bytes], size: int) -> list[Event]:
    """The events that are whole within the next `size` bytes of the stream."""
    decoder = EventStreamDecoder()
    events: list[Event] = []
    while size > 0 and (chunk := read(size)):
        size -= len(chunk)
        events += decoder.feed(chunk)
    return events


def resume(websocket: ClientConnection, session_id: str, heard: int) -> None:
    """Ask for what follows the messages that were heard: each was one entry."""
    talk.send(websocket, type="resume", session_id=session_id, last_event_id=f"1-{heard}")
