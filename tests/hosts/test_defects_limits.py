"""Buffers, limits and origins that went wrong in the servers that we replace, tried on ours."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.hosts import talk
from tests.serving import HOSTS, Served, serve, serve_http_2

MB = 1 << 20


# ── B12: buffers ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=HOSTS)
def fresh(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server whose memory is all its own."""
    with serve("tests.hosts.apps:app", request.param) as served:
        with talk.browse(f"{served.url}/impatient") as client:
            talk.hear(client, talk.ask(client, "flood 20"))  # what is allocated once, is now
        yield served


@contextmanager
def unread_stream(url: str, session_id: str) -> Iterator[None]:
    """An event stream of 300 MB of which nobody reads more than the headers."""
    with talk.browse(url) as client:
        stream_url = talk.ask(client, "flood 300", session_id)
    with talk.listen(stream_url, window=1 << 16):
        yield


def unread_websocket(url: str, session_id: str) -> AbstractContextManager[None]:
    """The same on a WebSocket."""
    asked = {"prompt": "flood 300", "session_id": session_id}
    return talk.unread_socket(f"{url}/ws", json.dumps(asked))


@pytest.mark.parametrize("unread", [unread_stream, unread_websocket])
def test_b12_a_client_that_stops_reading_costs_the_server_little(
    fresh: Served, unread: Any
) -> None:
    session_id = str(uuid4())
    url = f"{fresh.url}/impatient"
    with growth_of(fresh) as grown, unread(url, session_id):
        talk.witnessed(fresh.url, f"ended {session_id}", seconds=20)

    assert grown() < 16 * MB
    with talk.browse(url) as client:  # it was cut off, and the run went on without it
        gap, *_, complete = talk.hear(client, f"/stream/{session_id}", after="1-2")
        assert json.loads(gap.data)["name"] == "gap"
        assert json.loads(complete.data) == {"data": "dry"}
        client.delete(f"/sessions/{session_id}")


def test_b12_over_http_2_a_client_that_stops_reading_costs_the_server_little(
    tmp_path: Path,
) -> None:
    session_id = str(uuid4())
    with (
        serve_http_2("tests.hosts.apps:app", tmp_path) as (served, trusting),
        talk.browse(f"{served.url}/impatient") as client,
    ):
        talk.hear(client, talk.ask(client, "flood 20"))  # what is allocated once, is now
        stream_url = talk.ask(client, "flood 300", session_id)
        with growth_of(served) as grown, talk.unread_http_2(stream_url, trusting):
            talk.witnessed(served.url, f"ended {session_id}", seconds=20)
        assert grown() < 16 * MB
        gap, *_, complete = talk.hear(client, f"/stream/{session_id}", after="1-2")
        assert (gap.event, complete.event) == ("data", "complete")  # the run went on without it


@pytest.mark.parametrize("message", ["x" * (1 << 16), b"x" * (1 << 16)], ids=["text", "binary"])
def test_b12_what_a_client_floods_a_websocket_with_is_not_kept(
    fresh: Served, message: str | bytes
) -> None:
    before = fresh.rss
    with talk.open_socket(f"{fresh.url}/ws") as websocket:
        talk.send(websocket, prompt="wait")  # binary is for this agent, which reads none of it
        for _ in range(3000):
            websocket.send(message)
        talk.send(websocket, type="cancel")
        talk.turn(websocket)
        assert fresh.rss - before < 16 * MB


@pytest.mark.parametrize("announced", [True, False])
def test_b12_a_body_of_200_mb_is_refused_and_costs_nothing(fresh: Served, announced: bool) -> None:
    framing = f"content-length: {200 * MB}" if announced else "transfer-encoding: chunked"
    head = f"POST /ask HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"
    piece = b"x" * MB if announced else b"%x\r\n%b\r\n" % (MB, b"x" * MB)
    with (
        growth_of(fresh) as grown,
        socket.create_connection(("127.0.0.1", fresh.port), talk.SECONDS) as connection,
    ):
        connection.sendall(head.encode())
        sending = threading.Thread(target=send_all, args=(connection, piece, 200))
        sending.start()
        answer = talk.read(connection)
        sending.join()

    assert answer.status == 413
    assert "1048576 bytes" in answer.json()["error"]
    assert grown() < 16 * MB


# ── B13: limits ──────────────────────────────────────────────────────────────────────────────


def test_b13_conversations_that_nobody_reads_do_not_fill_the_server(client: httpx.Client) -> None:
    for _ in range(20):
        url = talk.ask(client, "Hello!", None)
        assert talk.text(talk.hear(client, url)) == "You said: Hello!"
    for _ in range(150):
        talk.ask(client, "Hello!")


