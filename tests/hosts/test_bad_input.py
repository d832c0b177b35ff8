"""What a client may send by mistake or on purpose: it is told, and nobody else is affected."""

import json
import re
import socket

import httpx
import pytest

from tests.hosts import talk
from tests.serving import Served

JSON = ("content-type", b"application/json")
LIMIT = 1 << 20
DEEP = b"[" * 200_000


pytestmark = pytest.mark.usefixtures("bystander")


# ── bodies ───────────────────────────────────────────────────────────────────────────────────

MALFORMED = {
    "not JSON": b"prompt=Hello!",
    "nothing": b"",
    "half of it": b'{"prompt": "Hel',
    "two of it": b'{"prompt": "a"}{"prompt": "b"}',
    "an array": b"[1]",
    "a string": b'"Hello!"',
    "null": b"null",
    "not UTF-8": b'{"prompt": "\xff"}',
    "UTF-16": '{"prompt": "Hello!"}'.encode("utf-16"),
    "half a surrogate pair": rb'{"prompt": "\ud83d"}',
    "no prompt": b"{}",
    "a prompt of null": b'{"prompt": null}',
    "a prompt that is a number": b'{"prompt": 5}',
    "a prompt that is an object": b'{"prompt": {"text": "Hello!"}}',
    "a session ID that is a number": b'{"prompt": "Hello!", "session_id": 5}',
    "200,000 arrays": DEEP,
    "200,000 arrays in a prompt": b'{"prompt": ' + DEEP,
    "200,000 arrays beside a prompt": b'{"prompt": "Hello!", "more": ' + DEEP + b"]" * 200_000,
    "a number of 500,000 digits": b'{"prompt": ' + b"9" * 500_000 + b"}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_not_understood_is_400_or_422(served: Served, body: bytes) -> None:
    bond = talk.request(served.port, "POST", "/ask", body, JSON, length(body))
    assert bond.status == 400
    assert bond.json()["error"].startswith("Invalid request: ")
    assert len(bond.body) < 1000  # what was sent does not come back

    theirs = body.replace(b'"prompt"', b'"message"')
    lesson = talk.request(served.port, "POST", "/api/chat/stream", theirs, JSON, length(theirs))
    assert lesson.status == 422
    assert all({"type", "loc", "msg"} <= set(each) for each in lesson.json()["detail"])
    assert len(lesson.body) < 1000


@pytest.mark.parametrize("path", ["/ask", "/api/chat", "/api/chat/stream", "/sessions/x/answer"])
def test_a_body_over_the_limit_is_413(served: Served, path: str) -> None:
    body = json.dumps({"prompt": "x" * LIMIT}).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    announced = talk.request(served.port, "POST", path, body, JSON, length(body))
    told_late = talk.request(
        served.port, "POST", path, chunked, JSON, ("transfer-encoding", b"chunked")
    )

    assert announced.status == told_late.status == 413
    assert announced.json() == told_late.json()
    assert f"{LIMIT} bytes" in str(announced.json())


def test_a_body_of_just_the_limit_is_taken(served: Served) -> None:
    body = json.dumps({"prompt": "x" * (LIMIT - 14)}).encode()
    assert len(body) == LIMIT
    assert talk.request(served.port, "POST", "/ask", body, JSON, length(body)).status == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_starts_nothing(
    served: Served, session_id: str
) -> None:
    body = json.dumps({"prompt": "Hello!", "session_id": session_id}).encode()
    head = b"POST /ask HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", served.port), talk.SECONDS) as connection:
        connection.sendall(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body) + 1, body))

    assert talk.request(served.port, "GET", f"/sessions/{session_id}").status == 404
    assert talk.noted(served.url, session_id) == []


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"text/plain",
        b"text/plain; charset=application/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=application/json",
        b"application/jsonp",
        b"\xff",
    ],
)
@pytest.mark.parametrize("path", ["/ask", "/api/chat", "/api/agent/stream"])
def test_a_content_type_that_is_not_json_is_415(
    served: Served, path: str, content_type: bytes | None
) -> None:
    body = b'{"prompt": "Hello!", "message": "Hello!"}'
    headers = [] if content_type is None else [("content-type", content_type)]
    answer = talk.request(served.port, "POST", path, body, length(body), *headers)
    assert answer.status == 415
    assert set(answer.json()) == {"error" if path == "/ask" else "detail"}


