"""What is recorded of one connection, whatever the server does with it."""

import socket
from time import perf_counter, sleep

import pytest

from sse_conformance.transcript import Dialogue
from sse_conformance.wire.frames import CLOSE, PING, PONG, TEXT, RawFrame, close_payload
from sse_conformance.wire.websocket import LIMIT, MOST_FRAMES, Talk, opening
from tests.conformance.websocket.scripted import (
    accepted,
    frame,
    frames,
    request,
    reset,
    scripted,
    until_it_leaves,
)
from tests.conformance.wire.servers import serving
from tests.serving import free_port

HELLO = RawFrame(opcode=TEXT, payload=b"hello")


def talk_to(url: str, patience: float = 5.0) -> Talk:
    return Talk(url, opening(url), patience)


def told(dialogue: Dialogue) -> list[tuple[bool, int, bytes]]:
    return [(each.sent, each.opcode, each.payload) for each in dialogue.frames]


def test_a_handshake_has_what_a_server_asks_for() -> None:
    fields = dict(opening("ws://127.0.0.1:8000/ws?a=b").fields)
    assert len(fields.pop(b"Sec-WebSocket-Key")) == 24
    assert fields.pop(b"User-Agent").startswith(b"sse-conformance/")
    assert fields == {
        b"Host": b"127.0.0.1:8000",
        b"Upgrade": b"websocket",
        b"Connection": b"Upgrade",
        b"Sec-WebSocket-Version": b"13",
    }


def test_a_handshake_can_lack_or_change_any_of_it() -> None:
    asked = opening(
        "ws://127.0.0.1/", fields=[("SEC-websocket-version", "12")], without=["sec-websocket-key"]
    )
    names = [name.lower() for name, _ in asked.fields]
    assert names.count(b"sec-websocket-version") == 1
    assert b"sec-websocket-key" not in names


def test_what_both_say_is_written_down() -> None:
    def script(connection: socket.socket) -> None:
        (heard,) = frames(connection, 1)
        connection.sendall(frame(TEXT, heard.payload))
        until_it_leaves(connection)

    with scripted(script) as url:
        talk = talk_to(url)
        talk.send(HELLO)
        answer = talk.wait(lambda each: each.opcode == TEXT)
        dialogue = talk.leave()
    assert answer is not None
    assert told(dialogue) == [(True, TEXT, b"hello"), (False, TEXT, b"hello")]
    assert [each.masked for each in dialogue.frames] == [True, False]
    assert (dialogue.end, dialogue.fault) == ("left", "")
    assert dialogue.handshake.head is not None
    assert dialogue.handshake.head.status == 101
    assert 0 <= dialogue.frames[0].at <= dialogue.frames[1].at <= dialogue.ended_at


def test_frames_that_come_with_the_handshake_are_not_lost() -> None:
    def handle(connection: socket.socket) -> None:
        connection.sendall(accepted(request(connection)) + frame(TEXT, b"early"))
        until_it_leaves(connection)

    with serving(handle) as url:
        talk = talk_to(url)
        assert talk.wait(lambda each: each.payload == b"early") is not None
        talk.leave()


def test_pings_and_a_close_are_answered_as_a_client_has_to() -> None:
    heard: list[RawFrame] = []

    def script(connection: socket.socket) -> None:
        connection.sendall(frame(PING, b"?") + frame(CLOSE, close_payload(1001, b"bye")))
        heard.extend(frames(connection, 2))

    with scripted(script) as url:
        talk = talk_to(url)
        talk.wait_for_end()
        dialogue = talk.leave()
    assert [(each.opcode, each.payload) for each in heard] == [(PONG, b"?"), (CLOSE, b"\x03\xe9")]
    assert dialogue.end == "closed"


def test_nothing_is_answered_where_that_is_the_plan() -> None:
    def script(connection: socket.socket) -> None:
        frames(connection, 1)
        connection.sendall(frame(PING, b"?"))
        frames(connection, 1)

    with scripted(script) as url:
        talk = talk_to(url)
        talk.answers = False
        talk.send(HELLO)
        assert talk.wait(lambda each: each.opcode == PING) is not None
        talk.send(HELLO)
        talk.wait_for_end()
        dialogue = talk.leave()
    hello = (True, TEXT, b"hello")
    assert told(dialogue) == [hello, (False, PING, b"?"), hello]


def test_what_was_said_before_we_sent_is_no_answer() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(frame(TEXT, b"first"))
        frames(connection, 1)
        connection.sendall(frame(TEXT, b"second"))
        until_it_leaves(connection)

    with scripted(script) as url:
        talk = talk_to(url)
        talk.wait(lambda each: each.payload == b"first")
        talk.send(HELLO)
        answer = talk.wait(lambda each: each.opcode == TEXT)
        talk.leave()
    assert answer is not None
    assert answer.payload == b"second"


def test_a_frame_can_leave_byte_by_byte() -> None:
    heard: list[RawFrame] = []

    def script(connection: socket.socket) -> None:
        heard.extend(frames(connection, 1))

    with scripted(script) as url:
        talk = talk_to(url)
        talk.send_slowly(HELLO)
        talk.wait_for_end()
        assert told(talk.leave()) == [(True, TEXT, b"hello")]
    assert [each.payload for each in heard] == [b"hello"]


