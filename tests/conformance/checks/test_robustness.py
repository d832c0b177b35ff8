"""What is found in the answers to unusual requests."""

from dataclasses import replace

import pytest

from sse_conformance.checks import robustness
from sse_conformance.options import Options
from sse_conformance.transcript import Exchange, Piece
from tests.conformance.checks.exchanges import KIND, Found, agrees, answered, silent, stream

ALLOW = ("Allow", "GET, HEAD")
HANG = (silent(), silent())


def head(status: int = 200, *fields: tuple[str, str], at: float = 0.01) -> Exchange:
    return answered(status, *fields, method="HEAD", at=at)


@pytest.mark.parametrize(
    ("exchange", "found", "evidence"),
    [
        (head(200, KIND), "holds", "content-type: text/event-stream"),
        (head(405, ALLOW), "holds", "405"),
        (head(404), "holds", "404"),
        (head(405), "broken", "without Allow"),
        (head(200, KIND, at=2.5), "broken", "2 s are enough"),
        (head(200), "noted", "no content-type"),
        (replace(head(200, KIND), trailing=b"0\r\n\r\n"), "broken", "5 bytes"),
        (replace(head(200, KIND), body=(Piece(0.1, b"data: a"),)), "broken", "b'data: a'"),
        (replace(head(200, KIND), end="timeout"), "broken", "did not end"),
        (silent("failed", "closed", "HEAD"), "unknown", "closed"),
    ],
)
def test_rob_01_head_has_no_body(exchange: Exchange, found: Found, evidence: str) -> None:
    check = robustness.head_is_answered_without_a_body
    agrees(check((exchange,), stream(), options=Options()), found, evidence)


def test_rob_01_a_slow_machine_may_be_slow() -> None:
    check = robustness.head_is_answered_without_a_body
    patient = Options(time_scale=2.0)
    agrees(check((head(200, KIND, at=2.5),), stream(), options=patient), "holds")


def test_rob_01_a_hang_is_one_only_if_it_was_tried_twice() -> None:
    check = robustness.head_is_answered_without_a_body
    agrees(check(HANG, stream(), options=Options()), "broken", "2.0 s; GET")


def test_rob_02_head_is_supported() -> None:
    check = robustness.head_is_supported
    agrees(check(head(200, KIND), stream()), "holds", "200")
    agrees(check(head(405, ALLOW), stream()), "broken", "405")
    agrees(check(head(405, ALLOW), answered(404)), "unknown", "404")
    agrees(check(silent(), stream()), "unknown")


@pytest.mark.parametrize(
    ("exchange", "found"),
    [
        (answered(405, ALLOW, method="PUT"), "holds"),
        (answered(405, ("Allow", ""), method="PUT"), "holds"),
        (answered(405, method="PUT"), "broken"),
        (answered(405, ("Allow", "GET, put"), method="PUT"), "broken"),
        (answered(200, method="PUT"), "unknown"),
        (answered(412, method="PUT"), "unknown"),
        (answered(404, method="PUT"), "noted"),
        (answered(501, method="PUT"), "noted"),
        (silent(method="PUT"), "unknown"),
    ],
)
def test_rob_03_a_405_says_what_is_allowed(exchange: Exchange, found: Found) -> None:
    agrees(robustness.refused_methods_are_told_the_allowed_ones(exchange), found, "PUT /stream")


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (501, "holds"),
        (405, "holds"),
        (400, "holds"),
        (200, "broken"),
        (302, "broken"),
        (500, "noted"),
    ],
)
def test_rob_04_unknown_methods_are_refused(status: int, found: Found) -> None:
    agrees(robustness.unknown_methods_are_refused((answered(status),)), found, str(status))


def test_rob_04_and_rob_05_are_not_kept_waiting() -> None:
    for check in (robustness.unknown_methods_are_refused, robustness.options_starts_no_stream):
        agrees(check(HANG), "broken", "no answer in 2.0 s")
        agrees(check((silent("reset"),)), "noted", "reset")


def test_rob_05_options_starts_no_stream() -> None:
    check = robustness.options_starts_no_stream
    agrees(check((answered(204, method="OPTIONS"),)), "holds", "204")
    agrees(check((answered(405, method="OPTIONS"),)), "holds", "405")
    agrees(check((stream(),)), "broken", "a stream")
    agrees(check((answered(200, end="timeout"),)), "broken", "did not end")


def test_rob_06_another_type_is_not_the_stream() -> None:
    check = robustness.what_is_not_acceptable_is_not_faked
    agrees(check(stream()), "holds", "text/event-stream")
    agrees(check(answered(406)), "holds", "406")
    agrees(check(answered(200, ("Content-Type", "text/html"))), "broken", "text/html")
    agrees(check(silent()), "unknown")


def test_rob_07_every_accept_that_allows_it_works() -> None:
    check = robustness.every_accept_that_allows_it_works
    fine, refused = (stream(),), (answered(406),)
    agrees(check(stream(), fine, fine, fine), "holds", "no Accept: GET /stream: 200")
    agrees(check(stream(), fine, fine, refused), "broken", "a list: GET /stream: 406")
    agrees(check(stream(), refused, fine, fine), "broken", "no Accept")
    agrees(check(stream(), fine, HANG, fine), "broken", "no answer")
    agrees(check(stream(), fine, (silent("reset"),), fine), "holds", "reset")
    agrees(check(answered(404), fine, fine, fine), "unknown", "404")


def test_rob_09_a_half_closed_client_is_served_or_left() -> None:
    check = robustness.a_half_closed_client_is_served_or_left
    agrees(check((stream(),), stream()), "holds", "200")
    agrees(check((silent("failed", "closed"),), stream()), "holds", "closed")
    agrees(check(HANG, stream()), "broken", "no answer")
    agrees(check((stream(),), silent()), "unknown")


@pytest.mark.parametrize(
    ("without", "twice", "found"),
    [
        (answered(400), answered(400), "holds"),
        (answered(200), answered(400), "broken"),
        (answered(400), answered(200), "broken"),
        (answered(400), answered(421), "noted"),
        (silent("reset"), answered(400), "noted"),
        (silent("reset"), silent("reset"), "noted"),
    ],
)
def test_rob_13_one_host_is_wanted(without: Exchange, twice: Exchange, found: Found) -> None:
    agrees(robustness.one_host_is_wanted(without, twice), found, "two Hosts: ")


def test_rob_14_the_connection_can_be_used_again() -> None:
    check = robustness.the_connection_can_be_used_again
    closing = answered(200, KIND, ("Connection", "Close"))
    agrees(check((stream(), stream())), "holds", "the next request")
    agrees(check((stream(), silent("failed", "closed"))), "broken", "closed")
    agrees(check((stream(),)), "unknown", "no time")
    agrees(check((closing, silent())), "holds", "connection: Close")
    agrees(check((answered(200, KIND, http="1.0"), silent())), "holds", "HTTP/1.0")
    agrees(check((stream(end="closed"),)), "unknown", "did not end")
    agrees(check((silent(),)), "unknown")


def test_rob_15_many_may_read() -> None:
    check = robustness.many_may_read_at_once
    agrees(check((stream(),) * 100, stream()), "holds", "100 of 100")
    agrees(check((stream(),) * 100, answered(503)), "holds", "one more: GET /stream: 503")
    agrees(check((stream(),) * 100, silent()), "broken", "one more: GET /stream: no answer")
    agrees(check((stream(), silent()), silent()), "broken", "1 of 2")
    agrees(check((stream(),), stream()), "unknown", "no time for 100")
