"""A producer that never waits, and a client that leaves: the server goes on for everybody else.

After a disconnect `send` returns at once on every host, so a loop that sends would never let the
event loop hear of it.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.hosts import talk
from tests.serving import HOSTS, Served, serve

SECONDS = 1.0  # in which another request has its answer


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server of our own: if it froze, it would be frozen for the other tests too."""
    with serve("tests.hosts.apps:app", request.param) as served:
        yield served
        assert talk.complaints(served) == []


@contextmanager
def by_event_stream(url: str, session_id: str, *, reads: bool) -> Iterator[None]:
    """A client that leaves at the end of the `with` statement."""
    with talk.browse(url) as client:
        stream_url = talk.ask(client, "babble", session_id)
    with talk.listen(stream_url, reset=not reads, window=1 << 16) as stream:
        for _ in range(100 if reads else 0):
            stream.read1()
        yield


@contextmanager
def by_websocket(url: str, session_id: str, *, reads: bool) -> Iterator[None]:
    if not reads:
        asked = f'{{"prompt": "babble", "session_id": "{session_id}"}}'
        with talk.unread_socket(f"{url}/ws", asked):
            yield
        return
    with talk.open_socket(f"{url}/ws") as websocket:
        talk.send(websocket, prompt="babble", session_id=session_id)
        for _ in range(100):
            websocket.recv()
        yield


WAYS = pytest.mark.parametrize("way", [by_event_stream, by_websocket])
READS = pytest.mark.parametrize("reads", [True, False], ids=["reads", "does not read"])


@WAYS
@READS
def test_the_others_are_answered_while_and_after_a_client_is_flooded(
    served: Served, session_id: str, way: Any, *, reads: bool
) -> None:
    with way(served.url, session_id, reads=reads):
        assert slowest_answer(served.url, 10) < SECONDS
    assert slowest_answer(served.url, 20) < SECONDS

    # B9: the run goes on, with nobody to hear it, until somebody ends it.
    assert talk.noted(served.url, session_id) == ["begun"]
    began = time.monotonic()
    with talk.browse(served.url) as client:
        assert client.post(f"/sessions/{session_id}/cancel").status_code == 202
    assert time.monotonic() - began < SECONDS
    assert talk.witnessed(served.url, f"ended {session_id}") < SECONDS


@WAYS
@READS
def test_b9_an_agent_that_never_waits_is_ended_by_the_disconnect_where_that_is_set(
    served: Served, session_id: str, way: Any, *, reads: bool
) -> None:
    with way(f"{served.url}/cancelling", session_id, reads=reads):
        assert slowest_answer(served.url, 5) < SECONDS

    assert talk.witnessed(served.url, f"ended {session_id}") < SECONDS
    with talk.browse(f"{served.url}/cancelling") as client:
        assert client.get(f"/sessions/{session_id}").json()["status"] == "cancelled"


@WAYS
def test_ten_clients_that_leave_floods_do_not_freeze_the_server(
    served: Served, session_id: str, way: Any
) -> None:
    for number in range(10):
        with way(f"{served.url}/cancelling", f"{session_id}-{number}", reads=number % 2 == 0):
            pass
    for number in range(10):
        talk.witnessed(served.url, f"ended {session_id}-{number}")
    assert slowest_answer(served.url, 10) < SECONDS


@pytest.mark.parametrize("reset", [True, False])
def test_an_event_stream_alone_ends_when_its_client_leaves(
    served: Served, session_id: str, *, reset: bool
) -> None:
    for reads in (100, 1, 0):
        path = f"/bare/{session_id}-{reads}"
        with talk.listen(f"{served.url}{path}", reset=reset, window=1 << 16) as stream:
            for _ in range(reads):
                stream.read1()
            assert slowest_answer(served.url, 3) < SECONDS
        assert talk.witnessed(served.url, f"ended {path}") < SECONDS
        assert slowest_answer(served.url, 3) < SECONDS


@pytest.mark.parametrize("close", [True, False])
def test_a_websocket_alone_ends_when_its_client_leaves(
    served: Served, session_id: str, *, close: bool
) -> None:
    for reads in (1000, 1):
        path = f"/bare/{session_id}-{reads}"
        with talk.open_socket(f"{served.url}{path}") as websocket:
            for _ in range(reads):
                websocket.recv()
            assert slowest_answer(served.url, 3) < SECONDS
            if not close:
                websocket.socket.shutdown(socket.SHUT_RDWR)
        assert talk.witnessed(served.url, f"ended {path}") < SECONDS
        assert slowest_answer(served.url, 3) < SECONDS


def slowest_answer(url: str, requests: int) -> float:
    """How long the slowest of these requests takes, each on a connection of its own."""
    seconds: list[float] = []
    for _ in range(requests):
        began = time.monotonic()
        with talk.browse(url) as client:
            assert client.get("/health").json()["status"] == "healthy"
        seconds.append(time.monotonic() - began)
    return max(seconds)
