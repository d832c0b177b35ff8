"""Servers that do with each connection what a function says, byte by byte."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

Handle: TypeAlias = Callable[[socket.socket], None]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSED = HEAD + b"\r\n"


@contextmanager
def serving(handle: Handle, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on a free port of the loopback interface: the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            secure = connection
            if context is not None:
                secure = context.wrap_socket(connection, server_side=True)
                opened.append(secure)
            with secure:
                handle(secure)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                opened.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    scheme = "http" if context is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/stream"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for connection in opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in threads:
            thread.join()


def request(connection: socket.socket) -> bytes:
    """The head of the next request, and what came with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            return received
        received += data
    return received


def saying(*pieces: bytes) -> Handle:
    """Read a request, say all this, and close."""

    def handle(connection: socket.socket) -> None:
        request(connection)
        for piece in pieces:
            connection.sendall(piece)

    return handle


def waiting(*pieces: bytes) -> Handle:
    """Say all this, and then nothing more until the client leaves."""

    def handle(connection: socket.socket) -> None:
        saying(*pieces)(connection)
        wait(connection)

    return handle


def wait(connection: socket.socket) -> None:
    """Return when the client has left."""
    while connection.recv(65536):
        continue


def reset(connection: socket.socket) -> None:
    """Close the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
