"""What a client may send on a WebSocket by mistake or on purpose: its connection is kept."""

import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.hosts import talk
from tests.serving import Served

DEEP = "[" * 200_000
TOO_BIG = 1009  # RFC 6455, 7.4.1
NOT_UTF8 = 1007
NO_CLOSE = 1006  # a host that breaks the connection in place of saying so

pytestmark = pytest.mark.usefixtures("bystander")


BAD_MESSAGES = {
    "not JSON": "Hello!",
    "nothing": "",
    "an array": "[1]",
    "a number": "5",
    "null": "null",
    "an empty object": "{}",
    "an empty prompt": '{"prompt": ""}',
    "a prompt that is a number": '{"prompt": 5}',
    "a session ID that is a number": '{"prompt": "Hello!", "session_id": 5}',
    "half a surrogate pair": r'{"prompt": "\ud83d"}',
    "an unknown type": '{"type": "zzz", "prompt": "Hello!"}',
    "a type that is a number": '{"type": 5}',
    "a type that is an object": '{"type": {}}',
    "an answer without its ID": '{"type": "answer", "value": 1}',
    "an answer that nobody has asked for": '{"type": "answer", "id": "q", "value": 1}',
    "a cancel of nothing": '{"type": "cancel"}',
    "a resume of nothing": '{"type": "resume"}',
    "a resume of an unknown session": '{"type": "resume", "session_id": "nobody"}',
    "a message without its content": '{"type": "message"}',
    "a message whose content is a number": '{"type": "message", "content": 5}',
    "200,000 arrays": DEEP,
    "200,000 arrays in a prompt": f'{{"prompt": {DEEP}',
    "binary": b"\x00\xff",
    "JSON in binary": b'{"prompt": "Hello!"}',
    "no bytes": b"",
    "2 MB of text": "x" * 2_000_000,
    "2 MB of prompt": json.dumps({"prompt": "x" * 2_000_000}),
    "2 MB of message": json.dumps({"type": "message", "content": "x" * 2_000_000}),
    "2 MB of binary": b"x" * 2_000_000,
    "2 MB in characters of two bytes": "\u00e9" * 600_000,
}


@pytest.mark.parametrize("path", ["/ws", "/ws/agent"])
@pytest.mark.parametrize("message", BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_a_message_that_is_not_understood_is_answered_and_the_connection_kept(
    served: Served, path: str, message: str | bytes
) -> None:
    with talk.open_socket(f"{served.url}{path}") as websocket:
        for _ in range(2):
            websocket.send(message)
            refused = talk.receive(websocket)
            assert refused.pop("t" if path == "/ws" else "type") == "error"
            assert len(refused.pop("error" if path == "/ws" else "content")) < 500
            assert refused == {}
        if path == "/ws":
            assert talk.words(talk.turn(websocket, "Hello!")) == "You said: Hello!"
        else:
            talk.send(websocket, type="message", content="Hello!")
            assert talk.receive(websocket)["type"] == "status"


@pytest.mark.parametrize("path", ["/ws", "/ws/agent"])
def test_bad_messages_do_not_disturb_a_turn_that_is_under_way(
    served: Served, session_id: str, path: str
) -> None:
    with talk.open_socket(f"{served.url}{path}") as websocket:
        start: dict[str, Any] = {"prompt": "count 2000", "session_id": session_id}
        if path == "/ws/agent":
            start = {"type": "message", "content": "count 2000", "session_id": session_id}
        talk.send(websocket, **start)
        for message in BAD_MESSAGES.values():
            if message not in (BAD_MESSAGES["a cancel of nothing"], b"", b"\x00\xff") and not (
                isinstance(message, bytes)  # while a run goes on, binary is for the agent's inbox
            ):
                websocket.send(message)
        said = ""
        while not said.endswith("1999 "):
            heard = talk.receive(websocket)
            if heard.get("t") == "text":
                said += heard["c"]
            elif heard.get("type") == "token":
                said += heard["content"]
        assert said == "".join(f"{number} " for number in range(2000))


def test_a_message_of_17_mb_closes_its_connection_only(
    served: Served, bystander: ClientConnection
) -> None:
    for message in ("x" * (17 << 20), b"x" * (17 << 20)):
        with talk.open_socket(f"{served.url}/ws") as websocket:
            assert code_that_closes(websocket, message) in (TOO_BIG, NO_CLOSE)
        assert talk.words(talk.turn(bystander, "Hello!")) == "You said: Hello!"


def test_text_that_is_not_utf_8_closes_its_connection_only(
    served: Served, bystander: ClientConnection
) -> None:
    with talk.open_socket(f"{served.url}/ws") as websocket:
        code = code_that_closes(websocket, b'{"prompt": "\xff"}', text=True)
        assert code in (NOT_UTF8, NO_CLOSE)
    assert talk.words(talk.turn(bystander, "Hello!")) == "You said: Hello!"


def test_prompts_beyond_those_that_may_wait_are_refused(served: Served) -> None:
    with talk.open_socket(f"{served.url}/ws") as websocket:
        for _ in range(40):
            talk.send(websocket, prompt="count 100")
        refused, turns = 0, 0
        while refused + turns < 40:
            heard = talk.receive(websocket)
            turns += heard["t"] == "done"
            if heard["t"] == "error":
                assert heard["error"] == "Too many prompts are waiting."
                refused += 1
        assert 16 <= turns < 40


@pytest.mark.parametrize("path", ["/", "/ws/x", "/ws/agent/x", "/ask", "/stream/x", "/%"])
def test_a_websocket_to_an_unknown_path_is_404(served: Served, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, talk.open_socket(f"{served.url}{path}"):
        pass
    assert refused.value.response.status_code == 404


def code_that_closes(
    websocket: ClientConnection, message: str | bytes, *, text: bool | None = None
) -> int | None:
    """The close code with which the server answers the message."""
    with suppress(ConnectionClosed):
        websocket.send(message, text=text)
        answered = websocket.recv(talk.SECONDS)
        raise AssertionError(f"the connection is open: {answered!r}")
    return websocket.close_code