@pytest.mark.parametrize(
    "content_type",
    [b"application/json;charset=UTF-8", b"Application/JSON", b"application/vnd.api+json"],
)
def test_a_content_type_that_is_json_is_taken(served: Served, content_type: bytes) -> None:
    body = b'{"prompt": "Hello!"}'
    sent = ("content-type", content_type)
    assert talk.request(served.port, "POST", "/ask", body, length(body), sent).status == 200


# ── sessions, paths and methods ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/stream/nobody"),
        ("HEAD", "/stream/nobody"),
        ("GET", "/sessions/nobody"),
        ("DELETE", "/sessions/nobody"),
        ("POST", "/sessions/nobody/cancel"),
    ],
)
def test_an_unknown_session_is_404(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    if method != "HEAD":
        assert answer.json() == {"error": "Session not found or expired"}


def test_an_answer_to_an_unknown_session_is_404(client: httpx.Client) -> None:
    answer = client.post("/sessions/nobody/answer", json={"id": "q", "value": 1})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["/stream", "/stream/", "/stream/a/b", "/sessions", "/ask/x", "/x"]
)
def test_an_unknown_path_is_404(client: httpx.Client, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "PROPFIND"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


def test_a_busy_session_is_409(client: httpx.Client, session_id: str) -> None:
    talk.ask(client, "wait", session_id)
    for path, prompt in (("/ask", "prompt"), ("/api/chat/stream", "message")):
        answer = client.post(path, json={prompt: "Hello!", "session_id": session_id})
        assert answer.status_code == 409
    assert client.post(f"/sessions/{session_id}/cancel").status_code == 202

    idle = client.post(f"/sessions/{session_id}/cancel")
    assert (idle.status_code, idle.json()) == (409, {"error": "Nothing is running."})


def test_too_many_sessions_is_503_with_the_time_to_come_back(
    served: Served, session_id: str
) -> None:
    with talk.browse(f"{served.url}/small") as client:
        for number in range(3):
            talk.ask(client, "wait", f"{session_id}-{number}")
        refused = client.post("/ask", json={"prompt": "Hello!", "session_id": session_id})
        assert refused.status_code == 503
        assert re.fullmatch("[1-9][0-9]*", refused.headers["retry-after"])
        assert client.get(f"/sessions/{session_id}").status_code == 404
        for number in range(3):
            client.delete(f"/sessions/{session_id}-{number}")
        assert talk.text(talk.hear(client, talk.ask(client, "Hi!", session_id))) == "You said: Hi!"


ALLOWED = {
    "/health": "GET, HEAD, OPTIONS",
    "/ask": "POST, OPTIONS",
    "/stream/x": "GET, HEAD, OPTIONS",
    "/sessions/x": "GET, DELETE, HEAD, OPTIONS",
    "/sessions/x/cancel": "POST, OPTIONS",
    "/sessions/x/answer": "POST, OPTIONS",
    "/api/chat": "POST, OPTIONS",
    "/api/chat/stream": "POST, OPTIONS",
    "/api/agent/stream": "POST, OPTIONS",
}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_is_not_allowed_is_405_and_names_those_that_are(
    served: Served, path: str
) -> None:
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"}
    for method in methods - set(ALLOWED[path].split(", ")):
        with socket.create_connection(("127.0.0.1", served.port), talk.SECONDS) as connection:
            connection.sendall(f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            answer = talk.read(connection, method)
        assert (answer.status, answer.headers["allow"]) == (405, ALLOWED[path])
    options = talk.request(served.port, "OPTIONS", path)
    assert (options.status, options.headers["allow"]) == (204, ALLOWED[path])


def length(body: bytes) -> tuple[str, bytes]:
    return "content-length", b"%d" % len(body)
