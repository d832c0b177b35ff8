"""Applications that break one rule of ASGI each, and the record of driving them."""

import asyncio
from collections.abc import Awaitable
from typing import ClassVar

from ..drivers.asgi import asgi
from ..transcript import Record
from ..wire.asgi import ASGIApp, Receive, Scope, Send
from .asgi_golden import Golden
from .registry import mutant

Headers = list[tuple[bytes, bytes]]


def driven(app: ASGIApp) -> Record:
    """The record of this application, to which something is posted."""
    return asgi(app, method="POST", content=b"in more than one piece")


@mutant("ASG-01", "sends a body before the start")
def body_first() -> Record:
    class Mutant(Golden):
        async def start(self, send: Send, status: int, headers: Headers) -> None:
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            await super().start(send, status, headers)

    return driven(Mutant())


@mutant("ASG-01", "starts twice")
def two_starts() -> Record:
    class Mutant(Golden):
        async def start(self, send: Send, status: int, headers: Headers) -> None:
            await super().start(send, status, headers)
            await super().start(send, status, headers)

    return driven(Mutant())


@mutant("ASG-01", "returns without a response to HTTP/2")
def no_response() -> Record:
    class Mutant(Golden):
        async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["http_version"] != "2":
                await super().respond(scope, receive, send)

    return driven(Mutant())


@mutant("ASG-02", "writes names with capitals")
def capitals() -> Record:
    class Mutant(Golden):
        def headers(self, scope: Scope) -> Headers:
            return [(name.title(), value) for name, value in super().headers(scope)]

    return driven(Mutant())


@mutant("ASG-03", "sends a body of text")
def text_body() -> Record:
    class Mutant(Golden):
        async def block(self, send: Send, text: str) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": True})

    return driven(Mutant())


@mutant("ASG-04", "returns in the middle of the body")
def no_end() -> Record:
    class Mutant(Golden):
        async def end(self, send: Send) -> None:
            await send({"type": "http.response.body", "body": b"", "more_body": True})

    return driven(Mutant())


@mutant("ASG-04", "ends twice")
def two_ends() -> Record:
    class Mutant(Golden):
        async def end(self, send: Send) -> None:
            await super().end(send)
            await super().end(send)

    return driven(Mutant())


@mutant("ASG-05", "wants the connection to be kept")
def keep_alive() -> Record:
    class Mutant(Golden):
        def headers(self, scope: Scope) -> Headers:
            own = [] if scope["http_version"] == "2" else [(b"connection", b"keep-alive")]
            return [*super().headers(scope), *own]

    return driven(Mutant())


@mutant("ASG-06", "takes the first message for the whole body")
def first_message() -> Record:
    class Mutant(Golden):
        async def content(self, receive: Receive) -> bytes:
            content: bytes = (await receive()).get("body", b"")
            return content

    return driven(Mutant())


@mutant("ASG-07", "does not listen")
def deaf() -> Record:
    class Mutant(Golden):
        async def disconnect(self, receive: Receive) -> None:
            await asyncio.Event().wait()

    return driven(Mutant())


@mutant("ASG-07", "leaves a task when the client leaves")
def task_after_disconnect() -> Record:
    tasks = set[asyncio.Task[bool]]()

    class Mutant(Golden):
        async def while_connected(self, work: Awaitable[None], receive: Receive) -> None:
            task = asyncio.ensure_future(work)
            await super().while_connected(task, receive)
            if task.cancelled():
                tasks.add(asyncio.create_task(asyncio.Event().wait()))

    return driven(Mutant())


@mutant("ASG-08", "leaves a task when a send fails")
def task_after_failure() -> Record:
    tasks = set[asyncio.Task[bool]]()

    class Mutant(Golden):
        async def block(self, send: Send, text: str) -> None:
            try:
                await super().block(send, text)
            except OSError:
                tasks.add(asyncio.create_task(asyncio.Event().wait()))
                raise

    return driven(Mutant())


@mutant("ASG-08", "takes it for an error of its own when a send fails")
def another_error() -> Record:
    class Mutant(Golden):
        async def stream(self, scope: Scope, send: Send, said: str) -> None:
            errors: list[OSError] = []
            try:
                await super().stream(scope, send, said)
            except OSError as error:
                errors.append(error)
            if errors:
                raise RuntimeError("the stream broke")

    return driven(Mutant())


@mutant("ASG-08", "goes on when a send fails")
def goes_on() -> Record:
    class Mutant(Golden):
        steps: ClassVar[tuple[tuple[float, str], ...]] = (*(((0.01, ""),) * 40), *Golden.steps)

        async def block(self, send: Send, text: str) -> None:
            try:
                await super().block(send, text)
            except OSError:
                return

        async def disconnect(self, receive: Receive) -> None:
            await super().disconnect(receive)
            await asyncio.sleep(0.9)

    return driven(Mutant())


@mutant("ASG-09", "sends heartbeats from a second task")
def two_senders() -> Record:
    class Mutant(Golden):
        async def stream(self, scope: Scope, send: Send, said: str) -> None:
            beats = asyncio.create_task(self.beat(send))
            try:
                await super().stream(scope, send, said)
            finally:
                beats.cancel()
                await asyncio.gather(beats, return_exceptions=True)

        async def beat(self, send: Send) -> None:
            while True:
                await asyncio.sleep(6.3)
                await self.block(send, ":\n")

    return driven(Mutant())


