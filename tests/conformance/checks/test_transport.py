"""What is found in how a stream is carried."""

from dataclasses import replace

import pytest

from sse_conformance.checks import transport
from sse_conformance.registry import CHECKS, Check
from sse_conformance.transcript import Exchange, Piece
from sse_conformance.verdict import Outcome
from tests.conformance.checks.exchanges import (
    KIND,
    Found,
    agrees,
    answered,
    emitted,
    silent,
    stream,
)


def checks(identifier: str, *needs: str) -> list[Check]:
    return [
        each.function for each in CHECKS if (each.requirement, each.needs) == (identifier, needs)
    ]


def judged(identifier: str, exchange: Exchange) -> Outcome:
    """What is found in the stream that is watched, and so in one that was emitted."""
    (of_get,), (of_emitted,) = checks(identifier, "get"), checks(identifier, "emitted*")
    outcome: Outcome = of_get(exchange)
    if exchange.head is not None and exchange.head.status < 400:
        assert of_emitted((emitted(exchange),)) == outcome
    return outcome


def test_without_a_response_nothing_is_known() -> None:
    for each in CHECKS:
        if each.function.__module__ == transport.__name__ and each.needs in {
            ("get",),
            ("get_http10",),
        }:
            agrees(each.function(silent()), "unknown", "no answer in 2.0 s")


def test_without_an_emitted_stream_nothing_is_known() -> None:
    (of_emitted,) = checks("HTTP-01", "emitted*")
    agrees(of_emitted((emitted(answered(400)),)), "unknown", "no script")


@pytest.mark.parametrize(("status", "found"), [(200, "holds"), (206, "broken"), (404, "broken")])
def test_http_01_the_status_is_200(status: int, found: Found) -> None:
    agrees(judged("HTTP-01", answered(status)), found, f"status {status}")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["text/event-stream"], "holds"),
        (["Text/Event-Stream;charset=utf-8"], "holds"),
        (["text/event-stream;"], "holds"),
        ([], "broken"),
        (["text/plain"], "broken"),
        (["text/event-stream", "text/event-stream"], "broken"),
        (["text/event-stream, text/event-stream"], "broken"),
    ],
)
def test_http_02_the_type_is_that_of_a_stream(values: list[str], found: Found) -> None:
    exchange = answered(200, *(("Content-Type", value) for value in values))
    agrees(judged("HTTP-02", exchange), found, "content-type")


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ("", "holds"),
        (";charset=utf-8", "holds"),
        ('; Charset="UTF-8"', "holds"),
        ("; x=y; charset=UTF-8 ;", "holds"),
        ('; x="; charset=latin-1"', "holds"),
        (";charset=iso-8859-1", "broken"),
        (";charset=utf8", "broken"),
        (";charset=utf-8;charset=utf-16", "broken"),
    ],
)
def test_http_03_the_charset_is_utf_8(parameters: str, found: Found) -> None:
    exchange = answered(200, ("Content-Type", f"text/event-stream{parameters}"))
    agrees(judged("HTTP-03", exchange), found, "content-type: text/event-stream")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([("Cache-Control", "no-store")], "holds"),
        ([("Cache-Control", "private, No-Cache")], "holds"),
        ([("Cache-Control", "private"), ("cache-control", "no-cache")], "holds"),
        ([], "broken"),
        ([("Cache-Control", "private")], "broken"),
        ([("Cache-Control", 'no-cache="set-cookie"')], "broken"),
        ([("Cache-Control", "max-age=0")], "noted"),
        ([("Expires", "0")], "noted"),
    ],
)
def test_http_04_caches_do_not_keep_it(fields: list[tuple[str, str]], found: Found) -> None:
    agrees(judged("HTTP-04", answered(200, *fields)), found, "cache-control")


CHUNKED = ("Transfer-Encoding", "chunked")
LENGTH = ("Content-Length", "5")


@pytest.mark.parametrize(
    ("fields", "found"),
    [([], "holds"), ([CHUNKED], "holds"), ([LENGTH], "holds"), ([CHUNKED, LENGTH], "broken")],
)
def test_http_05_there_is_one_length(fields: list[tuple[str, str]], found: Found) -> None:
    agrees(judged("HTTP-05", answered(200, *fields)), found, "content-length")


def test_http_06_a_stream_has_no_length() -> None:
    agrees(judged("HTTP-06", stream()), "holds", "no content-length")
    agrees(judged("HTTP-06", answered(204)), "unknown", "204")
    agrees(judged("HTTP-06", answered(200, KIND, LENGTH)), "noted", "finite")
    agrees(judged("HTTP-06", answered(200, KIND, LENGTH, end="left")), "broken", "0 bytes came")
    agrees(judged("HTTP-06", answered(200, KIND, LENGTH, end="closed")), "broken", "closed")


def test_http_07_the_framing_can_be_read() -> None:
    agrees(judged("HTTP-07", stream((0.1, b"data"))), "holds", "4 bytes of body")
    faulty = replace(stream(end="left"), fault="illegal chunk header")
    agrees(judged("HTTP-07", faulty), "broken", "illegal chunk header")
    agrees(judged("HTTP-07", replace(stream(), trailing=b"x")), "broken", "after the end")
    agrees(judged("HTTP-07", replace(stream(end="reset"), fault="ConnectionReset")), "holds")


