"""Record what a server answers over HTTP/1, on raw sockets. All of this blocks, and always ends.

Nothing is mended, followed, retried or hidden, and nothing is raised for what a server does: that
is all in the `Exchange`. Several may be recorded at once, in threads.
"""

import selectors
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, sleep
from types import TracebackType
from typing import Self, TypeAlias

from ..transcript import End, Exchange, Request
from .place import Place, ask, place_of, written
from .response import ResponseReader

LIMIT = 4 * 1024 * 1024  # of what is received in one exchange
PIECE = 64 * 1024
# When we leave as planned: so many seconds after the request, or as soon as this is true of the
# content so far. It is asked when the head has come and after each piece, and may not keep it.
StopAfter: TypeAlias = float | Callable[[bytearray], bool]


def record(
    url: str,
    request: Request | None = None,
    *,
    raw: bytes | None = None,
    seconds: float = 5.0,
    stop_after: StopAfter | None = None,
    pause: float = 0.0,
    linger: float = 0.0,
    limit: int = LIMIT,
    rcvbuf: int | None = None,
    half_close: bool = False,
    context: ssl.SSLContext | None = None,
) -> Exchange:
    """Send one request (or these raw bytes in its place) and record what comes.

    It takes `seconds` at most: then we leave, and the exchange's end is "timeout". For `pause`
    seconds after the head nothing is read; for `linger` seconds after the end of the response we
    look whether more comes. With `half_close`, our side of the connection is closed once the
    request is sent. `rcvbuf` is the size of the socket's receive buffer.
    """
    asked = request or ask(url)
    began = perf_counter()
    try:
        connection = Connection(url, seconds=seconds, rcvbuf=rcvbuf, context=context)
    except OSError as error:
        return failed(asked, error, perf_counter() - began)
    with connection:
        connection.send(written(asked) if raw is None else raw, seconds=seconds)
        if half_close:
            connection.half_close()
        return connection.receive(
            asked,
            seconds=seconds,
            stop_after=stop_after,
            pause=pause,
            linger=linger,
            limit=limit,
        )


class Connection:
    """A connection to the server of a URL: for several requests, or for odd ones.

    Raises `OSError` if there is none within `seconds`.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = 5.0,
        rcvbuf: int | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.place = place_of(url)
        self._left_over = b""  # was received after the response before
        self._sent_at = perf_counter()
        self._socket = _connect(self.place, seconds, rcvbuf, context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def sock(self) -> socket.socket:
        """The socket itself, for who speaks another protocol on it after the response."""
        return self._socket

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Close it so that the server sees a reset."""
        reset_when_closed(self._socket)
        self._socket.close()

    def half_close(self) -> None:
        """Close our side of it. Over TLS, the server sees the end of the TCP stream only."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the server was faster, and `receive` will tell

    def acknowledge_at_once(self) -> None:
        """Do so for what comes next, where the system can: a server may wait for it (Nagle)."""
        option = getattr(socket, "TCP_QUICKACK", None)
        if option is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, option, 1)

    def send(self, data: bytes, *, seconds: float = 5.0) -> None:
        """Send these bytes, or what of them the server takes. Its time begins now."""
        self._sent_at = perf_counter()
        unsent = memoryview(data)
        try:
            while unsent and (left := self._sent_at + seconds - perf_counter()) > 0:
                self._socket.settimeout(left)
                unsent = unsent[self._socket.send(unsent[:PIECE]) :]
                # "A client sending a message body SHOULD monitor the network connection for an
                # error response while it is transmitting the request" (RFC 9112, 9.3)
                if unsent and self._is_answering(left):
                    return
        except OSError:
            return  # there may be an answer all the same

    def receive(
        self,
        request: Request,
        *,
        seconds: float = 5.0,
        stop_after: StopAfter | None = None,
        pause: float = 0.0,
        linger: float = 0.0,
        limit: int = LIMIT,
    ) -> Exchange:
        """Record the response to this request, which was sent before; the next one, if several.

        If the response has come to its end, another request may follow.
        """
        reader = ResponseReader(request)
        plan = _Plan(seconds, stop_after, limit)
        if self._left_over:
            reader.receive(self._left_over, self._now)
        end = plan.end(reader)
        while end is None:
            if pause > 0 and reader.head is not None:
                sleep(pause)
                pause = 0.0
            end = self._receive_piece(reader, *plan.until(reader)) or plan.end(reader)
        ended_at = self._now
        while end == "complete" and reader.size < limit:
            if self._receive_piece(reader, ended_at + linger, "left") is not None:
                break
        self._left_over = reader.trailing
        return reader.exchange(end, ended_at)

    def _receive_piece(self, reader: ResponseReader, until: float, why: End) -> End | None:
        """Read what comes at once; `why` says what it means if nothing comes `until` then."""
        left = until - self._now
        if left <= 0:
            return why
        try:
            self._socket.settimeout(left)
            data = self._socket.recv(PIECE)
        except TimeoutError:
            return why
        except OSError as error:
            reader.fault = reader.fault or _told(error)
            return "reset"
        if not data:
            reader.receive_end()
            return "closed" if reader.head is not None else "failed"
        reader.receive(data, self._now)
        return None

    @property
    def _now(self) -> float:
        """The seconds since the request was sent."""
        return perf_counter() - self._sent_at

    def _is_answering(self, seconds: float) -> bool:
        """Wait until we may send or read, and tell whether we may read."""
        if self.place.is_secure:
            return False  # a session ticket may be all there is to read
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
            return any(events & selectors.EVENT_READ for _, events in selector.select(seconds))


@dataclass(frozen=True, slots=True)
class _Plan:
    """When we leave."""

    seconds: float
    stop_after: StopAfter | None
    limit: int

    def until(self, reader: ResponseReader) -> tuple[float, End]:
        """How long we read, and what it means that we have to leave then."""
        if isinstance(self.stop_after, int | float) and self.stop_after <= self.seconds:
            return self.stop_after, "timeout" if reader.head is None else "left"
        return self.seconds, "timeout"

    def end(self, reader: ResponseReader) -> End | None:
        """Why there is no more to read, if there is not."""
        if reader.is_complete:
            return "complete"
        if reader.fault:
            return "failed" if reader.head is None else "left"
        if reader.size >= self.limit:
            return "limit"
        if reader.head is not None and callable(self.stop_after):
            return "left" if self.stop_after(reader.content) else None
        return None


def _connect(
    place: Place, seconds: float, rcvbuf: int | None, context: ssl.SSLContext | None
) -> socket.socket:
    addresses = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    refusal = OSError(f"no address of {place.host}")
    for family, kind, protocol, _, address in addresses:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(seconds / len(addresses))
            if rcvbuf is not None:  # before we connect: the window is announced then
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
            if place.is_secure:
                trust = context or ssl.create_default_context()
                connection = trust.wrap_socket(connection, server_hostname=place.host)
        except OSError as error:
            connection.close()
            refusal = error
        else:
            return connection
    raise refusal


def reset_when_closed(connection: socket.socket) -> None:
    """Have the other side see a reset when this socket is closed."""
    no_lingering = struct.pack("ii", 1, 0)  # on, for 0 seconds
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)


def failed(request: Request, error: OSError, at: float = 0.0) -> Exchange:
    """The exchange for which there was no connection."""
    end: End = "timeout" if isinstance(error, TimeoutError) else "failed"
    return Exchange(request=request, end=end, ended_at=at, fault=_told(error))


def _told(error: OSError) -> str:
    return f"{type(error).__name__}: {error}"