@mutant("ASG-10", "leaves a task behind each time")
def task_each_time() -> Record:
    tasks = set[asyncio.Task[bool]]()

    class Mutant(Golden):
        async def stream(self, scope: Scope, send: Send, said: str) -> None:
            tasks.add(asyncio.create_task(asyncio.Event().wait()))
            await super().stream(scope, send, said)

    return driven(Mutant())


@mutant("ASG-10", "goes on when it is cancelled")
def uncancellable() -> Record:
    class Mutant(Golden):
        async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await super().respond(scope, receive, send)
            except asyncio.CancelledError:
                await asyncio.sleep(60)

    return driven(Mutant())


@mutant("ASG-10", "raises something else when it is cancelled")
def other_error_when_cancelled() -> Record:
    class Mutant(Golden):
        async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await super().respond(scope, receive, send)
            except asyncio.CancelledError as error:
                raise RuntimeError("it was cancelled") from error

    return driven(Mutant())


@mutant("ASG-11", "needs the client's address")
def needs_client() -> Record:
    class Mutant(Golden):
        def headers(self, scope: Scope) -> Headers:
            host: str = scope["client"][0]
            return [*super().headers(scope), (b"x-client", host.encode())]

    return driven(Mutant())


@mutant("ASG-12", "changes the path in the scope")
def changed_path() -> Record:
    class Mutant(Golden):
        async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["path"] = "/changed"
            await super().respond(scope, receive, send)

    return driven(Mutant())


@mutant("ASG-12", "changes the messages that it receives")
def changed_messages() -> Record:
    class Mutant(Golden):
        async def content(self, receive: Receive) -> bytes:
            content = b""
            more = True
            while more:
                message = await receive()
                content += message.pop("body", b"")
                more = message.get("more_body", False)
            return content

    return driven(Mutant())


@mutant("ASG-12", "fails where two call it at once")
def one_at_a_time() -> Record:
    class Mutant(Golden):
        is_busy = False

        async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
            if self.is_busy:
                raise RuntimeError("one at a time")
            self.is_busy = True
            try:
                await super().respond(scope, receive, send)
            finally:
                self.is_busy = False

    return driven(Mutant())


@mutant("ASG-13", "says twice that it has started")
def started_twice() -> Record:
    class Mutant(Golden):
        async def live(self, receive: Receive, send: Send) -> None:
            await send({"type": "lifespan.startup.complete"})
            await super().live(receive, send)

    return driven(Mutant())


@mutant("ASG-13", "does not say that it has shut down")
def never_shut_down() -> Record:
    class Mutant(Golden):
        async def live(self, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()

    return driven(Mutant())


@mutant("ASG-13", "never says that it has started")
def never_started() -> Record:
    class Mutant(Golden):
        async def live(self, receive: Receive, send: Send) -> None:
            await receive()
            await receive()

    return driven(Mutant())


@mutant("ASG-14", "sends before it accepts")
def send_before_accept() -> Record:
    class Mutant(Golden):
        async def converse(self, receive: Receive, send: Send) -> None:
            await self.answer(send, "welcome")
            await super().converse(receive, send)

    return driven(Mutant())


@mutant("ASG-14", "sends text and bytes in one message")
def text_and_bytes() -> Record:
    class Mutant(Golden):
        async def answer(self, send: Send, text: str) -> None:
            await send({"type": "websocket.send", "text": text, "bytes": text.encode()})

    return driven(Mutant())


@mutant("ASG-14", "goes on long after the disconnect")
def send_after_disconnect() -> Record:
    class Mutant(Golden):
        async def converse(self, receive: Receive, send: Send) -> None:
            await super().converse(receive, send)
            await receive()
            await asyncio.sleep(3)
            await self.answer(send, "are you still there?")

    return driven(Mutant())


@mutant("ASG-15", "sends the newest event first, if it cannot keep up")
def newest_first() -> Record:
    class Mutant(Golden):
        async def stream(self, scope: Scope, send: Send, said: str) -> None:
            waiting: list[str] = []
            changed = asyncio.Event()

            async def produce() -> None:
                for pause, number in self.steps:
                    await asyncio.sleep(pause)
                    waiting.append(number)
                    changed.set()

            async with asyncio.TaskGroup() as group:
                group.create_task(produce())
                await self.start(send, 200, self.headers(scope))
                for _ in self.steps:
                    while not waiting:
                        changed.clear()
                        await changed.wait()
                    number = waiting.pop()
                    await self.block(send, f"id: {number}\ndata: x\n\n" if number else ":\n")
            await self.end(send)

    return driven(Mutant())


@mutant("ASG-16", "sends each event in two pieces")
def in_pieces() -> Record:
    class Mutant(Golden):
        async def block(self, send: Send, text: str) -> None:
            middle = len(text) // 2
            await super().block(send, text[:middle])
            await super().block(send, text[middle:])

    return driven(Mutant())
