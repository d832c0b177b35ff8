"""Scripts, as they are sent, and what has to come of them."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_conformance.script import (
    Capabilities,
    capabilities_of,
    comments_of,
    events_of,
    request_for,
    text_of,
)
from sse_conformance.transcript import Exchange, Head, Operation, Piece, Request
from tests.conformance.emission.emissions import URL

SCRIPT: tuple[Operation, ...] = ({"data": "\ud800\u2028"}, {"comment": "c"})


def about(content: bytes, status: int = 200) -> Exchange:
    return Exchange(
        request=Request(target="/emit"),
        head=Head(at=0.0, status=status, http="1.1", fields=()),
        body=(Piece(0.0, content),),
        end="complete",
        ended_at=0.1,
    )


def test_a_producer_says_what_it_can_do() -> None:
    value = {
        "conformance": 1,
        "name": "n",
        "version": "2",
        "data": "json",
        "capabilities": ["raise"],
    }
    assert capabilities_of(about(json.dumps(value).encode())) == Capabilities(
        conformance=1, name="n", version="2", data="json", capabilities=frozenset({"raise"})
    )


def test_a_producer_that_says_little_takes_text() -> None:
    assert capabilities_of(about(b'{"conformance":1}')) == Capabilities(conformance=1)


@pytest.mark.parametrize(
    "exchange",
    [
        about(b"{}"),
        about(b"data: a\n\n"),
        about(b'{"conformance":2}'),
        about(b'{"conformance":1}', status=404),
        replace(about(b""), head=None),
    ],
)
def test_what_does_not_keep_the_contract_says_so(exchange: Exchange) -> None:
    assert capabilities_of(exchange) is None


def test_a_script_is_posted_as_json() -> None:
    request = request_for(URL, SCRIPT, run="r", fields=[("X-Key", "k")])
    assert (request.method, request.target) == ("POST", "/emit")
    assert (b"Content-Type", b"application/json") in request.fields
    assert (b"X-Key", b"k") in request.fields
    assert request.content.isascii()
    assert json.loads(request.content) == {"v": 1, "events": list(SCRIPT), "run": "r"}


@given(st.text(max_size=9))
def test_a_script_may_stand_in_the_target_and_has_no_padding(text: str) -> None:
    request = request_for(URL + "?a=b", [{"data": text}], form="GET", method="HEAD")
    before, encoded = request.target.split("&script=")
    assert (request.method, before, request.content) == ("HEAD", "/emit?a=b", b"")
    assert "=" not in encoded
    assert json.loads(urlsafe_b64decode(encoded)) == {"v": 1, "events": [{"data": text}]}


def test_a_url_without_a_query_gets_one() -> None:
    request = request_for(URL, SCRIPT, form="GET")
    assert request.method == "GET"
    assert request.target.startswith("/emit?script=")


def test_events_are_what_has_data() -> None:
    script: tuple[Operation, ...] = (
        {"comment": "c"},
        {"data": "a\r\nb\rc"},
        {"sleep": 1},
        {"data": "", "event": "", "id": "", "retry": 5},
        {"data": [1], "event": "x", "id": 7},
    )
    first, second, third = events_of(script)
    assert (first.text, first.type, first.id, first.retry) == ("a\nb\nc", "message", None, None)
    assert (second.type, second.event, second.id, second.retry) == ("message", "", "", 5)
    assert (third.type, third.data, third.id) == ("x", [1], None)
    assert comments_of(script) == ("c",)


def test_the_same_script_has_the_same_text() -> None:
    assert text_of(SCRIPT) == '{"v":1,"events":[{"data":"\\ud800\\u2028"},{"comment":"c"}]}'
