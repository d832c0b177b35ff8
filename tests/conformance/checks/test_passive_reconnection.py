"""What is found in how a reconnection is met."""

from dataclasses import replace

import pytest

from sse_conformance.checks import passive_reconnection as checks
from sse_conformance.transcript import Exchange
from tests.conformance.checks.exchanges import Found, agrees, answered, silent, stream


def tried(identifier: bytes, status: int | None) -> Exchange:
    fields = ((b"Last-Event-ID", identifier),)
    if status is None:
        return replace(silent(), request=replace(silent().request, fields=fields))
    return answered(status, asked=fields)


@pytest.mark.parametrize("status", [200, 204, 400, 404, 410, 431, 501, 503])
def test_rec_04_a_defined_outcome_is_fine(status: int) -> None:
    agrees(checks.no_event_id_is_too_much((tried(b"x", status),)), "holds", str(status))


def test_rec_04_failures_and_hangs_are_found() -> None:
    check = checks.no_event_id_is_too_much
    fine = tried(b"y", 200)
    agrees(check((fine, tried(b"x" * 99, 500))), "broken", "x' (99 bytes): GET /stream: 500")
    agrees(check((fine, tried(b"x", None), tried(b"x", None))), "broken", "b'x': GET /stream: no")
    agrees(check((fine, tried(b"x", 500), tried(b"x", 200))), "unstable", "500")
    agrees(check((fine, silent("reset"))), "holds", "2 strange event IDs: 200, reset")


@pytest.mark.parametrize(
    ("content", "found", "evidence"),
    [
        (b"retry: 3000\n\ndata: a\n\n", "holds", "1 times in 1 events"),
        (b"data: a\n\n", "unknown", "no reconnection time"),
        (b"retry: soon\n\ndata: a\n\n", "unknown", "no reconnection time"),
        (b"data: a\nretry: 0\n\n", "broken", "byte 8: b'retry: 0'"),
        (b"retry: 000\n\n", "broken", "byte 0"),
        (b"retry: 3600000\n\n", "holds", "1 times"),
        (b"retry: 3600001\n\n", "broken", "byte 0"),
        (b"retry: " + b"9" * 5000 + b"\n\n", "broken", "byte 0"),
        (b"data: a\nretry: 5\n\n" * 2, "holds", "2 times in 2 events"),
        (b"data: a\nretry: 5\n\n" * 3, "broken", "3 times in 3 events"),
    ],
)
def test_rec_08_retry_is_sane(content: bytes, found: Found, evidence: str) -> None:
    agrees(checks.retry_is_sane(stream((0.1, content))), found, evidence)


def test_rec_08_only_a_stream_sets_it() -> None:
    agrees(checks.retry_is_sane(answered(404)), "unknown", "404")


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ([301], "holds"),
        ([307, 308], "holds"),
        ([302], "broken"),
        ([301, 303], "broken"),
    ],
)
def test_rec_12_redirects_keep_the_method(statuses: list[int], found: Found) -> None:
    redirects = tuple(answered(status, ("Location", "/stream")) for status in statuses)
    agrees(checks.redirects_keep_the_method(redirects, stream()), found, "location: /stream")


def test_rec_12_a_redirect_leads_to_a_stream() -> None:
    redirect = answered(301, ("Location", "/nowhere"))
    agrees(checks.redirects_keep_the_method((redirect,), answered(404)), "noted", "404")
