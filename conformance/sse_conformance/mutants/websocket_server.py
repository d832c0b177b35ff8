"""A sound server of WebSockets, by hand, and an agent on it: what the mutants are made of.

It answers each prompt word by word, in the protocol of the profile "agent". A mutant is a
subclass: each thing that can be wrong is a method or an attribute of its own.
"""

import asyncio
import json
from base64 import b64encode
from hashlib import sha1
from typing import Any, ClassVar

from ..wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MAX_CONTROL,
    NAMES,
    PING,
    PONG,
    TEXT,
    RawFrame,
    close_code,
    close_payload,
    masked,
)
from .http import Asked, Fields, Refused, Wire, response_head
from .serving import cancelled, serve_forever

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
ILLEGAL = {1004, 1005, 1006, 1015}


class Failed(Exception):
    """The connection has to be failed: RFC 6455, 7.1.7."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Peer:
    """The server's side of one connection."""

    origins: ClassVar[frozenset[str]] = frozenset({"https://a.example"})
    limit: ClassVar[int] = 1 << 20  # bytes of a message
    pace: ClassVar[float] = 0.003  # seconds from word to word
    ping_seconds: ClassVar[float] = 20.0

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.has_closed = False
        self.parts: list[bytes] = []  # of the message that is incomplete
        self.kind: int | None = None  # its opcode
        self.prompts: asyncio.Queue[str] = asyncio.Queue(16)
        self.unanswered = 0  # prompts
        self.is_cancelled = False  # the turn that is under way, or else the next one
        self.has_pong = True
        self._sending = asyncio.Lock()

    @classmethod
    async def connect(cls, wire: Wire) -> None:
        """Serve one connection to its end."""
        await cls(wire).serve()

    @classmethod
    async def serve_forever(cls, host: str, port: int) -> None:
        """Serve here for ever."""
        await serve_forever(host, port, cls.connect)

    async def serve(self) -> None:
        """Shake hands, and then read frames until either side closes."""
        try:
            asked = await self.wire.request()
            if asked is None:
                return
            self.check_handshake(asked)
        except Refused as refused:
            fields = [*refused.fields, ("Content-Length", "0"), ("Connection", "close")]
            await self.wire.write(response_head(refused.status, fields))
            return
        await self.wire.write(response_head(101, self.accept_fields(asked)))
        await self.converse()

    async def converse(self) -> None:
        """Read, answer and ping until it is over."""
        tasks = [asyncio.create_task(each()) for each in (self.work, self.keep_alive)]
        try:
            while not self.has_closed and (frame := await self.read_frame()) is not None:
                await self.take(frame)
        except Failed as failed:
            await self.close(close_payload(failed.code, str(failed).encode()))
        finally:
            await cancelled(*tasks)

    # ── the handshake ───────────────────────────────────────────────────────────────────────

    def check_handshake(self, asked: Asked) -> None:
        """4.2.1. Raises `Refused`."""
        if asked.method != "GET":
            raise Refused(405, "GET, please", [("Allow", "GET")])
        if (asked.value("upgrade") or "").lower() != "websocket":
            raise Refused(426, "a WebSocket", [("Upgrade", "websocket")])
        self.check_version(asked)
        if not asked.value("sec-websocket-key"):
            raise Refused(400, "no key")
        self.check_origin(asked)

    def check_version(self, asked: Asked) -> None:
        """4.2.2: another version is told the right one."""
        if asked.value("sec-websocket-version") != "13":
            raise Refused(426, "version 13", [("Sec-WebSocket-Version", "13")])

    def check_origin(self, asked: Asked) -> None:
        """10.2."""
        origin = asked.value("origin")
        if origin is not None and origin not in self.origins:
            raise Refused(403, "not from this origin")

    def accept_fields(self, asked: Asked) -> Fields:
        """4.2.2, item 5."""
        key = (asked.value("sec-websocket-key") or "") + GUID
        accept = b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
        return [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept),
        ]

    # ── frames ──────────────────────────────────────────────────────────────────────────────

    async def read_frame(self) -> RawFrame | None:
        """The next frame; None if the client has left. Raises `Failed`."""
        head = await self.wire.exactly(2)
        if head is None:
            return None
        frame = RawFrame(
            opcode=head[0] & 0x0F,
            fin=bool(head[0] & 0x80),
            rsv=head[0] >> 4 & 7,
            masked=bool(head[1] & 0x80),
        )
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.wire.exactly(2 if size == 126 else 8) or b"", "big")
        self.check_frame(frame, size)
        key = await self.wire.exactly(4) if frame.masked else bytes(4)
        payload = await self.wire.exactly(size)
        if key is None or payload is None:
            return None
        return self.unmasked(frame, payload, key)

    def unmasked(self, frame: RawFrame, payload: bytes, key: bytes) -> RawFrame:
        """The frame with its payload."""
        return RawFrame(
            opcode=frame.opcode,
            payload=masked(payload, key),
            fin=frame.fin,
            rsv=frame.rsv,
            masked=frame.masked,
        )

    def check_frame(self, frame: RawFrame, size: int) -> None:
        """What its head tells. Raises `Failed`."""
        if not self.has_mask(frame):
            raise Failed(1002, "not masked")
        if not self.has_known_bits(frame) or frame.opcode not in NAMES:
            raise Failed(1002, "reserved")
        if frame.opcode >= CLOSE and not self.is_control(frame, size):
            raise Failed(1002, "no control frame")
        if size + sum(map(len, self.parts)) > self.limit:
            raise Failed(1009, "too long")

    def has_mask(self, frame: RawFrame) -> bool:
        """5.1."""
        return frame.masked

    def has_known_bits(self, frame: RawFrame) -> bool:
        """5.2."""
        return frame.rsv == 0

    def is_control(self, frame: RawFrame, size: int) -> bool:
        """5.5."""
        return frame.fin and size <= MAX_CONTROL

    async def take(self, frame: RawFrame) -> None:
        """Do what the frame asks for."""
        match frame.opcode:
            case 0x8:
                await self.take_close(frame.payload)
            case 0x9:
                await self.take_ping(frame.payload)
            case 0xA:
                self.has_pong = True
            case _:
                await self.take_data(frame)

    async def take_ping(self, payload: bytes) -> None:
        """5.5.2."""
        await self.send(RawFrame(opcode=PONG, payload=payload, masked=False))

    async def take_close(self, payload: bytes) -> None:
        """5.5.1."""
        if not self.is_legal_close(payload):
            raise Failed(1002, "no close code")
        self.decode(payload[2:])
        await self.close(payload)

    def is_legal_close(self, payload: bytes) -> bool:
        """7.4."""
        code = close_code(payload)
        if code is None:
            return not payload
        return (1000 <= code < 1015 and code not in ILLEGAL) or 3000 <= code < 5000

    async def take_data(self, frame: RawFrame) -> None:
        """5.4."""
        if (frame.opcode == CONTINUATION) != (self.kind is not None):
            raise Failed(1002, "out of order")
        self.kind = self.kind or frame.opcode
        self.parts.append(frame.payload)
        if frame.fin:
            kind, data = self.kind, b"".join(self.parts)
            self.kind, self.parts = None, []
            await self.take_message(kind, data)

    async def take_message(self, kind: int, data: bytes) -> None:
        """One message is complete."""
        if kind == BINARY:
            await self.take_binary()
        else:
            await self.take_text(self.decode(data))

    def decode(self, data: bytes) -> str:
        """8.1."""
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Failed(1007, "no UTF-8") from error

    async def send(self, frame: RawFrame) -> None:
        """Send one frame at a time, and nothing after a Close."""
        async with self._sending:
            if not self.has_closed:
                await self.put(frame)

    async def put(self, frame: RawFrame) -> None:
        """Write it, and wait until the client has kept up."""
        await self.wire.write(frame.encode())

    async def close(self, payload: bytes) -> None:
        """Send a Close, and nothing after it."""
        await self.send(RawFrame(opcode=CLOSE, payload=payload, masked=False))
        self.has_closed = True

    async def keep_alive(self) -> None:
        """Ping, and leave who does not answer."""
        while self.has_pong:
            await asyncio.sleep(self.ping_seconds)
            self.has_pong = False
            await self.send(RawFrame(opcode=PING, masked=False))
            await asyncio.sleep(self.ping_seconds)
        self.wire.abort()

    # ── the agent ───────────────────────────────────────────────────────────────────────────

    async def take_binary(self) -> None:
        await self.say(t="error", error="text, please")

    async def take_text(self, text: str) -> None:
        """A prompt, a cancellation, or nonsense."""
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError):
            return await self.refuse(text)
        match asked:
            case {"type": "cancel"}:
                await self.cancel()
            case {"prompt": str(prompt)} if prompt and not self.prompts.full():
                self.unanswered += 1
                self.prompts.put_nowait(prompt)
            case _:
                await self.refuse(text)
        return None

    async def refuse(self, text: str) -> None:
        """Say what was not understood."""
        await self.say(t="error", error=f"not understood: {text}")

    async def cancel(self) -> None:
        """Cancel the turn that is under way, if one is."""
        if self.unanswered:
            self.is_cancelled = True
        else:
            await self.say(t="error", error="nothing is under way")

    async def work(self) -> None:
        """Answer the prompts in their order."""
        while True:
            prompt = await self.prompts.get()
            await self.answer(f"You have asked: {prompt}".split(" "))
            self.is_cancelled = False
            self.unanswered -= 1
            await self.say(t="done")

    async def answer(self, words: list[str]) -> None:
        """One turn, with its end."""
        for word in words:
            if self.is_cancelled:
                return await self.end("cancelled")
            await self.say(t="text", c=f"{word} ")
            await asyncio.sleep(self.pace)
        return await self.end("complete")

    async def end(self, how: str) -> None:
        """What is terminal."""
        await self.say(t=how)

    async def say(self, **message: Any) -> None:
        """Send one message."""
        payload = json.dumps(message).encode()
        await self.send(RawFrame(opcode=TEXT, payload=payload, masked=False))
