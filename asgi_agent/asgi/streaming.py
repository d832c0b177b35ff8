"""A response whose body is still being made: HTTP response streaming over `send`.

Each stream is one task that alone sends, plus one that alone receives. What is ready leaves in one
`send`; the moment the source has to wait is the moment to write; `await send()` is the
backpressure. https://asgi.readthedocs.io/en/latest/specs/www.html#response-body-send-event
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from time import perf_counter
from typing import Any, Generic, TypeVar

from ..errors import SlowClient
from ..stepper import WAITING, Stepper, Waiting
from .disconnect import UntilDisconnect
from .silence import checked, silence
from .types import Headers, Message, Receive, Scope, Send

T = TypeVar("T")
log = logging.getLogger("asgi_agent")

WRITE_BYTES = 1 << 16  # what one `send` carries, and no more than the item that reaches it
WRITE_SECONDS = 0.01  # and how long it may be gathered while the source never waits
FINISH_SECONDS = 2.0  # some hosts never return from the last `send` on a broken connection


class Body:
    """The body of one response: what is ready, and whether there is still somebody to read it."""

    def __init__(self, send: Send, client: UntilDisconnect) -> None:
        self._send = send
        self._client = client
        self._ready: list[bytes] = []
        self._size = 0
        self._since = 0.0
        self._written = False

    @property
    def begun(self) -> bool:
        """Whether there is a first byte, written or ready."""
        return self._written or self._size > 0

    @property
    def gone(self) -> bool:
        """Whether the client has left. This flag is the truth: `send` rarely tells."""
        return self._client.gone

    @property
    def is_due(self) -> bool:
        """Whether what is ready should leave now, although the source does not wait."""
        return self._size >= WRITE_BYTES or perf_counter() - self._since >= WRITE_SECONDS

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status and the headers; whether they leave before the body is the host's."""
        await self._send_alive(
            {"type": "http.response.start", "status": status, "headers": headers}
        )

    def add(self, chunk: bytes) -> None:
        """Make `chunk` leave with the next write."""
        if not self._ready:
            self._since = perf_counter()
        self._ready.append(chunk)
        self._size += len(chunk)

    async def write(self) -> bool:
        """Send what is ready; False if that is nothing. After a disconnect it is dropped."""
        chunk = self._take()
        if chunk:
            self._written = True
            await self._send_alive({"type": "http.response.body", "body": chunk, "more_body": True})
        return bool(chunk)

    async def finish(self) -> None:
        """The last write: exactly once, with what is ready or with nothing."""
        last = {"type": "http.response.body", "body": self._take(), "more_body": False}
        # While it takes long, find out whether the client is slow or has left.
        timer = asyncio.get_running_loop().call_later(FINISH_SECONDS, self._client.watch)
        try:
            await self._send_alive(last)
        finally:
            timer.cancel()

    def _take(self) -> bytes:
        chunk = b"".join(self._ready)
        self._ready.clear()
        self._size = 0
        return chunk

    async def _send_alive(self, message: Message) -> None:
        if self.gone:
            return
        try:
            await self._send(message)
        except Exception:  # OSError by the specification; hosts raise others too
            log.debug("send() failed: the client has left", exc_info=True)
            self._client.gone = True
        except asyncio.CancelledError:
            # Some hosts have written it by then, and some never will: so it cannot be sent again,
            # and nothing may follow it, not even an end.
            self._client.gone = True
            raise


class StreamingResponse(Generic[T]):
    """An ASGI application that answers with `items` as they come, each made bytes by `encode`.

    An error of the source is logged, and told to the client by what `failed` makes of it; without
    `failed` it is raised, and the host aborts the response: truncation must not look like an end.
    Where the host cancels, as some do at shutdown, `interrupted` is the last that the client gets,
    and without it, for the same reason, there is no end. After `idle_seconds` without a write
    `idle` is written. The source is closed in every case; for HEAD it is never started.
    """

    def __init__(
        self,
        items: AsyncIterable[T],
        encode: Callable[[T], bytes],
        *,
        status: int = 200,
        headers: Iterable[tuple[bytes, bytes]] = (),
        idle: bytes = b"",
        idle_seconds: float = 15.0,
        failed: Callable[[Exception], bytes] | None = None,
        interrupted: bytes | Callable[[], bytes] | None = None,
    ) -> None:
        self.items = items
        self.encode = encode
        self.status = status
        self.headers: Headers = list(headers)
        self.idle = idle
        self.idle_seconds = checked(idle_seconds)
        self.failed = failed
        self.interrupted = interrupted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = UntilDisconnect(receive)
        try:
            await self._answer(client, Body(send, client), is_head=scope["method"] == "HEAD")
        except asyncio.CancelledError as cancelled:
            if client.is_cancelled:
                raise
            # A timeout inside the source fell due while we waited in `send`, and was settled when
            # the source was closed: nobody else is cancelling us.
            raise SlowClient("the source timed out while the client did not read") from cancelled

    async def _answer(self, client: UntilDisconnect, body: Body, *, is_head: bool) -> None:
        source = Stepper(self.items)
        try:
            async with client:
                await body.start(self.status, self.headers)
                if not is_head:
                    await self._serve(source, body, client)
                await body.finish()
        finally:
            await close(source)

    async def _serve(self, source: Stepper[T], body: Body, client: UntilDisconnect) -> None:
        try:
            await self._write_items(source, body, client)
        except Exception as error:
            log.exception("The source of a stream failed")
            if self.failed is None:
                await body.write()
                raise
            body.add(self.failed(error))
        except asyncio.CancelledError:
            # The client has left, or the host is shutting down: then end after a whole item.
            last = self.interrupted
            body.add(last() if callable(last) else last or b"")
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH_SECONDS):
                    await (body.write() if self.interrupted is None else body.finish())
            raise

    async def _write_items(self, source: Stepper[T], body: Body, client: UntilDisconnect) -> None:
        with silence(self.idle_seconds).broken_by(source.wake) as heard:
            while not body.gone:
                try:
                    item = step(source, client)
                except StopAsyncIteration:
                    return
                if item is not WAITING:
                    body.add(self.encode(item))
                    if not body.is_due:
                        continue
                elif not body.begun:
                    body.add(self.idle)  # some hosts keep the headers until there is a body
                client.watch()
                if await body.write():
                    heard()
                if item is WAITING:
                    await self._wait(source, body)
                else:
                    await pause(source)

    async def _wait(self, source: Stepper[T], body: Body) -> None:
        while not await source.wait() and not body.gone:
            body.add(self.idle)
            await body.write()


def step(source: Stepper[T], client: UntilDisconnect) -> T | Waiting:
    """One step of the source, which may be cancelled together with us, but end nobody by itself."""
    try:
        return source.step()
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and client.is_cancelled:
            raise
        # It has awaited a task that somebody else cancelled; or called sys.exit(), in a tool, say.
        raise RuntimeError("the source of a stream would have ended more than itself") from error


async def pause(source: Stepper[Any]) -> None:
    """Give everybody a turn. A cancellation that arrives here is the source's, as in its `wait`.

    A `send` to a client who has left returns without giving anybody a turn, and so would never let
    us hear of it: one such stream would freeze the server.
    """
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError as cancelled:
        source.interrupt(cancelled)


async def close(source: Stepper[Any]) -> None:
    """Close the source; what it raises meanwhile has no client left to be told to."""
    try:
        await source.aclose()
    except Exception:
        log.exception("The source of a stream failed while it was closed")
