"""How a request's body is read: what type it may have, and how long it may be."""

from typing import Any

import pytest

from asgi_agent.asgi import Place
from asgi_agent.endpoints.service import Request
from asgi_agent.errors import BodyTooLarge, ClientDisconnected, InvalidInput, UnsupportedMediaType
from asgi_agent.inputs import AskRequest
from asgi_agent.testing import run

BODY = b'{"prompt": "hi"}'


def request(content_type: bytes | None, *messages: Any, **more: Any) -> Request:
    inbox = list(messages) or [{"type": "http.request", "body": BODY, "more_body": False}]
    headers = [] if content_type is None else [(b"content-type", content_type)]

    async def receive() -> Any:
        return inbox.pop(0)

    return Request({"type": "http", "headers": headers, **more}, receive, Place([], ""))


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b"Application/JSON;x=y",
        b" application/json ;",
        b"application/problem+json",
    ],
)
def test_a_body_of_a_json_type_is_read(content_type: bytes) -> None:
    assert run(request(content_type).json(AskRequest, 100)) == AskRequest(prompt="hi")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"text/plain",
        b"text/plain;charset=UTF-8",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=json",
        b"text/plain; x=application/json",
        b"text/json",
        b"application/jsonx",
        b"\xff",
    ],
)
def test_b14_what_a_page_of_another_site_can_send_without_asking_is_refused(
    content_type: bytes | None,
) -> None:
    with pytest.raises(UnsupportedMediaType):
        run(request(content_type).json(AskRequest, 100))


def test_a_body_in_parts_is_one_body() -> None:
    parts = [
        {"type": "http.request", "body": BODY[:5], "more_body": True},
        {"type": "http.request", "body": BODY[5:]},
    ]
    assert run(request(b"application/json", *parts).json(AskRequest, 100)).prompt == "hi"


def test_a_body_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert run(request(b"application/json").json(AskRequest, len(BODY)))
    with pytest.raises(BodyTooLarge):
        run(request(b"application/json").json(AskRequest, len(BODY) - 1))


def test_half_a_body_is_never_handed_on() -> None:
    parts = [
        {"type": "http.request", "body": BODY, "more_body": True},
        {"type": "http.disconnect"},
    ]
    with pytest.raises(ClientDisconnected):
        run(request(b"application/json", *parts).json(AskRequest, 100))


def test_a_body_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput):
        run(request(b"application/json", {"type": "http.request"}).json(AskRequest, 100))


def test_who_asks_is_what_a_middleware_has_said() -> None:
    assert request(None).principal is None
    assert request(None, principal="alice").principal == "alice"
