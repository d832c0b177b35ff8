"""What these tests say to a server, and hear: by httpx, websockets and bare sockets."""

import json
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import httpx
from h2.connection import H2Connection
from h2.events import ResponseReceived
from websockets.sync.client import ClientConnection, connect
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, TextMessage
from wsproto.events import Request as Handshake

from asgi_agent.sse import Event, EventStreamDecoder
from tests.serving import Served

SECONDS = 10  # an answer that takes longer never comes

# What a host program or asyncio writes when an application, or a task of it, goes wrong.
COMPLAINTS = (
    "never retrieved",
    "never awaited",
    "was destroyed",
    "Exception in ASGI application",
    "Error in ASGI Framework",
    "ASGI callable returned",
    "Unclosed",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that was read to its end."""

    status: int
    headers: dict[str, str]  # by their names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def browse(url: str) -> httpx.Client:
    """A client whose paths are relative to `url`."""
    return httpx.Client(base_url=url, verify=False, timeout=SECONDS, trust_env=False)


def ask(client: httpx.Client, prompt: str, session_id: str | None = None) -> str:
    """Start a turn: the absolute URL of its event stream."""
    response = client.post("/ask", json={"prompt": prompt, "session_id": session_id})
    assert response.status_code == 200, response.text
    return str(response.url.join(response.json()["stream_url"]))


def hear(client: httpx.Client, url: str, after: str | None = None) -> list[Event]:
    """The event stream, to its end."""
    decoder = EventStreamDecoder()
    events: list[Event] = []
    headers = {} if after is None else {"last-event-id": after}
    patience = time.monotonic() + 2 * SECONDS
    with client.stream("GET", url, headers=headers) as response:
        assert response.status_code == 200
        for chunk in response.iter_raw():
            events += decoder.feed(chunk)
            assert time.monotonic() < patience, "the stream has no end"
    return events


def decode(body: bytes) -> list[Event]:
    """The events of a stream that was read to its end."""
    return EventStreamDecoder().feed(body)


def text(events: Sequence[Event]) -> str:
    """What the agent says in these events."""
    return "".join(json.loads(event.data)["content"] for event in events if event.event == "text")


def numbers(count: int) -> str:
    """What the agent says when it counts."""
    return "".join(f"{number} " for number in range(count))


def witnessed(url: str, line: str, seconds: float = 5.0) -> float:
    """How long it takes until the agent has noted this."""
    began = time.monotonic()
    parts = urlsplit(url)
    with browse(f"{parts.scheme}://{parts.netloc}") as client:
        while line not in client.get("/witness").json():
            waited = time.monotonic() - began
            assert waited < seconds, f"{line!r} was not noted within {seconds} s"
            time.sleep(0.01)
    return time.monotonic() - began


def noted(url: str, session_id: str) -> list[str]:
    """What the agent has noted of this session."""
    with browse(url) as client:
        lines: list[str] = client.get("/witness").json()
    return [line.split(" ")[0] for line in lines if line.endswith(f" {session_id}")]


def complaints(served: Served) -> list[str]:
    """The lines of the server's output that tell of an application that went wrong."""
    output = served.output()
    return [line for line in output.split("\n") if any(each in line for each in COMPLAINTS)]


# ── bare sockets ─────────────────────────────────────────────────────────────────────────────


def request(
    port: int, method: str, target: str, body: bytes = b"", *headers: tuple[str, bytes]
) -> Answer:
    """Send a request, whatever is in its headers."""
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target.encode()), b"host: 127.0.0.1:%d" % port]
    lines += [b"%b: %b" % (name.encode(), value) for name, value in headers]
    return exchange(port, b"\r\n".join([*lines, b"connection: close", b"", body]))


def exchange(port: int, sent: bytes) -> Answer:
    """Send these bytes on a connection of their own, and read the response."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(sent)
        return read(connection)


def read(connection: socket.socket, method: str | None = None) -> Answer:
    """The next response, to its end."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