def test_http_08_http_1_0_has_no_chunks() -> None:
    agrees(transport.http_1_0_gets_no_chunks(answered(200)), "holds", "no transfer-encoding")
    agrees(transport.http_1_0_gets_no_chunks(answered(200, CHUNKED)), "broken", "chunked")


def test_http_09_the_end_can_be_told() -> None:
    agrees(judged("HTTP-09", stream()), "holds", "complete after 1.0 s")
    agrees(judged("HTTP-09", stream(end="closed")), "broken", "closed after 1.0 s")
    agrees(judged("HTTP-09", stream(end="reset")), "broken", "reset after 1.0 s")
    agrees(judged("HTTP-09", stream(end="left")), "unknown", "did not end")
    agrees(judged("HTTP-09", answered(200)), "unknown")
    agrees(judged("HTTP-09", answered(200, KIND, http="1.0", end="closed")), "noted", "HTTP/1.0")


def test_http_09_a_script_may_ask_for_an_end_that_is_none() -> None:
    broken_off = stream(end="closed")
    outcome = transport.emitted_streams_end_well(
        (emitted(broken_off, {"raise": True}), emitted(broken_off, {"close": "abrupt"}))
    )
    agrees(outcome, "unknown")


@pytest.mark.parametrize(
    ("dates", "found"),
    [
        (["Sun, 06 Nov 1994 08:49:37 GMT"], "holds"),
        ([], "broken"),
        (["Sun, 06 Nov 1994 08:49:37 GMT"] * 2, "broken"),
        (["Sunday, 06-Nov-94 08:49:37 GMT"], "broken"),
        (["Sun, 36 Nov 1994 08:49:37 GMT"], "broken"),
        (["Sun, 06 Nov 1994 08:49:37 +0000"], "broken"),
    ],
)
def test_http_10_there_is_one_date(dates: list[str], found: Found) -> None:
    exchange = answered(200, *(("Date", date) for date in dates))
    agrees(judged("HTTP-10", exchange), found, "date")


def test_http_10_a_server_in_trouble_needs_no_clock() -> None:
    agrees(judged("HTTP-10", answered(500)), "unknown", "status 500")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (b"X: a\r\n", "holds"),
        (b"", "holds"),
        (b"X: a\rb\r\n", "broken"),
        (b"X: a\nb: c\r\n", "broken"),
        (b"X: a\0b\r\n", "broken"),
    ],
)
def test_http_11_no_line_of_the_head_is_forged(lines: bytes, found: Found) -> None:
    received = (Piece(0.0, b"HTTP/1.1 200 OK\r\n" + lines), Piece(0.1, b"\r\ndata: a\n\r\0"))
    agrees(judged("HTTP-11", replace(answered(200), received=received)), found)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("X-a!#$%&'*+.^_`|~9", "a\tb \xe9", "holds"),
        ("X ", "a", "broken"),
        (" folded", "", "broken"),
        ("", "a", "broken"),
        ("X", "a\nb", "broken"),
    ],
)
def test_http_11_names_are_tokens_and_values_are_lines(name: str, value: str, found: Found) -> None:
    agrees(judged("HTTP-11", answered(200, (name, value))), found)


@pytest.mark.parametrize(
    ("accepted", "fields", "found"),
    [
        (b"identity", [], "holds"),
        (b"identity", [("Content-Encoding", "identity")], "holds"),
        (b"identity", [("Content-Encoding", "gzip")], "broken"),
        (b"gzip", [("Content-Encoding", "gzip")], "unknown"),
    ],
)
def test_http_12_nothing_is_compressed_unasked(
    accepted: bytes, fields: list[tuple[str, str]], found: Found
) -> None:
    exchange = answered(200, *fields, asked=((b"Accept-Encoding", accepted),))
    agrees(judged("HTTP-12", exchange), found, "content-encoding")


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (("X-Accel-Buffering", "No"), "holds"),
        (("Cache-Control", "no-cache, no-transform"), "holds"),
        (("X-Accel-Buffering", "yes"), "broken"),
        (("Cache-Control", "no-cache"), "broken"),
    ],
)
def test_http_14_buffering_is_declined(field: tuple[str, str], found: Found) -> None:
    agrees(judged("HTTP-14", answered(200, field)), found, "x-accel-buffering")


def test_http_15_a_connection_of_http_2_has_no_fields() -> None:
    check = transport.http_2_gets_no_connection_fields
    agrees(check(silent()), "unknown")
    agrees(check(answered(200, KIND)), "holds", "1 fields")
    agrees(check(answered(200, ("Connection", "keep-alive"))), "broken", "connection: keep-alive")


def test_http_16_the_type_is_not_guessed() -> None:
    name = "X-Content-Type-Options"
    agrees(judged("HTTP-16", answered(200, (name, "nosniff"))), "holds")
    agrees(judged("HTTP-16", answered(200, (name, "sniff"))), "broken")


def test_http_17_no_content_is_none() -> None:
    empty, stated = answered(204), answered(204, ("Content-Length", "0"))
    agrees(transport.options_with_204_is_empty(empty), "holds", "204")
    agrees(transport.options_with_204_is_empty(stated), "broken", "content-length: 0")
    agrees(transport.options_with_204_is_empty(stream()), "unknown")
    agrees(transport.reconnection_with_204_is_empty((silent(), empty)), "holds")
    follows = replace(empty, trailing=b"0\r\n\r\n")
    agrees(transport.reconnection_with_204_is_empty((follows,)), "broken", "5 bytes of body")
