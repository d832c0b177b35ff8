"""Handshakes and dialogues, made by hand."""

from dataclasses import replace

from sse_conformance.conversation import PROBE
from sse_conformance.transcript import Dialogue, End, Exchange, Fields, Frame, Head, Request
from sse_conformance.wire.frames import CLOSE, PING, PONG, TEXT, close_payload

KEY = (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==")  # RFC 6455, 1.3
VERSION = (b"Sec-WebSocket-Version", b"13")
ACCEPTED = (
    ("Upgrade", "WebSocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
)


def shaken(
    status: int = 101,
    *fields: tuple[str, str],
    method: str = "GET",
    asked: Fields = (KEY, VERSION),
) -> Exchange:
    """A handshake with this response."""
    given = tuple((name.encode(), value.encode()) for name, value in fields)
    return Exchange(
        request=Request(method=method, target="/ws", fields=asked),
        head=Head(at=0.01, status=status, http="1.1", fields=given),
        end="left",
        ended_at=0.02,
    )


def unanswered(end: End = "timeout") -> Exchange:
    """A handshake without a response."""
    return replace(shaken(), head=None, end=end)


def sent(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> Frame:
    """A frame of ours."""
    return Frame(at=0, sent=True, opcode=opcode, payload=payload, fin=fin, rsv=rsv, masked=True)


def got(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> Frame:
    """A frame of the server's."""
    return Frame(at=0, sent=False, opcode=opcode, payload=payload, fin=fin, rsv=rsv)


def asks(text: str) -> Frame:
    return sent(TEXT, text.encode())


def says(text: str) -> Frame:
    return got(TEXT, text.encode())


def closes(code: int | None = 1000, reason: bytes = b"") -> Frame:
    """A Close of the server's."""
    return got(CLOSE, close_payload(code, reason))


def we_close(code: int | None = 1000, reason: bytes = b"") -> Frame:
    return sent(CLOSE, close_payload(code, reason))


def dialogue(
    *frames: Frame, end: End = "left", handshake: Exchange | None = None, ended_at: float = 9.0
) -> Dialogue:
    """These frames, a tenth of a second apart."""
    timed = tuple(replace(frame, at=0.1 * number) for number, frame in enumerate(frames, 1))
    return Dialogue(
        handshake=handshake or shaken(101, *ACCEPTED), frames=timed, end=end, ended_at=ended_at
    )


PROBING = sent(PING, PROBE)
STILL_THERE = got(PONG, PROBE)
