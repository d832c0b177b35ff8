"""The agent at /agent inside Starlette, FastAPI and Litestar: all holds below the prefix."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.hosts import talk
from tests.serving import HOSTS, Served, serve

FRAMEWORKS = {  # and what a client has to put before our paths, as the framework knows it
    "starlette": "/agent",
    "fastapi": "/api/agent",
    "litestar": "/agent",
}


@pytest.fixture(
    scope="module", params=[(name, host) for name in FRAMEWORKS for host in HOSTS], ids="-".join
)
def mounted(request: pytest.FixtureRequest) -> Iterator[tuple[Served, str]]:
    """The framework's application under the host, and the prefix of the URLs that are told."""
    name, host = request.param
    with serve(f"tests.hosts.mounted:in_{name}", host) as served:
        yield served, FRAMEWORKS[name]
        assert talk.complaints(served) == []


@pytest.fixture
def served(mounted: tuple[Served, str]) -> Served:
    return mounted[0]


@pytest.fixture
def prefix(mounted: tuple[Served, str]) -> str:
    return mounted[1]


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with talk.browse(f"{served.url}/agent") as client:
        yield client


@pytest.mark.parametrize("name", ["plain", "a/b?c#d e", "\u65e5\u672c", "50%41", "/"])
def test_the_stream_url_has_the_prefix_that_the_client_must_use(
    client: httpx.Client, prefix: str, name: str
) -> None:
    url = client.post("/ask", json={"prompt": "Hello!", "session_id": name}).json()["stream_url"]
    path = url.removeprefix(prefix)  # what a proxy that strips /api would ask us for

    assert url == f"{prefix}{path}"
    assert path.startswith("/stream/")
    heard = talk.hear(client, path)
    assert talk.text(heard) == "You said: Hello!"
    assert [event.id for event in heard] == [f"1-{seq}" for seq in range(1, len(heard) + 1)]
    assert client.get(path.replace("/stream/", "/sessions/")).json()["session_id"] == name


def test_a_stream_resumes_and_ends_with_204(client: httpx.Client, session_id: str) -> None:
    path = f"/stream/{session_id}"
    client.post("/ask", json={"prompt": "count 300", "session_id": session_id})
    with talk.listen(f"{client.base_url}{path}") as stream:
        heard = talk.decode(stream.read1(1000))
    heard += talk.hear(client, path, heard[-1].id)

    assert [event.id for event in heard] == [f"1-{seq}" for seq in range(1, 304)]
    assert talk.text(heard) == "".join(f"{number} " for number in range(300))
    last = client.get(path, headers={"last-event-id": heard[-1].id or ""})
    assert (last.status_code, last.content) == (204, b"")


def test_a_stream_is_not_held_back(client: httpx.Client, session_id: str) -> None:
    client.post("/ask", json={"prompt": "wait", "session_id": session_id})
    with client.stream("GET", f"/stream/{session_id}") as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        chunks = response.iter_raw()
        while b"Wait. " not in next(chunks):
            pass
        assert client.post(f"/sessions/{session_id}/cancel").status_code == 202
        last = talk.decode(b"".join(chunks))[-1]
    assert (last.event, json.loads(last.data)) == ("cancelled", {})


def test_a_disconnect_ends_nothing_but_the_response(client: httpx.Client, session_id: str) -> None:
    client.post("/ask", json={"prompt": "tick", "session_id": session_id})
    for _ in range(3):
        with talk.listen(f"{client.base_url}/stream/{session_id}") as stream:
            stream.read1()
    assert client.get(f"/sessions/{session_id}").json()["status"] == "streaming"
    assert client.delete(f"/sessions/{session_id}").status_code == 204


@pytest.mark.parametrize("path", ["/ws", "/ws/"])
def test_a_websocket_has_turns_that_can_be_cancelled(client: httpx.Client, path: str) -> None:
    with talk.open_socket(f"{client.base_url}{path}") as websocket:
        assert talk.words(talk.turn(websocket, "Hello!")) == "You said: Hello!"
        talk.send(websocket, prompt="tick")
        talk.receive(websocket)
        talk.send(websocket, type="cancel")
        assert talk.turn(websocket)[-2:] == [{"t": "cancelled"}, {"t": "done"}]
        websocket.send("?")
        assert talk.receive(websocket)["t"] == "error"
        assert talk.words(talk.turn(websocket, "Hello!")) == "You said: Hello!"


def test_a_websocket_that_is_refused_is_403_or_404(client: httpx.Client) -> None:
    for path, origin, status in (("/ws", "https://evil.example", 403), ("/ws/x", None, 404)):
        url = f"{client.base_url}{path}"
        with pytest.raises(InvalidStatus) as refused, talk.open_socket(url, origin=origin):
            pass
        assert refused.value.response.status_code == status


