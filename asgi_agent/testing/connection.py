"""One call of the application, seen from both ends: what it receives, what it has sent."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Iterable

from ..asgi.types import ASGIApp, Message, Scope
from .behaviour import Behaviour
from .clock import Leak, describe
from .rules import BODIES, ProtocolViolation, Rules

GRACE = 5.0  # seconds an application gets to end after the client has left
AT_ONCE = 10_000  # calls that no application makes without letting others run


class Connection:
    """An application at work on one scope, and a pipe in each direction.

    The app's end is `receive` and `send`; the client's is `put`, `read` and `leave`.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        *,
        inbox: Iterable[Message],
        farewell: Message,
        behaviour: Behaviour,
        notes: list[str],
    ) -> None:
        self.behaviour = behaviour
        self.rules = Rules(scope)
        self.left = False
        self._scope = scope
        self._http = scope["type"] == "http"
        self._inbox = deque(inbox)
        self._outbox = deque[Message]()
        self._held = deque[Message]()  # what the host has, but has not written yet
        self._farewell = farewell
        self._told = self._cut = self._receiving = self._sending = False
        self._unread = self._sent = self._bodies = self._this_turn = 0
        self._notes = notes
        self._change = asyncio.Event()
        self._name = f"app {scope['type']} {scope.get('path', '')}".rstrip()
        # A context of its own: what the test sets in its context, a real client could not.
        context = contextvars.Context()
        self.task = asyncio.create_task(self._serve(app), name=self._name, context=context)
        self.task.add_done_callback(lambda _: self._changed())

    async def _serve(self, app: ASGIApp) -> None:
        await app(self._scope, self.receive, self.send)
        finished = self.left or self.rules.done
        self.rules.require(finished, f"the app returned {self.rules.state.value}, unfinished")

    # The application's end.

    async def receive(self) -> Message:
        """What the client sends, then that it has left."""
        self.rules.require(not self._receiving, "receive() was called while another one waits")
        if self._told:
            self._count()
            self._note("receive() after the disconnect hangs on some hosts")
        self._receiving = True
        try:
            await self._until(self._something_to_receive)
        except asyncio.CancelledError:
            self._cut = self.behaviour.false_disconnect_after_cancel and self._http
            raise
        finally:
            self._receiving = False
        if self._inbox:
            return self._inbox.popleft()
        self._told = True
        return dict(self._farewell)

    def _something_to_receive(self) -> bool:
        if self._told and self.behaviour.receive_hangs_after_disconnect:
            return False
        return bool(self._inbox) or self.left or self.rules.done or self._cut

    async def send(self, message: Message) -> None:
        """Take a message for the client; wait while the client has too much to read."""
        self._count()
        overlaps = self._sending and self._http
        self.rules.require(not overlaps, "send() was called while another one waits")
        self.rules.check(message)
        self._fail_if_asked()
        if self.left:
            return  # ignored, and without a suspension: so do all hosts, whatever 2.4 says
        self._deliver(message)
        if self.behaviour.send_blocks:
            self._sending = True
            try:
                await self._until(self._has_room)
            finally:
                self._sending = False

    def _note(self, note: str) -> None:
        if (named := f"{self._name}: {note}") not in self._notes:
            self._notes.append(named)

    def _count(self) -> None:
        """Refuse to be frozen: a loop of calls that never suspend lets nothing else run."""
        if not self._this_turn:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._this_turn += 1
        rule = f"{AT_ONCE} calls without letting others run: this freezes a host"
        self.rules.require(self._this_turn <= AT_ONCE, rule)

    def _next_turn(self) -> None:
        self._this_turn = 0

    def _fail_if_asked(self) -> None:
        self._sent += 1
        error, at = self.behaviour.send_error, self.behaviour.send_error_at
        if error is not None and (self.left if at is None else self._sent >= at):
            self.leave()
            raise error

    def _deliver(self, message: Message) -> None:
        self._held.append(message)
        self._unread += size(message)
        self._bodies += message["type"] in {*BODIES, "websocket.send"}
        if message["type"] == "websocket.close":
            self._farewell = {"type": "websocket.disconnect", "code": message.get("code", 1000)}
        waits = self.behaviour.flush_on_body and self._http
        if size(message) or self.rules.done or not waits:
            self._outbox += self._held
            self._held.clear()
        after = self.behaviour.disconnect_after
        if after is not None and self._bodies >= after:
            self.leave()
        self._changed()

    def _has_room(self) -> bool:
        window = self.behaviour.window
        released = self.left and not self.behaviour.send_never_wakes
        return window is None or self._unread <= window or released

    # The client's end.

    def put(self, message: Message) -> None:
        """Let the app receive `message`."""
        self._inbox.append(message)
        self._changed()

    async def read(self) -> Message | None:
        """What the app has sent next; None when there is no more."""
        await self._until(self._something_to_read)
        if not self._outbox:
            return None
        message = self._outbox.popleft()
        self._unread -= size(message)
        self._changed()
        return message

    def _something_to_read(self) -> bool:
        return bool(self._outbox) or self.left or self.rules.done or self.task.done()

    def leave(self, farewell: Message | None = None) -> None:
        """Disconnect. What was sent before can still be read."""
        if not self.left:
            self.left = True
            self._farewell = farewell or self._farewell
            if self.behaviour.disconnect_overtakes:
                self._inbox.clear()
            self._changed()

    async def finish(self) -> None:
        """Leave, and wait for the app to end. What it has raised, or done wrong, is raised here."""
        self.leave()
        await asyncio.wait({self.task}, timeout=GRACE)
        if not self.task.done():
            where = describe({self.task})
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=GRACE)
            raise Leak(f"{GRACE} s after the client has left, the app goes on:{where}")
        error = await self.outcome()
        if isinstance(error, asyncio.CancelledError):
            own = "the app ended as if cancelled, but nobody has cancelled it"
            error = None if self.task.cancelling() else ProtocolViolation(own)
        if first := self.rules.violation or error:
            raise first

    async def outcome(self) -> BaseException | None:
        """What the app raises in the end, if anything."""
        [error] = await asyncio.gather(self.task, return_exceptions=True)
        return error

    # Both ends wait for the other one.

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._change.wait()

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


def size(message: Message) -> int:
    """How much of the client's window the message takes."""
    return len(message.get("body") or message.get("text") or message.get("bytes") or b"")
