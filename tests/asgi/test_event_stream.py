"""An event stream is an application of its own, and nothing cuts its events."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from asgi_agent.asgi import EventStream
from asgi_agent.asgi.types import Scope
from asgi_agent.errors import UsageError
from asgi_agent.sse import Comment, Event, EventStreamDecoder
from asgi_agent.testing import Behaviour, Response, Server, run
from tests.asgi.http_hosts import TimedHost, cancelled

Events = AsyncGenerator[Event | Comment | bytes, None]


async def numbers() -> Events:
    for number in range(3):
        yield Event(str(number), id=str(number))
        await asyncio.sleep(1)


def request(app: EventStream, method: str = "GET", path: str = "/") -> Response:
    async def main() -> Response:
        async with Server(app) as server:
            return await server.request(method, path)

    return run(main())


def test_it_answers_with_its_events() -> None:
    response = request(EventStream(numbers()))
    assert response.status == 200
    assert response.events() == [Event(str(number), id=str(number)) for number in range(3)]


def test_its_headers_keep_everybody_from_holding_it_back() -> None:
    response = request(EventStream(numbers(), headers=[(b"x-a", b"1")]))
    assert response.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
        "x-a": "1",
    }


def test_events_comments_and_whole_events_in_bytes_are_written_as_they_are() -> None:
    async def events() -> Events:
        yield Event("1", event="a")
        yield Comment("note")
        yield b"data: 2\n\n"

    response = request(EventStream(events()))
    assert response.body == b"event: a\ndata: 1\n\n: note\ndata: 2\n\n"


@pytest.mark.parametrize("item", ["tick", bytearray(b"data: 1\n\n"), None, 1, {"data": "1"}])
def test_anything_else_is_a_mistake_of_the_source(
    item: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def events() -> AsyncGenerator[Any, None]:
        yield Event("a")
        yield item

    first, last = request(EventStream(events())).events()
    assert (first, last.event) == (Event("a"), "error")
    assert "an event stream has events, comments and bytes" in caplog.text
    assert repr(item) in caplog.text


def test_every_request_has_a_stream_of_its_own() -> None:
    async def events(scope: Scope) -> Events:
        yield Event(scope["path"])

    app = EventStream(events)
    assert request(app, path="/a").events() == [Event("/a")]
    assert request(app, path="/b").events() == [Event("/b")]


def test_an_iterator_answers_one_request_and_ends_the_client_of_the_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An empty stream is what `EventSource` would ask for again and again; 500 ends it."""
    app = EventStream(numbers())
    assert len(request(app).events()) == 3
    for _ in range(2):
        response = request(app)
        assert (response.status, response.json()) == (500, {"error": "Internal Server Error"})
    assert "give EventStream a function" in caplog.text


def test_two_requests_at_once_do_not_share_an_iterator() -> None:
    async def main() -> None:
        async with Server(EventStream(numbers())) as server, server.stream("GET", "/") as first:
            assert (await server.request("GET", "/")).status == 500
            assert len((await first.rest()).events()) == 3

    run(main())


def test_an_iterable_that_can_begin_again_answers_every_request() -> None:
    class Numbers:
        def __aiter__(self) -> Events:
            return numbers()

    app = EventStream(Numbers())
    assert request(app) == request(app)
    assert len(request(app).events()) == 3


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "QUERY"])
def test_any_other_method_is_told_which_are_known(method: str) -> None:
    app = EventStream(numbers())
    response = request(app, method)
    assert (response.status, response.json()) == (405, {"error": "Method Not Allowed"})
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert len(request(app, "POST").events()) == 3  # nothing was used up


@pytest.mark.parametrize("path", ["/", "*"])
def test_options_are_answered_and_start_nothing(path: str) -> None:
    response = request(EventStream(numbers), "OPTIONS", path)
    assert (response.status, response.body) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_a_heartbeat_is_one_bare_comment_line_after_silence() -> None:
    async def events() -> Events:
        await asyncio.sleep(1)
        yield Event("a")
        await asyncio.sleep(9)
        yield Event("b")

    host = TimedHost()
    run(host.serve(EventStream(events())))
    assert host.bodies == [
        (0, b":\n"),  # the headers leave with it
        (1, b"data: a\n\n"),
        (5, b":\n"),
        (9, b":\n"),
        (10, b"data: b\n\n"),
    ]