@contextmanager
def listen(
    url: str, after: str | None = None, *, reset: bool = False, window: int | None = None
) -> Iterator[HTTPResponse]:
    """An event stream to read from, by `read1`, and to leave early: with a FIN, or a reset."""
    parts = urlsplit(url)
    with socket.socket() as connection:
        if window is not None:  # before the connection is made, or the kernel has promised more
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.settimeout(SECONDS)
        connection.connect((parts.hostname or "", parts.port or 0))
        resuming = "" if after is None else f"last-event-id: {after}\r\n"
        head = f"GET {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n{resuming}\r\n"
        connection.sendall(head.encode())
        with HTTPResponse(connection) as response:
            response.begin()
            assert response.status == 200
            yield response
            if reset:  # closing then sends RST in place of FIN
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@contextmanager
def unread_http_2(url: str, trusting: ssl.SSLContext) -> Iterator[None]:
    """A GET over HTTP/2 whose client never widens the window of 65,535 bytes that it has to begin.

    RFC 9113, 6.9.2. httpx widens it by 16 MiB, and then it is TCP that holds the server back.
    """
    parts = urlsplit(url)
    trusting.set_alpn_protocols(["h2"])
    protocol = H2Connection()
    protocol.initiate_connection()
    head = [(":method", "GET"), (":scheme", parts.scheme), (":authority", parts.netloc)]
    protocol.send_headers(1, [*head, (":path", parts.path)], end_stream=True)
    with (
        socket.create_connection((parts.hostname or "", parts.port or 0), SECONDS) as bare,
        trusting.wrap_socket(bare, server_hostname=parts.hostname) as connection,
    ):
        connection.sendall(protocol.data_to_send())
        begun = False
        while not begun:
            events = protocol.receive_data(connection.recv(1 << 16))
            begun = any(isinstance(event, ResponseReceived) for event in events)
        yield


# ── WebSockets ───────────────────────────────────────────────────────────────────────────────


def open_socket(url: str, **options: Any) -> ClientConnection:
    """A WebSocket to this URL of a server."""
    options = {
        "proxy": None,
        "open_timeout": SECONDS,
        "close_timeout": 2,
        "max_queue": None,
        **options,
    }
    return connect(url.replace("http", "ws", 1), **options)


@contextmanager
def unread_socket(url: str, message: str, window: int = 1 << 16) -> Iterator[None]:
    """A WebSocket whose client sends one message, reads nothing, and leaves without a word."""
    parts = urlsplit(url)
    protocol = WSConnection(ConnectionType.CLIENT)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.settimeout(SECONDS)
        connection.connect((parts.hostname or "", parts.port or 0))
        connection.sendall(protocol.send(Handshake(host=parts.netloc, target=parts.path)))
        protocol.receive_data(connection.recv(1 << 16))
        assert isinstance(next(protocol.events()), AcceptConnection)
        connection.sendall(protocol.send(TextMessage(message)))
        yield


def send(socket: ClientConnection, **message: Any) -> None:
    """Send one JSON object."""
    socket.send(json.dumps(message))


def receive(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(socket.recv(SECONDS))
    return message


def turn(socket: ClientConnection, prompt: str | None = None, **more: Any) -> list[dict[str, Any]]:
    """The messages of one turn, with its `done`; a `prompt` starts it."""
    if prompt is not None:
        send(socket, prompt=prompt, **more)
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["t"] != "done":
        heard.append(receive(socket))
    return heard


def words(messages: Sequence[dict[str, Any]]) -> str:
    """What the agent says in these messages."""
    return "".join(message["c"] for message in messages if message["t"] == "text")


def lesson_turn(socket: ClientConnection, content: str | None = None) -> list[dict[str, Any]]:
    """The messages of one turn in the lesson dialect; `content` starts it."""
    if content is not None:
        send(socket, type="message", content=content)
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] not in ("done", "cancelled", "error"):
        heard.append(receive(socket))
    return heard
