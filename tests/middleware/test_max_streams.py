"""Backpressure: how many streams may be open at once."""

import asyncio

import pytest

from asgi_agent.asgi.types import ASGIApp, Receive, Scope, Send
from asgi_agent.errors import ClientDisconnected
from asgi_agent.middleware import Backpressure
from asgi_agent.testing import run, settle
from tests.asgi.fake_hosts import (
    CONNECT,
    END,
    START,
    Answer,
    Host,
    ask,
    http_scope,
    websocket_scope,
)

ACCEPT = (b"accept", b"Text/Event-Stream")


class Held:
    """An application whose streams stay open until they are let go; other paths answer at once."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.calls = 0
        self.errors: list[Exception] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        if scope["type"] == "websocket":
            await self.release.wait()
            return
        is_stream = scope["path"] == "/"
        try:
            await send(START if is_stream else {**START, "headers": [(b"Content-Type", b"a/b")]})
            if is_stream:
                await self.release.wait()
            await send(END)
        except ClientDisconnected as error:
            self.errors.append(error)
            raise


def opens(app: ASGIApp, *headers: tuple[bytes, bytes]) -> asyncio.Task[Answer]:
    return asyncio.create_task(ask(app, http_scope("GET", *headers)))


def test_beyond_max_streams_an_event_source_is_refused_before_the_application_runs() -> None:
    async def main() -> None:
        held = Held()
        app = Backpressure(held, max_streams=2)
        streams = [opens(app, ACCEPT), opens(app)]
        await settle()
        answer = await ask(app, http_scope("GET", ACCEPT))
        assert answer.status == 503
        assert answer.one(b"retry-after") == b"1"
        assert answer.body == b'{"error":"too many streams are open, try again later"}'
        assert held.calls == 2
        held.release.set()
        assert [(await stream).status for stream in streams] == [200, 200]
        assert (await ask(app, http_scope("GET", ACCEPT))).status == 200  # there is room again
        assert app.places.taken == 0

    run(main())


@pytest.mark.parametrize("is_caught", [True, False])
def test_what_turns_out_to_be_one_stream_too_many_is_503_and_its_client_is_gone(
    is_caught: bool,
) -> None:
    async def main() -> None:
        held = Held()

        async def catching(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await held(scope, receive, send)
            except ClientDisconnected:
                with pytest.raises(ClientDisconnected):
                    await send(END)

        app = Backpressure(catching if is_caught else held, max_streams=1)
        stream = opens(app, ACCEPT)
        await settle()
        answer = await ask(app, http_scope("POST"))
        assert answer.status == 503
        assert answer.one(b"retry-after") == b"1"
        assert [message["type"] for message in answer.messages] == [
            "http.response.start",
            "http.response.body",
        ]
        assert len(held.errors) == 1
        held.release.set()
        await stream
        assert app.places.taken == 0

    run(main())


@pytest.mark.parametrize("headers", [(), (ACCEPT,)])
def test_what_is_no_stream_takes_no_place(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    async def main() -> None:
        held = Held()
        app = Backpressure(held, max_streams=1)
        taken: list[int] = []

        async def watch(scope: Scope, receive: Receive, send: Send) -> None:
            await held(scope, receive, send)
            taken.append(app.places.taken)

        app.app = watch
        other = {**http_scope("GET", *headers), "path": "/other"}
        await ask(app, other)
        assert taken == [0]
        stream = opens(app)
        await settle()
        assert (await ask(app, {**http_scope(), "path": "/other"})).status == 200
        held.release.set()
        await stream

    run(main())


def test_a_head_request_opens_no_stream() -> None:
    async def main() -> None:
        held = Held()
        app = Backpressure(held, max_streams=1)
        stream = opens(app)
        await settle()
        head = asyncio.create_task(ask(app, http_scope("HEAD", ACCEPT)))
        held.release.set()
        assert (await head).status == 200
        await stream

    run(main())


def test_a_disconnect_that_is_the_applications_own_passes_through() -> None:
    async def main() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise ClientDisconnected("while it sent its request")

        with pytest.raises(ClientDisconnected):
            await ask(Backpressure(app, max_streams=1), http_scope())

    run(main())


def test_beyond_max_streams_a_handshake_is_denied_before_the_application_runs() -> None:
    async def main() -> None:
        held = Held()
        app = Backpressure(held, max_streams=1)
        open_one = Host(CONNECT)

        async def serve() -> None:
            await app(websocket_scope(), open_one.receive, open_one.send)

        first = asyncio.create_task(serve())
        await settle()
        host = Host(CONNECT)
        scope = websocket_scope(extensions={"websocket.http.response": {}})
        await app(scope, host.receive, host.send)
        start, answer = host.sent
        assert start["status"] == 503
        assert (b"retry-after", b"1") in start["headers"]
        assert b"too many streams" in answer["body"]
        plain = Host(CONNECT)
        await app(websocket_scope(), plain.receive, plain.send)
        assert plain.kinds == ["websocket.close"]
        assert (await ask(app, http_scope("GET", ACCEPT))).status == 503
        assert held.calls == 1
        held.release.set()
        await first
        assert app.places.taken == 0

    run(main())


def test_a_place_is_free_again_whatever_ends_the_stream() -> None:
    async def main() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            raise RuntimeError("mine")

        guarded = Backpressure(app, max_streams=1)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="mine"):
                await ask(guarded, http_scope("GET", ACCEPT))
        task = asyncio.create_task(ask(Backpressure(Held(), max_streams=1), http_scope()))
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert guarded.places.taken == 0

    run(main())
