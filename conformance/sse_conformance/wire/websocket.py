"""One WebSocket connection from outside: every frame is written down with its time.

All of this blocks, and always ends. Nothing is raised for what a server does: that is all in the
`Dialogue`. RFC 6455: https://www.rfc-editor.org/rfc/rfc6455
"""

import os
from base64 import b64encode
from collections.abc import Callable, Collection
from time import perf_counter

from wsproto.frame_protocol import FrameProtocol, ParseFailed

from ..transcript import Dialogue, End, Exchange, Frame, Request
from .frames import CLOSE, MAX_CONTROL, PING, PONG, FrameReader, RawFrame
from .http1 import Connection
from .place import Pairs, ask, replaced, written

LIMIT = 4 * 1024 * 1024  # of what is received on one connection
MOST_FRAMES = 10_000
PIECE = 64 * 1024
NOT_OURS = ("accept", "cache-control", "accept-encoding")  # they are for event streams


def opening(
    url: str,
    *,
    method: str = "GET",
    fields: Pairs = (),
    without: Collection[str] = (),
) -> Request:
    """The opening handshake of 4.1, but for what is said otherwise; see `ask`."""
    own = [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        # "a nonce consisting of a randomly selected 16-byte value that has been base64-encoded"
        (b"Sec-WebSocket-Key", b64encode(os.urandom(16))),
        (b"Sec-WebSocket-Version", b"13"),
    ]
    sent = replaced(own, fields, without)
    return ask(url, method=method, fields=sent, without=[*without, *NOT_OURS])


