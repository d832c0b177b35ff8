"""One WebSocket: what may be received and sent in which state is a table.

https://asgi.readthedocs.io/en/latest/specs/www.html#websocket
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum

from ..errors import (
    BodyTooLarge,
    ClientDisconnected,
    InvalidMessage,
    UsageError,
    WebSocketDisconnected,
)
from .types import Headers, Message, Receive, Scope, Send

CLOSE_SECONDS = 2.0  # some hosts never return from the last `send` on a broken connection
SENDS_PER_TURN = 16  # then others get a turn, even where `send` never waits
REASON_BYTES = 123  # RFC 6455, 5.5: a control frame carries 125 bytes, and the code takes two

NO_CODE = 1005  # RFC 6455, 7.1.5: "if this Close control frame contains no status code"
NO_CLOSE = (
    1006  # RFC 6455, 7.1.5: the connection is closed "and no Close control frame was received"
)


class State(StrEnum):  # of strings, whose hash costs nothing: every message looks up the table
    """Where a WebSocket is in its life."""

    NEW = "new"  # `websocket.connect` has not been read
    CONNECTING = "connecting"  # neither accepted nor denied
    DENYING = "denying"  # the HTTP response to a denied handshake has begun
    OPEN = "open"
    CLOSED = "closed"


TRANSITIONS: dict[tuple[State, str], State] = {  # all that is not here is forbidden
    # what the host says
    (State.NEW, "websocket.connect"): State.CONNECTING,
    (State.OPEN, "websocket.receive"): State.OPEN,
    (State.CLOSED, "websocket.receive"): State.CLOSED,  # it crossed our close, and is dropped
    (State.NEW, "websocket.disconnect"): State.CLOSED,
    (State.CONNECTING, "websocket.disconnect"): State.CLOSED,
    (State.DENYING, "websocket.disconnect"): State.CLOSED,
    (State.OPEN, "websocket.disconnect"): State.CLOSED,
    (State.CLOSED, "websocket.disconnect"): State.CLOSED,
    # what we say
    (State.CONNECTING, "websocket.accept"): State.OPEN,
    (State.CONNECTING, "websocket.close"): State.CLOSED,  # the host answers 403
    (State.CONNECTING, "websocket.http.response.start"): State.DENYING,
    (State.DENYING, "websocket.http.response.body"): State.CLOSED,
    (State.OPEN, "websocket.send"): State.OPEN,
    (State.OPEN, "websocket.close"): State.CLOSED,
}


class WebSocket:
    """The application's side of one WebSocket.

    Accept it or deny it; then one task may receive while any number send. Once the connection is
    over, whoever ended it, `receive` and the sends raise `ClientDisconnected` with the close code
    as `.code`, and the host is asked nothing more. A cancellation passes through every method
    untouched.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, max_message_bytes: int = 1 << 20
    ) -> None:
        if max_message_bytes < 1:
            raise UsageError(f"max_message_bytes is at least 1: {max_message_bytes}")
        self.max_message_bytes = max_message_bytes
        self._scope = scope
        self._receive = receive
        self._send = send
        self._state = State.NEW
        self._sends = 0
        self._farewell = (NO_CLOSE, "")  # the code and reason that ended the connection
        self._receiver: asyncio.Task[object] | None = None  # the task that is in `receive`
        self._stopped: asyncio.Event | None = None  # set when our close has ended that

    @property
    def state(self) -> State:
        return self._state

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """The subprotocols that the client offers, the one it likes best first."""
        return tuple(self._scope.get("subprotocols") or ())

    async def accept(self, subprotocol: str | None = None) -> None:
        """Open the connection, with one of the offered subprotocols or with none."""
        # RFC 6455, 4.1: the client must fail a connection whose subprotocol it did not offer; and
        # some hosts raise here, or end.
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise InvalidMessage(f"{subprotocol!r} is not offered: {self.subprotocols}")
        await self._connect()
        headers: Headers = []  # daphne and granian would drop them
        await self._say(
            {"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers}
        )

    async def deny(
        self, status: int = 403, *, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> None:
        """Refuse the handshake, with this response where the host can send one, else with 403.

        Does nothing where the connection is over.
        """
        if self._state is State.OPEN:
            raise InvalidMessage("an accepted WebSocket cannot be denied: close it")
        with suppress(ClientDisconnected, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connect()
                if "websocket.http.response" in (self._scope.get("extensions") or {}):
                    await self._respond(status, headers, body)
                else:
                    await self._say({"type": "websocket.close", "code": 1000, "reason": ""})

    async def receive(self) -> str | bytes:
        """The client's next message.

        A message that is too long raises `BodyTooLarge`: it is gone, the connection stays open.
        """
        if self._state not in (State.OPEN, State.CLOSED):
            raise InvalidMessage(f"the WebSocket is {self._state}: accept it, then receive")
        message = await self._next()
        text, data = message.get("text"), message.get("bytes")  # hypercorn: both, one is None
        content: str | bytes | None = data if text is None else text
        if content is None:
            raise InvalidMessage("the host's websocket.receive has neither text nor bytes")
        if _size(content) > self.max_message_bytes:
            raise BodyTooLarge(f"a message may have {self.max_message_bytes} bytes")
        return content

    async def send_text(self, text: str) -> None:
        """Send one text message. It cannot be empty: some hosts drop those in silence."""
        if not text.isascii():
            _check_utf8(text)
        await self._send_message("text", text)

    async def send_bytes(self, data: bytes) -> None:
        """Send one binary message. It cannot be empty either."""
        await self._send_message("bytes", data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; before `accept`, deny it. Any number of times, from any task.

        A `receive` under way in another task ends with `ClientDisconnected`. What fails here has
        nobody left to be told: this neither raises nor takes longer than two seconds.
        """
        # RFC 6455, 7.4: the registered codes between are the protocol's own, and daphne refuses
        # even those that a server may send.
        if code != 1000 and not 3000 <= code <= 4999:
            raise InvalidMessage(f"a close code is 1000 or from 3000 to 4999: {code}")
        if self._state in (State.DENYING, State.CLOSED):
            return
        with suppress(ClientDisconnected, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connect()
                self._farewell = (code, _cut(reason))
                await self._say({"type": "websocket.close", "code": code, "reason": _cut(reason)})

    async def _connect(self) -> None:
        """Read `websocket.connect`, which comes before everything else."""
        if self._state is State.NEW:
            await self._next()

    async def _next(self) -> Message:
        """What the host says next. After a disconnect some hosts hang: they are never asked."""
        self._check_alive()
        message = await self._received()
        self._move(message["type"])
        if message["type"] == "websocket.disconnect":
            # "code (int) -- ... Defaults to 1005"; daphne sends None
            self._farewell = (message.get("code") or NO_CODE, message.get("reason") or "")
        self._check_alive()
        return message

    async def _received(self) -> Message:
        task = asyncio.current_task()
        if task is None or self._receiver is not None:
            # Two receivers would race for the messages, and some hosts wake only one of them.
            raise InvalidMessage("a WebSocket is received from by one task at a time")
        cancelling = task.cancelling()
        self._receiver = task
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if self._stopped is None or task.cancelling() > cancelling + 1:
                raise  # somebody else's
            raise WebSocketDisconnected(*self._farewell) from None
        except Exception as error:
            raise self._lost() from error
        finally:
            self._receiver = None
            if self._stopped is not None:
                task.uncancel()
                self._stopped.set()

    async def _stop_receiving(self) -> None:
        """End a `receive` under way: granian sends no close before that has returned."""
        if self._receiver is not None:
            self._stopped = asyncio.Event()
            self._receiver.cancel()
            await self._stopped.wait()

    async def _send_message(self, kind: str, content: str | bytes) -> None:
        if not content:
            raise InvalidMessage("a message is not empty")
        self._sends += 1
        if self._sends % SENDS_PER_TURN == 0:
            # After a disconnect some hosts ignore what is sent, without a pause: then nobody
            # would get a turn to hear of the disconnect, and the whole server would freeze.
            await asyncio.sleep(0)
        await self._say({"type": "websocket.send", kind: content})

    async def _respond(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> None:
        sized = [*headers, (b"content-length", str(len(body)).encode())]
        await self._say(
            {"type": "websocket.http.response.start", "status": status, "headers": sized}
        )
        # One message: granian takes no second one.
        await self._say({"type": "websocket.http.response.body", "body": body, "more_body": False})

    async def _say(self, message: Message) -> None:
        self._check_alive()
        self._move(message["type"])
        if self._state is State.CLOSED:
            await self._stop_receiving()
        try:
            await self._send(message)
        except Exception as error:  # OSError by the specification; hosts raise others too
            raise self._lost() from error

    def _lost(self) -> WebSocketDisconnected:
        self._move("websocket.disconnect")
        return WebSocketDisconnected(*self._farewell)

    def _check_alive(self) -> None:
        if self._state is State.CLOSED:
            raise WebSocketDisconnected(*self._farewell)

    def _move(self, kind: str) -> None:
        state = TRANSITIONS.get((self._state, kind))
        if state is None:
            raise InvalidMessage(f"{kind} is not allowed: the WebSocket is {self._state}")
        self._state = state


def _size(content: str | bytes) -> int:
    if isinstance(content, str) and not content.isascii():
        return len(content.encode(errors="surrogatepass"))
    return len(content)


def _check_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # the host would raise, and look as if the client had left
        raise InvalidMessage(f"a text message is valid Unicode: {error}") from error


def _cut(reason: str) -> str:
    """The longest beginning of `reason` that a close frame carries, in whole characters."""
    return reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")
