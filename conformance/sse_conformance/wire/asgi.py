"""One call of an ASGI application in this process, under a host that does as a plan says.

No socket, no thread: `receive` and `send` are ours, and so is the clock.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from ..transcript import End, Message, Piece
from .messages import ASGIMessage, bytes_of, faults_of, is_last, taken

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[ASGIMessage]]
Send: TypeAlias = Callable[[ASGIMessage], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[object]]

GRACE = 10.0  # seconds that the application has to end, once it should
MOST_SENDS = 2_000  # in one call, and then the client leaves
MOST_BYTES = 1 << 22
MOST_MESSAGES = 3 * MOST_SENDS  # on record: each may be sent, and be received or have returned
SHOWN = 400  # characters of a message
INSTANT = 1e-6  # seconds: less is due now
ANYTHING = ""


class Disconnected(OSError):
    """What `send` raises on a closed connection: since 2.4, "a subclass of OSError"."""


@dataclass(frozen=True, slots=True)
class Stimulus:
    """What happens to the application, and when: in a `send`, counted from 1, or at a time.

    "leave": the client leaves, after this send (0: before the application begins); further ones are
    ignored. "fail": it raises, as do all further ones. "cancel": it never returns, and the host
    cancels the application's task.
    """

    kind: Literal["leave", "fail", "cancel"]
    send: int | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A message that the application may receive, so many seconds after the one before it."""

    message: ASGIMessage
    after: float = 0.0
    waits_for: str = ANYTHING  # a type that the application has to send first


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the host behaves in one call."""

    name: str
    scope: Scope
    inbox: tuple[Given, ...]
    farewell: ASGIMessage | None  # None: there is none, and the application waits for ever
    window: float  # seconds until the client leaves
    stimulus: Stimulus | None = None
    latency: tuple[float, ...] = ()  # seconds that a send takes, one after another, and again
    end: End = "left"  # what becomes of a response that has not ended within the window


class Connection:
    """The host's side of one call: what it hands out, what it takes, and all of it on record."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.messages: list[Message] = []
        self.pieces: list[Piece] = []
        self.start: tuple[float, ASGIMessage] | None = None
        self.overlaps: list[str] = []
        self.raised: list[OSError] = []
        self.sends = 0
        self.is_complete = False  # the response, or the WebSocket
        self.left: Literal["", "stimulus", "window", "limit"] = ""
        self.left_at: float | None = None
        self.struck_at: float | None = None  # when the stimulus came
        self.late_sends = 0  # after that
        self._loop = asyncio.get_running_loop()
        self.turn = self._loop.create_future()  # done when the stimulus came, or the client left
        self._handed: list[tuple[ASGIMessage, ASGIMessage]] = []
        self._inbox = deque(plan.inbox)
        self._due: float | None = None  # the time of its first message
        self._began = self._loop.time()
        self._bytes = 0
        self._sent_types = {ANYTHING}
        self._in_send: dict[int, float] = {}
        self._changed = asyncio.Event()

    def now(self) -> float:
        """Seconds since the call began."""
        return self._loop.time() - self._began

    # ── the application's end ───────────────────────────────────────────────────────────────

    async def receive(self) -> ASGIMessage:
        """What the client sends next, then that it has left."""
        await asyncio.sleep(0)  # it never returns without letting others run
        while not self.is_over or self.plan.farewell is None:
            pause = self._pause()
            if pause == 0 and not self.is_over:
                self._due = None
                return self._hand(self._inbox.popleft().message)
            await self._change(pause)
        # "Sent to the application if receive is called after a response has been sent or after the
        # HTTP connection has been closed": again and again, as some hosts do.
        return self._hand(self.plan.farewell)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to say, for one of the two."""
        return bool(self.left) or self.is_complete

    def _pause(self) -> float | None:
        """Seconds until the next message may be received; None until something has changed."""
        if self.is_over or not self._inbox:
            return None
        if self._inbox[0].waits_for not in self._sent_types:
            return None
        if self._due is None:
            self._due = self.now() + self._inbox[0].after
        rest = self._due - self.now()
        return rest if rest > INSTANT else 0

    def _hand(self, message: ASGIMessage) -> ASGIMessage:
        kind: str = message["type"]
        self._keep(Message(at=self.now(), what="receive", detail=shown(message), type=kind))
        handed = dict(message)
        self._handed.append((message, handed))
        return handed

    async def send(self, message: ASGIMessage) -> None:
        """Take one message of the application."""
        self.sends += 1
        number = self.sends
        self._note_overlap(number)
        self._in_send[number] = self.now()
        seen = taken(message)
        self._record(shown(message), seen)
        kind = str(seen.get("type", ""))
        try:
            await self._pass(number, seen)
        except BaseException as error:
            self._note("raised", kind, shown(error))
            raise
        finally:
            del self._in_send[number]
        self._note("sent", kind)

    async def _pass(self, number: int, message: ASGIMessage) -> None:
        stimulus = self.plan.stimulus
        planned = stimulus is not None and stimulus.send is not None and number >= stimulus.send
        if self.struck_at is not None:
            self.late_sends += 1
        if stimulus is not None and stimulus.kind == "fail" and (planned or self.left):
            self.strike()
            self.raised.append(Disconnected("the client has left"))
            await asyncio.sleep(0)
            raise self.raised[-1]
        await asyncio.sleep(0)  # as above: else a loop of sends would stop the time
        if self.left:
            return  # "the send awaitable callable should act as a no-op"
        self._deliver(message)
        if stimulus is not None and planned and self.struck_at is None:
            self.strike()
            if stimulus.kind == "cancel":
                await asyncio.Event().wait()
        if self.plan.latency and not self.left:
            await self._change_or(self.plan.latency[(number - 1) % len(self.plan.latency)])

    # ── the client's end ────────────────────────────────────────────────────────────────────

    def strike(self) -> None:
        """Let the stimulus happen, if it has not yet."""
        stimulus = self.plan.stimulus
        if stimulus is None or self.struck_at is not None:
            return
        self.struck_at = self.now()
        if stimulus.kind != "cancel":
            self.leave("stimulus")
        self._turn()

    def leave(self, why: Literal["stimulus", "window", "limit"]) -> None:
        """Disconnect."""
        if not self.left:
            self.left, self.left_at = why, self.now()
            self._turn()
            self._tell()

    def put(self, message: ASGIMessage) -> None:
        """Let the application receive this too."""
        self._inbox.append(Given(message))
        self._tell()

    def sent(self, *types: str) -> bool:
        """Whether the application has sent a message of one of these types."""
        return not self._sent_types.isdisjoint(types)

    async def until(self, *types: str, seconds: float) -> bool:
        """Wait until it has, but no longer than that."""
        end = self.now() + seconds
        while not self.sent(*types) and (rest := end - self.now()) > INSTANT:
            await self._change(rest)
        return self.sent(*types)

    def mutated(self) -> Iterator[str]:
        """What the application has altered in the messages that it was handed."""
        for place, (original, handed) in enumerate(self._handed):
            if original != handed:
                yield f"message {place} was {shown(original)} and is {shown(handed)}"

    def _deliver(self, message: ASGIMessage) -> None:
        kind = message.get("type")
        self._sent_types.add(str(kind))
        if kind == "http.response.start" and self.start is None:
            self.start = (self.now(), message)
        if kind == "http.response.body" and not self.is_complete:
            data = bytes_of(message)
            self._bytes += len(data)
            if data:
                self.pieces.append(Piece(self.now(), data))
            self.is_complete = is_last(message)
        if kind in {"websocket.close", "lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
            self.is_complete = True
        if self.sends >= MOST_SENDS or self._bytes >= MOST_BYTES:
            self.leave("limit")
        self._tell()

    # ── the record ──────────────────────────────────────────────────────────────────────────

    def _record(self, detail: str, seen: ASGIMessage) -> None:
        self._keep(
            Message(
                at=self.now(),
                what="send",
                detail=detail,
                type=str(seen.get("type", "")),
                is_last=is_last(seen),
                faults=faults_of(seen),
            )
        )

    def _note(self, what: Literal["sent", "raised"], kind: str, detail: str = "") -> None:
        self._keep(Message(at=self.now(), what=what, detail=detail, type=kind))

    def _keep(self, message: Message) -> None:
        if len(self.messages) < MOST_MESSAGES:
            self.messages.append(message)

    def _note_overlap(self, number: int) -> None:
        for other, since in self._in_send.items():
            self.overlaps.append(
                f"send {number} at {self.now():.3f} s, while send {other} of {since:.3f} s waits"
            )

    async def _change(self, seconds: float | None = None) -> None:
        """Wait until something may have changed, or for so long."""
        timer = None if seconds is None else self._loop.call_later(seconds, self._tell)
        try:
            await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _change_or(self, seconds: float) -> None:
        """Wait for so long, unless the client leaves."""
        end = self.now() + seconds
        while not self.left and (rest := end - self.now()) > INSTANT:
            await self._change(rest)

    def _turn(self) -> None:
        if not self.turn.done():
            self.turn.set_result(None)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def shown(value: object) -> str:
    """The message, or what it is, as a reader sees it."""
    if isinstance(value, dict):  # a body of megabytes is not written out, only to be cut then
        message = cast("ASGIMessage", value)
        value = {key: _begin(content) for key, content in message.items()}
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _begin(content: object) -> object:
    return content[:SHOWN] if isinstance(content, str | bytes) else content