def test_a_heartbeat_comes_after_the_silence_one_wants() -> None:
    host = TimedHost()
    run(host.serve(EventStream(numbers(), heartbeat=0.4)))
    assert host.body.count(b":\n") == 6
    assert EventStreamDecoder().feed(host.body) == [Event(str(n), id=str(n)) for n in range(3)]


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_heartbeat_comes_after_some_silence(seconds: float) -> None:
    with pytest.raises(UsageError, match="longer than 0 seconds"):
        EventStream(numbers, heartbeat=seconds)


async def failing() -> Events:
    yield Event("a")
    await asyncio.sleep(1)
    raise LookupError("secret")


def test_an_error_is_told_in_band_and_not_why() -> None:
    response = request(EventStream(failing()))
    [first, last] = response.events()
    assert first == Event("a")
    assert last.event == "error"
    assert json.loads(last.data) == {"error": "The stream failed."}
    assert b"secret" not in response.body


def test_an_error_may_be_told_in_ones_own_words() -> None:
    def failure(error: Exception) -> Event:
        return Event(type(error).__name__, event="oops")

    response = request(EventStream(failing(), failure=failure))
    assert response.events()[-1] == Event("LookupError", event="oops")


def test_head_starts_nothing() -> None:
    async def events() -> Events:
        raise AssertionError("it was started")
        yield Event("never")

    head = request(EventStream(events()), "HEAD")
    assert head.body == b""
    assert head.headers == request(EventStream(numbers())).headers


async def for_ever() -> Events:
    while True:
        yield Event("again")
        await asyncio.sleep(1)


@pytest.mark.parametrize("last", [b"", b"data: bye\n\n", Event("bye", event="error")])
def test_a_host_that_cancels_ends_it_after_a_whole_event_and_what_tells_of_it(
    last: Event | bytes,
) -> None:
    async def main() -> None:
        host = TimedHost()
        task = await cancelled(EventStream(for_ever(), interrupted=last), host, after=0.5)
        assert task.cancelled()
        told = last if isinstance(last, bytes) else last.encode()
        assert host.body == b"data: again\n\n" + told
        assert host.is_complete

    run(main())


def test_it_ends_when_the_client_disconnects_and_so_do_its_events() -> None:
    ended: list[float] = []

    async def events() -> Events:
        try:
            while True:
                yield Event("again")
                await asyncio.sleep(1)
        finally:
            ended.append(asyncio.get_running_loop().time())

    async def main() -> None:
        async with Server(EventStream(events())) as server, server.stream("GET", "/") as stream:
            async for _ in stream.events():
                if asyncio.get_running_loop().time() == 3:
                    break
        assert ended == [3]

    run(main())


# Where it is the whole application.


def test_it_answers_the_lifespan() -> None:
    async def main() -> list[str]:
        async with Server(EventStream(numbers())) as server:
            await server.request("GET", "/")
        return server.notes

    assert run(main()) == []


def test_it_refuses_a_protocol_that_it_does_not_know() -> None:
    async def nothing(*_: object) -> Any:
        raise AssertionError

    with pytest.raises(UsageError, match="'webtransport'"):
        run(EventStream(numbers)({"type": "webtransport"}, nothing, nothing))


def test_it_takes_no_websocket() -> None:
    async def main() -> Any:
        async with Server(EventStream(numbers)) as server, server.websocket("/") as session:
            return session.accepted, session.denial

    accepted, denial = run(main())
    assert not accepted
    assert denial.status == 404


def test_it_is_served_without_a_lifespan_and_with_the_smallest_scope() -> None:
    async def main() -> list[Event]:
        behaviour = Behaviour(lifespan=False, minimal_scope=True)
        async with Server(EventStream(numbers()), behaviour=behaviour) as server:
            return (await server.request("GET", "/")).events()

    assert len(run(main())) == 3
