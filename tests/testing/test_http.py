"""Requests and streams through the server in memory, with good and with bad applications."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from asgi_agent.asgi.types import ASGIApp, Message, Receive, Scope, Send
from asgi_agent.testing import Leak, ProtocolViolation, Response, Server, run

START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"vary", b"a"), (b"vary", b"b")],
}
LAST: Message = {"type": "http.response.body", "body": b""}


def body(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}


def http(serve: Callable[[Scope, Receive, Send], Awaitable[None]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # no lifespan
        await serve(scope, receive, send)

    return app


async def answer(send: Send, value: object) -> None:
    await send({**START, "status": 201})
    await send({"type": "http.response.body", "body": json.dumps(value, default=repr).encode()})


@http
async def echo_scope(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, scope)


@http
async def echo_requests(scope: Scope, receive: Receive, send: Send) -> None:
    requests = [await receive()]
    while requests[-1]["more_body"]:
        requests.append(await receive())
    await answer(send, [[request["body"].decode(), scope["headers"]] for request in requests])


@http
async def events_every_second(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    for number in range(3):
        await send(body(b"data: %d\n" % number))
        await asyncio.sleep(1)
        await send(body(b"\n"))
    await send(LAST)


@http
async def until_disconnect(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(START)
    await send(body(b"data: hello\n\n"))
    assert await receive() == {"type": "http.disconnect"}


def request(app: ASGIApp, method: str, path: str, **options: Any) -> Response:
    async def main() -> Response:
        async with Server(app) as server:
            return await server.request(method, path, **options)

    return run(main())


def test_a_response_has_status_headers_and_body() -> None:
    response = request(echo_requests, "POST", "/", body=b"hi")
    assert response.status == 201
    assert response.headers == {"content-type": "text/event-stream", "vary": "a, b"}
    assert response.json()[0][0] == "hi"
    assert response.text.startswith("[[")


def test_the_scope_is_what_hosts_give() -> None:
    scope = request(echo_scope, "PUT", "/a%20b/%C3%A9?x=%20y", headers={"X-Name": "Zoë"}).json()
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": "/a b/é",
        "raw_path": repr(b"/a%20b/%C3%A9"),
        "query_string": repr(b"x=%20y"),
        "root_path": "",
        "headers": [[repr(b"host"), repr(b"testserver")], [repr(b"x-name"), repr(b"Zo\xeb")]],
        "client": ["127.0.0.1", 50_000],
        "server": ["127.0.0.1", 8000],
        "state": {},
    }


def test_headers_may_be_pairs_so_that_one_may_come_twice() -> None:
    scope = request(echo_scope, "GET", "/", headers=[("a", "1"), ("a", "2")]).json()
    assert scope["headers"][1:] == [["b'a'", "b'1'"], ["b'a'", "b'2'"]]


def test_a_root_path_is_told() -> None:
    async def main() -> Response:
        async with Server(echo_scope, root_path="/api") as server:
            return await server.request("GET", "/api/x")

    assert run(main()).json()["root_path"] == "/api"


@pytest.mark.parametrize(
    ("options", "parts", "length"),
    [
        ({}, [""], None),
        ({"body": b"whole"}, ["whole"], "5"),
        ({"body": [b"in ", b"", b"parts"]}, ["in ", "", "parts"], "8"),
        ({"body": []}, [""], None),
        ({"json": {"a": None}}, ['{"a": null}'], "11"),
        ({"json": None}, ["null"], "4"),
    ],
)
def test_a_body_arrives_as_it_was_given(
    options: dict[str, Any], parts: list[str], length: str | None
) -> None:
    received = request(echo_requests, "POST", "/", **options).json()
    assert [part for part, _ in received] == parts
    fields = dict(received[0][1])
    assert fields.get(repr(b"content-length")) == (length and repr(length.encode()))
    assert (repr(b"content-type") in fields) == ("json" in options)


def test_events_come_as_they_are_sent() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        async with Server(events_every_second) as server, server.stream("GET", "/") as stream:
            assert (stream.status, stream.headers["vary"]) == (200, "a, b")
            assert not stream.complete
            seen = [(event.data, loop.time()) async for event in stream.events()]
            assert stream.complete
            assert await stream.read() == b""
        return seen

    assert run(main()) == [("0", 1.0), ("1", 2.0), ("2", 3.0)]


def test_a_second_loop_goes_on_where_the_first_broke_off() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"data: 1\n\ndata: 2\n\ndata: 3\n\n"})

    async def main() -> list[str]:
        async with Server(app) as server, server.stream("GET", "/") as stream:
            async for event in stream.events():
                assert event.data == "1"
                break
            return [event.data async for event in stream.events()]

    assert run(main()) == ["2", "3"]


def test_chunks_are_read_as_they_were_sent_but_empty_ones_are_none() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for chunk in (b":\n", b"", b"data: 1\n\n"):
            await send(body(chunk))
        await send(LAST)

    async def main() -> list[bytes]:
        async with Server(app) as server, server.stream("GET", "/") as stream:
            return [await stream.read(), await stream.read(), await stream.read()]

    assert run(main()) == [b":\n", b"data: 1\n\n", b""]


def test_a_response_has_the_events_of_its_body() -> None:
    events = request(events_every_second, "GET", "/").events()
    assert [event.data for event in events] == ["0", "1", "2"]


def test_leaving_a_stream_disconnects() -> None:
    async def main() -> None:
        async with Server(until_disconnect) as server, server.stream("GET", "/") as stream:
            assert (await anext(stream.events())).data == "hello"

    run(main())


def test_one_can_disconnect_and_still_read_what_was_sent() -> None:
    async def main() -> bytes:
        async with Server(until_disconnect) as server, server.stream("GET", "/") as stream:
            stream.disconnect()
            stream.disconnect()
            return (await stream.rest()).body

    assert run(main()) == b"data: hello\n\n"


def test_a_disconnect_wakes_a_reader() -> None:
    async def main() -> bytes:
        async with Server(until_disconnect) as server, server.stream("GET", "/") as stream:
            await stream.read()
            asyncio.get_running_loop().call_later(5, stream.disconnect)
            return await stream.read()

    assert run(main()) == b""


def test_a_request_that_is_never_answered_can_be_given_up() -> None:
    told: list[Message] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        told.append(await receive())

    async def main() -> None:
        async with Server(app) as server, asyncio.timeout(60):
            await server.request("GET", "/")

    with pytest.raises(TimeoutError):
        run(main())
    assert told == [{"type": "http.disconnect"}]


def test_what_the_app_raises_is_raised_where_the_stream_ends() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"half"))
        raise LookupError("the app's own")

    async def main() -> None:
        async with Server(app) as server, server.stream("GET", "/") as stream:
            assert (await stream.rest()).body == b"half"
            assert not stream.complete

    with pytest.raises(LookupError, match="the app's own"):
        run(main())


def test_what_the_app_raises_before_it_answers_is_raised_too() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        request(app, "GET", "/")


@pytest.mark.parametrize(
    ("messages", "where"),
    [([], "before http.response.start"), ([START, body(b"a")], "after http.response.start")],
)
def test_to_return_without_the_end_of_the_response_is_a_violation(
    messages: list[Message], where: str
) -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with pytest.raises(ProtocolViolation, match=f"returned {where}, unfinished"):
        request(app, "GET", "/")


def test_to_end_as_if_cancelled_is_a_violation() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(ProtocolViolation, match="nobody has cancelled it"):
        request(app, "GET", "/")


def test_an_app_that_does_not_notice_the_disconnect_is_a_leak() -> None:
    ended: list[float] = []

    @http
    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(asyncio.get_running_loop().time())

    async def main() -> None:
        async with Server(deaf) as server, server.stream("GET", "/deaf"):
            pass

    with pytest.raises(Leak, match=r"app http /deaf: .*deaf \(.*> Event.wait"):
        run(main())
    assert ended == [5.0]


def test_an_app_may_work_on_a_little_after_the_end_of_its_response() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, None)
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        assert await receive() == {"type": "http.disconnect"}
        await asyncio.sleep(4)

    assert request(app, "GET", "/").status == 201


def test_two_receives_at_a_time_are_a_violation() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        async with asyncio.TaskGroup() as group:
            group.create_task(receive())
            group.create_task(receive())

    with pytest.raises(ProtocolViolation, match=r"receive\(\) was called while another one waits"):
        request(app, "GET", "/")


def test_to_receive_after_the_disconnect_is_noted() -> None:
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, None)
        await receive()
        assert await receive() == await receive() == await receive()

    async def main() -> list[str]:
        async with Server(app) as server:
            await server.request("GET", "/here")
            return server.notes

    lifespan, note = run(main())
    assert lifespan.startswith("no lifespan: AssertionError")
    assert note == "app http /here: receive() after the disconnect hangs on some hosts"


def test_the_app_does_not_see_the_context_of_the_test() -> None:
    secret: ContextVar[str] = ContextVar("secret", default="none")

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, secret.get())

    secret.set("of the test")
    assert request(app, "GET", "/").json() == "none"


def test_an_independent_harness_sees_the_same_messages() -> None:
    async def main() -> tuple[bytes, bytes]:
        async with Server(echo_requests) as server:
            ours = (await server.request("POST", "/", body=b"x", headers={"host": "b"})).body
        headers = [(b"host", b"testserver"), (b"host", b"b"), (b"content-length", b"1")]
        theirs = ApplicationCommunicator(echo_requests, {"type": "http", "headers": headers})
        await theirs.send_input({"type": "http.request", "body": b"x", "more_body": False})
        assert (await theirs.receive_output())["status"] == 201
        output = await theirs.receive_output()
        await theirs.wait()
        return ours, output["body"]

    ours, theirs = run(main())
    assert ours == theirs


def test_a_framework_of_others_is_served() -> None:
    async def ticks(_: Request) -> StreamingResponse:
        async def stream():  # noqa: ANN202 - a generator of text
            while True:
                yield "data: tick\n\n"
                await asyncio.sleep(10)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def main() -> tuple[float, str]:
        loop = asyncio.get_running_loop()
        async with Server(Starlette(routes=[Route("/ticks", ticks)])) as server:
            assert server.notes == []
            assert (await server.request("GET", "/none")).status == 404
            async with server.stream("GET", "/ticks") as stream:
                for _ in range(4):
                    await anext(stream.events())
            return loop.time(), stream.headers["content-type"]

    assert run(main()) == (pytest.approx(30), "text/event-stream; charset=utf-8")