class Talk:
    """One connection, from its handshake on.

    The server's pings and its Close are answered, as a client has to, unless `answers` is false.
    """

    def __init__(
        self, url: str, request: Request, patience: float, *, rcvbuf: int | None = None
    ) -> None:
        self.patience = patience  # seconds
        self.answers = True
        self.frames: list[Frame] = []
        self.end: End | None = None
        self.has_closed = False  # we have sent a Close
        self._sent_at = 0  # so many frames were there when we last sent
        self._lost: End = "closed"  # what it means that there is nothing more to read
        self._ended_at = 0.0
        self._size = 0
        self._fault = ""
        self._reader = FrameReader()
        self._second_reader = FrameProtocol(client=True, extensions=[])
        self._connection: Connection | None = None
        self._began = perf_counter()
        self.handshake = self._shake_hands(url, request, rcvbuf)

    @property
    def is_open(self) -> bool:
        """The handshake has succeeded, and nobody has left."""
        return self.end is None

    @property
    def has_failed(self) -> bool:
        """There never was a WebSocket."""
        return self.end == "failed"

    def send(self, *frames: RawFrame) -> None:
        """Send these frames at once: in one segment, where they fit."""
        self._sent_at = len(self.frames)
        if self.is_open:
            self._send_now(*frames)

    def send_bytes(self, data: bytes) -> int:
        """Send these bytes, or what of them the server takes in time; how many that was."""
        unsent = memoryview(data)
        deadline = perf_counter() + self.patience
        while unsent and self._connection is not None and self.end is None:
            try:
                self._connection.sock.settimeout(max(deadline - perf_counter(), 0.001))
                unsent = unsent[self._connection.sock.send(unsent[:PIECE]) :]
            except TimeoutError:
                break
            except OSError:
                self._lost = "reset"  # which is told once, and then never again
                self._hear_last_words()
        return len(data) - len(unsent)

    def send_slowly(self, frame: RawFrame) -> None:
        """Send this frame byte by byte: each leaves in a segment of its own."""
        self._sent_at = len(self.frames)
        for byte in frame.encode():
            self.send_bytes(bytes([byte]))
        self._write_down(frame, sent=True)

    def wait(self, wanted: Callable[[Frame], bool], seconds: float | None = None) -> Frame | None:
        """The first wanted frame from the server since we last sent; None if there is none."""
        deadline = perf_counter() + (self.patience if seconds is None else seconds)
        place = self._sent_at
        while True:
            for frame in self.frames[place:]:
                if not frame.sent and wanted(frame):
                    return frame
            place = len(self.frames)
            if not self.listen(deadline - perf_counter()):
                return None

    def listen(self, seconds: float) -> bool:
        """Read once. False if that is over: nothing came in time, or nothing will."""
        if self._connection is None or self.end is not None or seconds <= 0:
            return False
        data = self._receive(self._connection, seconds)
        self._take(data)
        return bool(data)

    def hear_out(self, quiet: float) -> None:
        """Read until nothing comes for so long, or it takes too much time."""
        deadline = perf_counter() + self.patience
        while self.listen(min(quiet, deadline - perf_counter())):
            continue

    def pour_out(self, quiet: float, seconds: float, most: int) -> int:
        """Read and forget, until nothing comes, or it is too long or too much: how much it was."""
        count = 0
        deadline = perf_counter() + seconds
        while self._connection is not None and self.end is None and count < most:
            left = min(quiet, deadline - perf_counter())
            data = self._receive(self._connection, left) if left > 0 else b""
            if not data:
                break
            count += len(data)
        return count

    def wait_for_end(self, seconds: float | None = None) -> None:
        """Read until the server closes the connection; if it does not, the end is "timeout"."""
        self.wait(lambda frame: False, seconds)
        self.give_up()

    def give_up(self) -> None:
        """What we have waited for does not come: the end is "timeout", unless there was another."""
        self._finish("timeout")

    def leave(self) -> Dialogue:
        """Close the connection, if that is not done, and tell all that was written down."""
        self._finish("left")
        if self._connection is not None:
            self._connection.close()
        return Dialogue(
            handshake=self.handshake,
            frames=tuple(self.frames),
            end=self.end or "left",
            ended_at=self._ended_at,
            fault=self._fault,
        )

    @property
    def _now(self) -> float:
        """The seconds since the request was sent."""
        return perf_counter() - self._began

    def _finish(self, end: End) -> None:
        if self.end is None:
            self.end, self._ended_at = end, self._now

    def _hear_last_words(self) -> None:
        """The server has left. What it has said before may still be read."""
        self.hear_out(self.patience)
        self._finish("reset")

    def _shake_hands(self, url: str, request: Request, rcvbuf: int | None) -> Exchange:
        try:
            self._connection = Connection(url, seconds=self.patience, rcvbuf=rcvbuf)
        except OSError as error:
            self._finish("failed")
            fault = f"{type(error).__name__}: {error}"
            return Exchange(request=request, end="failed", ended_at=self._now, fault=fault)
        self._began = perf_counter()
        self._connection.send(written(request), seconds=self.patience)
        exchange = self._connection.receive(
            request,
            seconds=self.patience,
            stop_after=lambda content: True,  # the head
        )
        if exchange.status != 101:
            self._finish("failed")
        else:
            self._take(exchange.content)  # of frames there may be some already
        return exchange

    def _receive(self, connection: Connection, seconds: float) -> bytes:
        """What comes in this time; nothing, if nothing does."""
        try:
            connection.sock.settimeout(seconds)
            data = connection.sock.recv(PIECE)
        except TimeoutError:
            return b""
        except OSError:
            self._finish("reset")
            return b""
        if not data:
            self._finish(self._lost)
        return data

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        self._hear_second_reader(data)
        for raw in self._reader.feed(data):
            self._write_down(raw, sent=False)
            self._answer(raw)
        if self._size > LIMIT or len(self.frames) > MOST_FRAMES:
            self._finish("limit")

    def _answer(self, raw: RawFrame) -> None:
        if not self.answers or self.has_closed:
            return
        # 5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response";
        # 5.5.1: of a Close frame, "the endpoint MUST send a Close frame in response".
        if raw.opcode == PING:
            self._send_now(RawFrame(opcode=PONG, payload=raw.payload[:MAX_CONTROL]))
        elif raw.opcode == CLOSE:
            self._send_now(RawFrame(opcode=CLOSE, payload=raw.payload[:2]))

    def _send_now(self, *frames: RawFrame) -> None:
        for each in frames:
            self._write_down(each, sent=True)
            self.has_closed = self.has_closed or each.opcode == CLOSE
        self.send_bytes(b"".join(each.encode() for each in frames))

    def _write_down(self, raw: RawFrame, *, sent: bool) -> None:
        frame = Frame(
            at=self._now,
            sent=sent,
            opcode=raw.opcode,
            payload=raw.payload,
            fin=raw.fin,
            rsv=raw.rsv,
            masked=raw.masked,
        )
        self.frames.append(frame)

    def _hear_second_reader(self, data: bytes) -> None:
        """What wsproto, who reads frames too, has to say against these."""
        if self._fault:
            return
        try:
            self._second_reader.receive_bytes(data)
            for _ in self._second_reader.received_frames():
                continue
        except ParseFailed as error:
            self._fault = str(error)
