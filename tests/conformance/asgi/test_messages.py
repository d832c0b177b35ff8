"""The keys and values of messages: what is well-formed, and which key is not."""

from collections.abc import Mapping
from typing import Any

import pytest

from sse_conformance.wire.messages import bytes_of, faults_of, fields_of, is_last, taken

START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body"}
ACCEPT = {"type": "websocket.accept"}
SEND = {"type": "websocket.send"}
CLOSE = {"type": "websocket.close"}


@pytest.mark.parametrize(
    "message",
    [
        START,
        {**START, "headers": [(b"a", b"1"), [b"a", b"2"]], "trailers": False},
        {**START, "headers": ((b"a", b"1"),)},
        BODY,
        {**BODY, "body": b"", "more_body": True},
        ACCEPT,
        {**ACCEPT, "subprotocol": "chat", "headers": [(b"a", b"1")]},
        {**SEND, "text": ""},
        {**SEND, "text": None, "bytes": b""},
        CLOSE,
        {**CLOSE, "code": 4000, "reason": None},
        {"type": "lifespan.startup.complete"},
    ],
)
def test_well_formed_messages_have_no_fault(message: Mapping[str, Any]) -> None:
    assert faults_of(taken(message)) == ()


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (["type"], "type: None is no str"),
        ({}, "type: None is no str"),
        ({**START, "status": "200"}, "status: '200' is no int"),
        ({**START, "status": True}, "status: True is no int"),
        ({**START, "status": 99}, "status: 99 is no status code"),
        ({**START, "trailers": 1}, "trailers: 1 is no bool"),
        ({**START, "headers": {b"a": b"1"}}, "headers: dict is no iterable of pairs"),
        ({**START, "headers": None}, "headers: NoneType is no iterable of pairs"),
        ({**START, "headers": [(b"a",)]}, "headers[0]: (b'a',) is no pair of bytes"),
        ({**START, "headers": [("a", b"1")]}, "headers[0]: ('a', b'1') is no pair of bytes"),
        ({**START, "headers": [7]}, "headers[0]: 7 is no pair of bytes"),
        (
            {**START, "headers": [(b"a", b""), (b"A", b"")]},
            "headers[1]: the name b'A' is not in lower case",
        ),
        (
            {**START, "headers": [(b":status", b"200")]},
            "headers[0]: b':status' is a pseudo header",
        ),
        ({**BODY, "body": "text"}, "body: str is not bytes"),
        ({**BODY, "body": bytearray(b"x")}, "body: bytearray is not bytes"),
        ({**BODY, "body": None}, "body: NoneType is not bytes"),
        ({**BODY, "more_body": 1}, "more_body: 1 is no bool"),
        ({**ACCEPT, "subprotocol": b"chat"}, "subprotocol: b'chat' is no str"),
        (
            {**ACCEPT, "headers": [(b"sec-websocket-protocol", b"chat")]},
            "headers[0]: sec-websocket-protocol stands in the key subprotocol",
        ),
        (SEND, "payload: neither text nor bytes"),
        ({**SEND, "text": "a", "bytes": b"a"}, "payload: both text and bytes"),
        ({**SEND, "text": b"a"}, "text: bytes is no str"),
        ({**SEND, "bytes": "a"}, "bytes: str is not bytes"),
        ({**CLOSE, "code": "1000"}, "code: '1000' is no int"),
        ({**CLOSE, "code": False}, "code: False is no int"),
        ({**CLOSE, "reason": b"bye"}, "reason: bytes is no str"),
    ],
)
def test_a_fault_begins_with_its_key(message: object, fault: str) -> None:
    assert faults_of(taken(message)) == (fault,)


def test_headers_that_can_be_read_once_are_read_once() -> None:
    message = taken({**START, "headers": (pair for pair in [(b"A", b"1")])})
    assert faults_of(message) == ("headers[0]: the name b'A' is not in lower case",)
    assert fields_of(message) == ((b"A", b"1"),)


def test_fields_are_those_that_can_be_sent() -> None:
    assert fields_of({"headers": [(b"a", b"1"), ("b", "2"), 3, (b"c",)]}) == ((b"a", b"1"),)
    assert fields_of({"headers": 7}) == ()


def test_the_content_is_taken_from_a_wrong_type_too() -> None:
    contents = [b"x", bytearray(b"x"), memoryview(b"x"), "x"]
    assert [bytes_of({"body": content}) for content in contents] == [b"x"] * 4
    assert bytes_of({"body": 7}) == bytes_of({}) == b""


def test_the_last_body_is_the_one_without_more() -> None:
    assert is_last(BODY)
    assert not is_last({**BODY, "more_body": True})
    assert not is_last(START)
