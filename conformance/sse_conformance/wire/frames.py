"""WebSocket frames as bytes, legal or not: RFC 6455, 5.2. No I/O is done here.

They are written by hand, because a library refuses to build what a server has to refuse to take;
and read by hand, so that what is wrong with a frame is seen and not mended.
"""

import os
import struct
from dataclasses import dataclass, field

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NAMES = {
    CONTINUATION: "continuation",
    TEXT: "text",
    BINARY: "binary",
    CLOSE: "close",
    PING: "ping",
    PONG: "pong",
}
RSV1, RSV2, RSV3 = 4, 2, 1
MAX_CONTROL = 125  # 5.5: "All control frames MUST have a payload length of 125 bytes or less"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """One frame; its payload is not masked, whatever `masked` says of the wire."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    masked: bool = True  # 5.1: "a client MUST mask all frames that it sends to the server"

    def encode(self, *, length: int | None = None, key: bytes | None = None) -> bytes:
        """The frame as bytes. `length` is what it announces, where that is not what it has."""
        size = len(self.payload) if length is None else length
        first, mask = self.fin << 7 | self.rsv << 4 | self.opcode, self.masked << 7
        # "the minimal number of bytes MUST be used to encode the length"
        if size < 126:
            head = struct.pack("!BB", first, mask | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", first, mask | 126, size)
        else:
            head = struct.pack("!BBQ", first, mask | 127, size)
        if not self.masked:
            return head + self.payload
        if key is None:
            key = os.urandom(4)  # 5.3: "derived from a strong source of entropy"
        return head + key + masked(self.payload, key)


def fragments(*parts: bytes) -> list[RawFrame]:
    """5.4: one text message, in these parts."""
    last = len(parts) - 1
    return [
        RawFrame(opcode=CONTINUATION if number else TEXT, payload=part, fin=number == last)
        for number, part in enumerate(parts)
    ]


@dataclass(slots=True)
class FrameReader:
    """Cut bytes into frames, whatever these are."""

    _unread: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[RawFrame]:
        """The frames that `data` completes. What it leaves unfinished is kept."""
        self._unread += data
        frames: list[RawFrame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> RawFrame | None:
        place = place_of_payload(self._unread)
        if place is None or len(self._unread) < place.stop:
            return None
        first, second = self._unread[:2]
        payload = bytes(self._unread[place.start : place.stop])
        if second & 0x80:
            payload = masked(payload, bytes(self._unread[place.start - 4 : place.start]))
        del self._unread[: place.stop]
        return RawFrame(
            opcode=first & 0x0F,
            payload=payload,
            fin=bool(first & 0x80),
            rsv=first >> 4 & 7,
            masked=bool(second & 0x80),
        )


def place_of_payload(data: bytes | bytearray) -> slice | None:
    """Where the payload of the frame is that begins here; None if that is not told yet."""
    if len(data) < 2:
        return None
    size = data[1] & 127
    # "If 126, the following 2 bytes interpreted as a 16-bit unsigned integer are the payload
    # length. If 127, the following 8 bytes"
    extended = {126: 2, 127: 8}.get(size, 0)
    start = 2 + extended + (4 if data[1] & 0x80 else 0)
    if len(data) < start:
        return None
    if extended:
        size = int.from_bytes(data[2 : 2 + extended], "big")
    return slice(start, start + size)


def masked(payload: bytes, key: bytes) -> bytes:
    """5.3: "transformed-octet-i = original-octet-i XOR masking-key-octet-j".."""
    size = len(payload)
    repeated = (key * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(size, "big")


def close_payload(code: int | None, reason: bytes = b"") -> bytes:
    """5.5.1: "a 2-byte unsigned integer (in network byte order)", then the reason; or nothing."""
    return b"" if code is None else struct.pack("!H", code) + reason


def close_code(payload: bytes) -> int | None:
    """The status code of a Close frame; None without one."""
    return int.from_bytes(payload[:2], "big") if len(payload) > 1 else None