def test_a_server_that_stays_is_left() -> None:
    with scripted(until_it_leaves) as url:
        talk = talk_to(url, 0.05)
        assert talk.wait(lambda each: True) is None
        assert talk.is_open
        talk.wait_for_end()
        assert talk.leave().end == "timeout"


def test_a_reset_is_told_from_a_close() -> None:
    with scripted(reset) as url:
        talk = talk_to(url)
        talk.wait_for_end()
        assert talk.leave().end == "reset"


def test_what_was_said_before_a_reset_is_read_all_the_same() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(frame(TEXT, b"last words"))
        reset(connection)

    with scripted(script) as url:
        talk = talk_to(url)
        while talk.send_bytes(HELLO.encode()):  # until the reset has arrived
            sleep(0.01)
        dialogue = talk.leave()
    assert (False, TEXT, b"last words") in told(dialogue)
    assert dialogue.end == "reset"
    assert talk.send_bytes(b"more") == 0


def test_nothing_is_sent_to_who_has_left() -> None:
    with scripted(lambda connection: None) as url:
        talk = talk_to(url)
        talk.wait_for_end()
        talk.send(HELLO)
        assert told(talk.leave()) == []


def test_a_server_that_takes_nothing_is_not_waited_for() -> None:
    def script(connection: socket.socket) -> None:
        sleep(0.5)

    with scripted(script) as url:
        talk = talk_to(url, 0.2)
        size = 64 << 20
        began = perf_counter()
        assert 0 < talk.send_bytes(bytes(size)) < size
        assert perf_counter() - began < 5
        assert talk.is_open
        talk.leave()


@pytest.mark.parametrize(
    "said", [frame(TEXT, bytes(LIMIT)), frame(PONG) * (MOST_FRAMES + 2)], ids=["bytes", "frames"]
)
def test_there_is_a_limit_to_what_is_kept(said: bytes) -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(said)
        until_it_leaves(connection)

    with scripted(script) as url:
        talk = talk_to(url)
        talk.wait_for_end()
        assert talk.leave().end == "limit"


def test_what_is_poured_out_is_counted_and_forgotten() -> None:
    def script(connection: socket.socket) -> None:
        frames(connection, 1)
        connection.sendall(bytes(1 << 20))
        until_it_leaves(connection)

    with scripted(script) as url:
        talk = talk_to(url)
        talk.send(HELLO)
        half = talk.pour_out(0.2, 5.0, 1 << 19)
        assert half >= 1 << 19
        assert half + talk.pour_out(0.2, 5.0, 1 << 30) == 1 << 20
        assert talk.pour_out(0.2, 0.0, 1) == 0  # no time
        assert told(talk.leave()) == [(True, TEXT, b"hello")]
    assert talk.pour_out(0.2, 5.0, 1) == 0


def test_one_who_never_stops_talking_is_heard_out_for_so_long_only() -> None:
    def script(connection: socket.socket) -> None:
        while True:
            connection.sendall(frame(TEXT, b"and"))
            sleep(0.01)

    with scripted(script) as url:
        talk = talk_to(url, 0.1)
        talk.hear_out(5.0)
        assert talk.leave().end == "left"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (RawFrame(opcode=TEXT, payload=b"x").encode(), "masked"),
        (b"\x81\x7e\x00\x01x", "1 would have sufficed"),
        (frame(CLOSE) + frame(TEXT, b"x"), ""),
    ],
    ids=["masked", "too long a length", "after a close"],  # the mask is another one every time
)
def test_another_reader_says_what_is_wrong(said: bytes, fault: str) -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(said)

    with scripted(script) as url:
        talk = talk_to(url)
        talk.wait_for_end()
        assert fault in talk.leave().fault


def test_the_first_thing_wrong_is_told() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(RawFrame(opcode=TEXT, payload=b"x").encode())
        frames(connection, 1)
        connection.sendall(frame(CLOSE, b"\x03"))

    with scripted(script) as url:
        talk = talk_to(url)
        talk.wait(lambda each: True)
        talk.send(HELLO)
        talk.wait_for_end()
        assert "masked" in talk.leave().fault


def test_a_refusal_is_an_exchange() -> None:
    def handle(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with serving(handle) as url:
        talk = talk_to(url)
        assert (talk.is_open, talk.has_failed) == (False, True)
        dialogue = talk.leave()
    assert dialogue.handshake.head is not None
    assert dialogue.handshake.head.status == 403
    assert (dialogue.end, dialogue.frames) == ("failed", ())


def test_no_answer_ends_in_time() -> None:
    with serving(until_it_leaves) as url:
        talk = talk_to(url, 0.1)
        assert talk.has_failed
        assert talk.leave().handshake.end == "timeout"


def test_no_connection_is_an_exchange_too() -> None:
    talk = talk_to(f"ws://127.0.0.1:{free_port()}/ws")
    dialogue = talk.leave()
    assert dialogue.handshake.end == dialogue.end == "failed"
    assert "ConnectionRefusedError" in dialogue.handshake.fault
