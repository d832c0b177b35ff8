"""What went wrong in the lesson's server, tried on ours: each test is named after one."""

import json

import httpx
import pytest

from tests.hosts import talk
from tests.serving import Served


@pytest.mark.parametrize("prompt", ["wait", "tick", "babble"])
def test_s1_cancel_works_at_once_and_is_told_once(
    served: Served, session_id: str, prompt: str
) -> None:
    with talk.open_socket(f"{served.url}/ws/agent") as websocket:
        talk.send(websocket, type="message", content=prompt, session_id=session_id)
        while talk.receive(websocket)["type"] != "token":
            pass
        talk.send(websocket, type="cancel")
        *said, cancelled = talk.lesson_turn(websocket)

        assert cancelled == {"type": "cancelled", "content": "Agent execution cancelled"}
        assert {message["type"] for message in said} <= {"token"}
        assert talk.witnessed(served.url, f"ended {session_id}") < 1
        assert talk.lesson_turn(websocket, "Hello!") == [
            {"type": "status", "content": "Thinking..."},  # and no `done` before it
            {"type": "token", "content": "You said: "},
            {"type": "token", "content": "Hello!"},
            {"type": "done", "content": "You said: Hello!"},
        ]


def test_s2_a_cancel_of_nothing_is_an_error(served: Served) -> None:
    with talk.open_socket(f"{served.url}/ws/agent") as websocket:
        for _ in range(2):
            talk.send(websocket, type="cancel")
            assert talk.receive(websocket) == {"type": "error", "content": "Nothing is running."}
            assert talk.lesson_turn(websocket, "Hello!")[-1]["type"] == "done"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("{", "Invalid JSON"),
        ("[1]", "Expected a JSON object"),
        ('{"type": "message"}', "Invalid request: content: Field required"),
        ('{"type": "zzz"}', "Unknown event type: zzz"),
        (b"\x00\x01", "Expected a text message"),
    ],
)
def test_s4_bad_input_is_answered_and_the_connection_kept(
    served: Served, sent: str | bytes, answered: str
) -> None:
    with talk.open_socket(f"{served.url}/ws/agent") as websocket:
        websocket.send(sent)
        assert talk.receive(websocket) == {"type": "error", "content": answered}
        assert talk.lesson_turn(websocket, "Hello!")[-1]["type"] == "done"


def test_s3_an_exception_is_told_in_band(client: httpx.Client) -> None:
    for path in ("/api/chat/stream", "/api/agent/stream"):
        with client.stream("POST", path, json={"message": "fail"}) as response:
            assert response.status_code == 200
            said = [json.loads(line[6:]) for line in response.iter_lines() if line[:6] == "data: "]
        assert said == [
            {"type": "status", "content": "Thinking..."},
            {"type": "token", "content": "So far, so good."},
            {"type": "error", "content": "The agent failed."},
        ]
