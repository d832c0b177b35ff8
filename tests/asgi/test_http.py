"""HTTP: a request is read whole or not at all, and an answer is two messages."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from asgi_agent.asgi import JSONResponse, Response, header, read_body
from asgi_agent.asgi.types import Message, Receive, Scope, Send
from asgi_agent.errors import (
    BodyTooLarge,
    ClientDisconnected,
    UnsupportedContentCoding,
    UsageError,
)
from asgi_agent.testing import Behaviour, Server, run
from asgi_agent.testing import Response as Answer
from tests.asgi.fake_hosts import Host, http_scope

GONE: Message = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


# The request.


def test_the_first_header_of_a_name_counts() -> None:
    scope = http_scope("GET", (b"a", b"1"), (b"b", b"2"), (b"b", b"3"))
    assert header(scope, b"b") == "2"
    assert header(scope, b"c") is None


def test_a_header_value_keeps_bytes_that_are_not_ascii() -> None:
    value = header(http_scope("GET", (b"a", b"Zo\xc3\xab")), b"a")
    assert value is not None
    assert value.encode("latin-1").decode() == "Zoë"


def test_headers_may_be_any_bytes_like_objects() -> None:
    scope: Scope = {"headers": [[memoryview(b"a"), bytearray(b"1")]]}
    assert header(scope, b"a") == "1"


def read(*messages: Message, limit: int = 10, length: bytes | None = None) -> bytes:
    headers = [] if length is None else [(b"content-length", length)]
    return run(read_body(http_scope("POST", *headers), Host(*messages).receive, limit))


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"hello", more=False)],
        [part(b"he"), part(b""), part(b"llo"), part(b"", more=False)],
        [part(b"hello"), {"type": "http.request"}],
        [{"type": "http.request", "body": b"hello"}],
    ],
)
def test_a_body_is_read_to_its_end(messages: list[Message]) -> None:
    assert read(*messages, part(b"of the next one")) == b"hello"


def test_a_body_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert read(part(b"12345"), part(b"67890", more=False), length=b"10") == b"1234567890"
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        read(part(b"12345"), part(b"678901"))  # the rest is not waited for


def test_a_body_that_is_announced_as_too_long_is_not_read() -> None:
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        read(length=b"11")


@pytest.mark.parametrize("length", [b"", b"-1", b"1e3", b"\xb2\xb3", b"9" * 5000])
def test_an_announcement_that_is_no_number_of_bytes_is_the_hosts_business(length: bytes) -> None:
    assert read(part(b"hello", more=False), length=length) == b"hello"


@pytest.mark.parametrize("coding", [b"gzip", b"identity, br", b"\xff"])
def test_a_body_in_a_content_coding_is_not_read(coding: bytes) -> None:
    host = Host(part(b"x", more=False))
    scope = http_scope("POST", (b"content-encoding", coding))
    with pytest.raises(UnsupportedContentCoding, match="must be identity"):
        run(read_body(scope, host.receive, 10))
    assert host.receives == 0


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity "])
def test_identity_is_no_content_coding(coding: bytes) -> None:
    scope = http_scope("POST", (b"content-encoding", coding))
    assert run(read_body(scope, Host(part(b"x", more=False)).receive, 10)) == b"x"


def test_half_a_body_is_never_handed_on() -> None:
    with pytest.raises(ClientDisconnected):
        read(part(b"hel"), GONE)
    with pytest.raises(ClientDisconnected):
        read(GONE)


# The answer.


def ask(app: Callable[[Scope, Receive, Send], Awaitable[None]], method: str = "GET") -> Answer:
    async def main() -> Answer:
        async with Server(app, behaviour=Behaviour(lifespan=False)) as server:
            return await server.request(method, "/")

    return run(main())


def test_an_answer_has_status_headers_length_and_body() -> None:
    answer = ask(Response(b"hello", 201, [(b"content-type", b"text/plain")]))
    assert answer.status == 201
    assert answer.headers == {"content-type": "text/plain", "content-length": "5"}
    assert answer.body == b"hello"


def test_an_answer_is_one_start_and_one_body() -> None:
    host = Host()
    run(Response(b"hello")(http_scope(), host.receive, host.send))
    assert host.sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]},
        {"type": "http.response.body", "body": b"hello", "more_body": False},
    ]
    assert host.receives == 0


def test_head_has_the_headers_of_get_and_no_body() -> None:
    app = JSONResponse({"a": 1})
    head, get = ask(app, "HEAD"), ask(app)
    assert (
        head.headers
        == get.headers
        == {
            "content-type": "application/json",
            "content-length": "7",
        }
    )
    assert head.body == b""


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_content_has_no_length(status: int) -> None:
    answer = ask(Response(status=status, headers=[(b"allow", b"GET")]))
    assert (answer.status, answer.headers) == (status, {"allow": "GET"})


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_cannot_have_a_body_is_refused_one(status: int) -> None:
    with pytest.raises(UsageError, match=f"status {status} has no body"):
        Response(b"hello", status)


def test_an_answer_can_be_given_again_and_its_headers_come_from_any_iterable() -> None:
    def headers() -> Iterator[tuple[bytes, bytes]]:
        yield (b"a", b"1")

    app = Response(b"hello", headers=headers())
    assert ask(app) == ask(app)
    assert type(app.headers) is list


def test_json_is_compact_and_strict() -> None:
    answer = ask(JSONResponse({"a": [1, None, "é"]}, 422, [(b"x-a", b"1")]))
    assert answer.body == b'{"a":[1,null,"\\u00e9"]}'
    assert (answer.status, answer.headers["x-a"]) == (422, "1")
    with pytest.raises(ValueError, match="not JSON compliant"):
        JSONResponse(float("nan"))


@pytest.mark.parametrize("error", [OSError, RuntimeError("ASGI flow error")])
@pytest.mark.parametrize("at", [1, 2])
def test_an_answer_to_a_client_who_has_left_raises_nothing(
    error: Exception | type[Exception], at: int
) -> None:
    async def main() -> None:
        behaviour = Behaviour(send_error=error, send_error_at=at, lifespan=False)
        async with Server(Response(b"hello"), behaviour=behaviour) as server:
            await server.request("GET", "/")

    run(main())


def test_an_answer_can_be_cancelled() -> None:
    async def never(_: Message) -> Any:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        async with asyncio.timeout(1):
            await Response()(http_scope(), Host().receive, never)

    with pytest.raises(TimeoutError):
        run(main())
