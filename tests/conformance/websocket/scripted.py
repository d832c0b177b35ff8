"""WebSocket servers that do, after a sound handshake, what a function says, byte by byte."""

import socket
import struct
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha1
from typing import TypeAlias

from sse_conformance.wire.frames import FrameReader, RawFrame
from tests.conformance.wire.servers import serving

Script: TypeAlias = Callable[[socket.socket], None]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def scripted(script: Script) -> AbstractContextManager[str]:
    """Accept each handshake that has a key, carry out the script, and close: the URL."""

    def handle(connection: socket.socket) -> None:
        head = request(connection)
        if b"Sec-WebSocket-Key" in head:
            connection.sendall(accepted(head))
            script(connection)

    return serving(handle)


def request(connection: socket.socket) -> bytes:
    """The head of the request."""
    head = b""
    while b"\r\n\r\n" not in head and (data := connection.recv(4096)):
        head += data
    return head


def accepted(head: bytes) -> bytes:
    """101."""
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    digest = sha1(lines[b"Sec-WebSocket-Key"] + GUID).digest()
    fields = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*fields, b"Sec-WebSocket-Accept: " + b64encode(digest), b"", b""])


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """One of the server's."""
    return RawFrame(opcode=opcode, payload=payload, masked=False).encode()


def frames(connection: socket.socket, count: int) -> list[RawFrame]:
    """The client's next frames, at least so many; fewer if it leaves."""
    reader, read = FrameReader(), list[RawFrame]()
    while len(read) < count and (data := connection.recv(4096)):
        read += reader.feed(data)
    return read


def until_it_leaves(connection: socket.socket) -> None:
    """Take what comes."""
    while connection.recv(1 << 16):
        continue


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