def test_b13_the_limit_of_active_runs_holds_on_every_transport(
    served: Served, session_id: str
) -> None:
    url = f"{served.url}/small"
    with talk.browse(url) as client, talk.open_socket(f"{url}/ws") as websocket:
        for number in range(3):
            talk.ask(client, "wait", f"{session_id}-{number}")
        full = {"error": "Maximum concurrent sessions (3) reached"}

        refused = client.post("/ask", json={"prompt": "Hello!"})
        assert (refused.status_code, refused.json()) == (503, full)
        assert int(refused.headers["retry-after"]) > 0
        refused = client.post("/api/chat/stream", json={"message": "Hello!"})
        assert (refused.status_code, refused.json()) == (503, {"detail": full["error"]})
        talk.send(websocket, prompt="Hello!")
        assert talk.receive(websocket) == {"t": "error", **full}

        client.post(f"/sessions/{session_id}-0/cancel")
        assert talk.words(talk.turn(websocket, "Hello!")) == "You said: Hello!"
        for number in (1, 2):
            client.post(f"/sessions/{session_id}-{number}/cancel")


def test_b13_thirty_readers_of_one_session_are_one_run(
    served: Served, client: httpx.Client, session_id: str
) -> None:
    url = talk.ask(client, "count 300", session_id)
    with ThreadPoolExecutor(30) as pool:
        heard = list(pool.map(lambda _: talk.text(talk.hear(client, url)), range(30)))
    assert heard == [talk.numbers(300)] * 30
    assert talk.noted(served.url, session_id) == ["begun", "ended"]


# ── B14, S5: other sites ─────────────────────────────────────────────────────────────────────

EVIL = {"origin": "https://evil.example"}
GOOD = {"origin": "https://good.example"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_b14_an_origin_is_never_reflected_with_credentials(
    client: httpx.Client, origin: str
) -> None:
    for cookie in ({}, {"cookie": "a=b"}):
        answer = client.get("/health", headers={"origin": origin, **cookie})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_b14_what_needs_no_preflight_starts_nothing(
    served: Served, client: httpx.Client, session_id: str, content_type: str
) -> None:
    body = json.dumps({"prompt": "Hello!", "session_id": session_id})
    answer = client.post("/ask", content=body, headers={**EVIL, "content-type": content_type})
    assert answer.status_code == 415
    assert talk.noted(served.url, session_id) == []


def test_b14_where_origins_are_listed_others_get_nothing(
    served: Served, client: httpx.Client, session_id: str
) -> None:
    asked = {"prompt": "Hello!", "session_id": session_id}
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }

    refused = client.options("/listed/ask", headers={**EVIL, **preflight})
    assert (refused.status_code, shared(refused)) == (403, None)
    assert client.post("/listed/ask", json=asked, headers=EVIL).status_code == 403
    assert shared(client.get("/listed/health", headers=EVIL)) is None
    assert talk.noted(served.url, session_id) == []

    allowed = client.options("/listed/ask", headers={**GOOD, **preflight})
    assert (allowed.status_code, shared(allowed)) == (204, GOOD["origin"])
    answer = client.post("/listed/ask", json=asked, headers=GOOD)
    assert (answer.status_code, shared(answer)) == (200, GOOD["origin"])
    with client.stream("GET", answer.json()["stream_url"], headers=GOOD) as stream:
        assert shared(stream) == GOOD["origin"]


@pytest.mark.parametrize("path", ["/ws", "/ws/agent"])
@pytest.mark.parametrize("prefix", ["", "/listed"])
def test_b14_s5_a_page_of_another_site_cannot_open_a_websocket(
    served: Served, prefix: str, path: str
) -> None:
    url = f"{served.url}{prefix}{path}"
    for origin in ("https://evil.example", "null", f"{served.url}.evil.example"):
        with pytest.raises(InvalidStatus) as refused, talk.open_socket(url, origin=origin):
            pass
        assert refused.value.response.status_code == 403

    allowed = [None, served.url, *([GOOD["origin"]] if prefix else [])]
    for origin in allowed:
        with talk.open_socket(url, origin=origin) as websocket:
            websocket.send("?")
            assert talk.receive(websocket)  # it is heard


# ── what the tests share ─────────────────────────────────────────────────────────────────────


def shared(response: httpx.Response) -> str | None:
    """The origin that may read the response."""
    origin: str | None = response.headers.get("access-control-allow-origin")
    return origin


def send_all(connection: socket.socket, piece: bytes, times: int) -> None:
    """Send the piece so often, unless the server has heard enough."""
    with suppress(OSError):
        for _ in range(times):
            connection.sendall(piece)


@contextmanager
def growth_of(served: Served) -> Iterator[Callable[[], int]]:
    """By how much the server's memory has grown, at most, since the `with` statement began."""
    base = served.rss
    most = base
    over = threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.02):
            most = max(most, served.rss)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield lambda: most - base
    finally:
        over.set()
        watching.join()
