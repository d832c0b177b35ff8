"""The load generator: plain sockets, large reads, no parsing, so that it outruns the bare loop."""

import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Self, TypeAlias

from .servers import Server

READ_BYTES = 1 << 20
SILENCE_SECONDS = 30

Tap: TypeAlias = Callable[[memoryview], None]  # sees each read


class Connections:
    """Many connections to one server, read side by side."""

    def __init__(self, server: Server) -> None:
        self._port = server.port
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self._heard: set[int] = set()
        self._polls = self._reads = 0
        self._buffer = memoryview(bytearray(READ_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._open):
            self._close(number)
        self._poll.close()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def load(self) -> float:
        """How often there was something to read when we looked: near 1, we are too slow."""
        return self._reads / self._polls

    def open(self, request: bytes) -> None:
        """Connect, and send this."""
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request)
        self._open[connection.fileno()] = connection
        self._poll.register(connection, select.EPOLLIN)

    def send(self, data: bytes) -> None:
        """Send this on every connection."""
        for connection in self._open.values():
            connection.sendall(data)

    def hear_all(self) -> None:
        """Wait until each connection has said something since it was opened."""
        silent = set(self._open) - self._heard
        while silent:
            for number, _ in self._ready():
                self._receive(number)
                silent.discard(number)
        self._heard = set(self._open)

    def read_to_end(self, tap: Tap) -> None:
        """Read until the server has closed all connections."""
        while self._open:
            for number, _ in self._ready():
                data = self._receive(number)
                if data:
                    tap(data)
                else:
                    self._close(number)

    def read_answers(self, end: bytes, tap: Tap, more: Iterable[bytes] = ()) -> None:
        """Read answers, each of which ends a read with `end`, and send what is asked next."""
        requests = iter(more)
        while self._open:
            for number, _ in self._ready():
                data = self._receive(number)
                if not data:
                    raise ConnectionError("the server closed a connection that was to be kept")
                tap(data)
                if data[-len(end) :] == end:
                    request = next(requests, None)
                    if request is None:
                        self._close(number)
                    else:
                        self._open[number].sendall(request)

    def reads_in(self, seconds: float) -> int:
        """Read for so long; how many reads there were, each of one heartbeat."""
        reads, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for number, _ in self._poll.poll(0):
                self._receive(number)
                reads += 1
        return reads

    def _ready(self) -> list[tuple[int, int]]:
        """The connections that can be read; we turn until there are some.

        A reader that slept would have to be woken, by the server's processor: the slower the
        server, the more often. That is twice the cost of an event, paid by some subjects only.
        """
        until = time.monotonic() + SILENCE_SECONDS
        while time.monotonic() < until:
            self._polls += 1
            if ready := self._poll.poll(0):
                self._reads += 1
                return ready
        raise TimeoutError(f"{len(self)} connections have been silent for {SILENCE_SECONDS} s")

    def _receive(self, number: int) -> memoryview:
        return self._buffer[: self._open[number].recv_into(self._buffer)]

    def _close(self, number: int) -> None:
        self._poll.unregister(number)
        self._open.pop(number).close()
        self._heard.discard(number)


def get(path: str, *, keep: bool = False) -> bytes:
    """A GET request; without `keep` its response ends with the connection."""
    how = "keep-alive" if keep else "close"
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: {how}\r\n\r\n".encode()


def post(path: str, content: str) -> bytes:
    """A POST request with JSON, on a connection that is kept."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n{content}".encode()


def upgrade(path: str) -> bytes:
    """The opening handshake of a WebSocket (RFC 6455, 1.3, whose key it uses)."""
    head = (
        f"GET {path} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    )
    key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    return (head + key).encode()


def text_message(text: str) -> bytes:
    """One text message of a client, masked with zeros (RFC 6455, 5.3)."""
    content = text.encode()
    return struct.pack("!BBH4x", 0x81, 0x80 | 126, len(content)) + content