@pytest.mark.parametrize(
    ("asked", "body", "status", "answer"),
    [
        ("GET /health", None, 200, {"status": "healthy", "agent_name": "agent"}),
        ("GET /health/", None, 200, {"status": "healthy", "agent_name": "agent"}),
        ("GET /ask", None, 405, {"error": "Method Not Allowed"}),
        ("DELETE /stream/x", None, 405, {"error": "Method Not Allowed"}),
        ("GET /stream/nobody", None, 404, {"error": "Session not found or expired"}),
        ("GET /nowhere", None, 404, {"error": "Not Found"}),
        ("GET /agent/health", None, 404, {"error": "Not Found"}),
        ("POST /ask", {}, 400, {"error": "Invalid request: prompt: Field required"}),
        ("POST /ask", {"prompt": "x" * (1 << 20)}, 413, None),
        ("POST /api/chat", {"message": 5}, 422, None),
    ],
)
def test_what_is_refused_is_refused_alike(
    client: httpx.Client, asked: str, body: Any, status: int, answer: Any
) -> None:
    response = client.request(*asked.split(" "), json=body)
    assert response.status_code == status
    assert answer is None or response.json() == answer
    if status == 405:
        assert response.headers["allow"]


def test_head_and_options_are_answered_without_a_body(
    client: httpx.Client, session_id: str
) -> None:
    client.post("/ask", json={"prompt": "Hello!", "session_id": session_id})
    for path in ("/health", f"/stream/{session_id}"):
        head = client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == client.get(path).headers["content-type"]
    options = client.options("/ask")
    assert (options.status_code, options.headers["allow"]) == (204, "POST, OPTIONS")


def test_the_lesson_dialect_is_there_too(client: httpx.Client) -> None:
    answer = client.post("/api/chat/stream", json={"message": "Hello!"})
    said = [json.loads(event.data) for event in talk.decode(answer.content)]
    assert [each["type"] for each in said] == ["status", "token", "token", "done"]
    with talk.open_socket(f"{client.base_url}/ws/agent") as websocket:
        talk.send(websocket, type="message", content="Hello!")
        heard = [talk.receive(websocket)["type"] for _ in range(4)]
    assert heard == ["status", "token", "token", "done"]


USER = {"role": "user", "content": "Hello!"}
UI_MESSAGE = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Hello!"}]}
A2A_MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "Hello!"}]}
ASKED: dict[str, dict[str, Any]] = {  # one question in every dialect that streams its answer
    "/api/agent/stream": {"message": "Hello!"},
    "/chat": {"messages": ["Hello!"]},
    "/v1/chat/completions": {"messages": [USER], "stream": True},
    "/v1/responses": {"input": "Hello!", "stream": True},
    "/v1/messages": {"model": "any", "max_tokens": 9, "messages": [USER], "stream": True},
    "/api/chat": {"id": "c", "messages": [UI_MESSAGE], "trigger": "submit-message"},
    "/ag-ui": {"threadId": "t", "runId": "r", "messages": [{**USER, "id": "m"}]},
    "/a2a": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "SendStreamingMessage",
        "params": {"message": A2A_MESSAGE},
    },
}


def test_one_server_speaks_every_dialect_at_once(client: httpx.Client) -> None:
    told: dict[str, str] = {}
    for path, asked in ASKED.items():
        answer = client.post(path, json=asked)
        assert answer.headers.get("content-type") == "text/event-stream; charset=utf-8", answer.text
        told[path] = "".join(event.data for event in talk.decode(answer.content))
    assert [path for path, data in told.items() if "said" not in data] == []
    described = client.get("/openapi.json").json()
    assert set(ASKED) <= set(described["paths"])


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("app", "mount"),
    [("apps:assistant_app", ""), ("hosts.mounted:in_starlette", "/agent")],
    ids=["alone", "in Starlette"],
)
def test_a_root_path_that_a_proxy_strips_is_in_the_stream_url(
    app: str, mount: str, host: str, session_id: str
) -> None:
    with (
        serve(f"tests.{app}", host, "--root-path", "/api") as served,
        talk.browse(f"{served.url}{mount}") as client,
    ):
        answer = client.post("/ask", json={"prompt": "Hello!", "session_id": session_id})
        assert answer.json()["stream_url"] == f"/api{mount}/stream/{session_id}"
        assert "Hello!" in talk.text(talk.hear(client, f"/stream/{session_id}"))
