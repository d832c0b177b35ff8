"""What is found in how pages of other origins are let in."""

from dataclasses import replace

import pytest

from sse_conformance.checks import cors
from sse_conformance.options import Options
from sse_conformance.transcript import Exchange
from sse_conformance.verdict import Outcome
from tests.conformance.checks.exchanges import KIND, Found, agrees, answered, silent, stream

ORIGIN = "https://a.example"
CLAIMED = Options(origin=ORIGIN)
NOT_CLAIMED = Options()
ALLOW = "Access-Control-Allow-Origin"
CREDENTIALS = "Access-Control-Allow-Credentials"
HEADERS = "Access-Control-Allow-Headers"


def to(origin: str, *fields: tuple[str, str], status: int = 200, method: str = "GET") -> Exchange:
    return answered(status, *fields, method=method, asked=((b"origin", origin.encode()),))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([(ALLOW, ORIGIN)], "holds"),
        ([(ALLOW, "*")], "holds"),
        ([], "broken"),
        ([(ALLOW, "https://b.example")], "broken"),
        ([(ALLOW, f"{ORIGIN}/")], "broken"),
        ([(ALLOW, ORIGIN), (ALLOW, ORIGIN)], "broken"),
        ([(ALLOW, "null")], "broken"),
    ],
)
def test_cor_01_the_origin_is_told(fields: list[tuple[str, str]], found: Found) -> None:
    exchange = to(ORIGIN, *fields)
    agrees(cors.the_origin_may_read(exchange, (exchange,), options=CLAIMED), found, ORIGIN)
    agrees(cors.the_origin_may_read(exchange, (), options=NOT_CLAIMED), "unknown", "no origin")


def test_cor_01_errors_should_tell_it_too() -> None:
    exchange, error = to(ORIGIN, (ALLOW, "*")), to(ORIGIN, status=405)
    outcome = cors.the_origin_may_read(exchange, (silent(), error), options=CLAIMED)
    agrees(outcome, "noted", "405")
    agrees(cors.the_origin_may_read(silent(), (), options=CLAIMED), "unknown")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([(ALLOW, ORIGIN), (CREDENTIALS, "true")], "holds"),
        ([(ALLOW, ORIGIN)], "unknown"),
        ([(ALLOW, "*"), (CREDENTIALS, "true")], "broken"),
        ([(ALLOW, ORIGIN), (CREDENTIALS, "True")], "broken"),
    ],
)
def test_cor_02_credentials_are_for_one_origin(fields: list[tuple[str, str]], found: Found) -> None:
    exchange = to(ORIGIN, *fields)
    agrees(cors.credentials_are_not_for_everyone(exchange, ()), found, CREDENTIALS.lower())
    outcome = cors.credentials_are_not_for_everyone(to(ORIGIN), (silent(), exchange))
    agrees(outcome, found, CREDENTIALS.lower())


VARY = ("Vary", "Accept, origin")


@pytest.mark.parametrize(
    ("own", "foreign", "found"),
    [
        ([(ALLOW, "*")], [(ALLOW, "*")], "holds"),
        ([], [], "holds"),
        ([(ALLOW, ORIGIN), VARY], [VARY], "holds"),
        ([(ALLOW, ORIGIN), ("Vary", "*")], [("Vary", "*")], "holds"),
        ([(ALLOW, ORIGIN)], [], "broken"),
        ([(ALLOW, ORIGIN), VARY], [], "broken"),
        ([(ALLOW, ORIGIN), ("Vary", "Accept")], [VARY], "broken"),
    ],
)
def test_cor_03_what_depends_on_the_origin_varies(
    own: list[tuple[str, str]], foreign: list[tuple[str, str]], found: Found
) -> None:
    exchanges = to(ORIGIN, *own), to("https://evil.example", *foreign)
    agrees(cors.caches_are_told_of_the_origin(*exchanges), found, "evil.example")


def test_cor_03_two_answers_are_compared() -> None:
    agrees(cors.caches_are_told_of_the_origin(silent(), stream()), "unknown")
    agrees(cors.caches_are_told_of_the_origin(stream(), silent()), "unknown")


def preflight(exchange: Exchange, options: Options = CLAIMED) -> Outcome:
    return cors.a_reconnection_passes_the_preflight(exchange, options=options)


@pytest.mark.parametrize(
    ("status", "allowed", "headers", "found"),
    [
        (204, ORIGIN, "Last-Event-ID", "holds"),
        (200, "*", "content-type, LAST-EVENT-ID", "holds"),
        (200, "*", "*", "holds"),
        (204, ORIGIN, "Content-Type", "broken"),
        (204, "https://b.example", "Last-Event-ID", "broken"),
        (405, ORIGIN, "Last-Event-ID", "broken"),
        (304, ORIGIN, "Last-Event-ID", "broken"),
    ],
)
def test_cor_04_a_preflight_allows_last_event_id(
    status: int, allowed: str, headers: str, found: Found
) -> None:
    exchange = to(ORIGIN, (ALLOW, allowed), (HEADERS, headers), status=status, method="OPTIONS")
    agrees(preflight(exchange), found, HEADERS.lower())
    agrees(preflight(exchange, NOT_CLAIMED), "unknown")


def test_cor_04_no_answer_to_a_preflight_is_no() -> None:
    agrees(preflight(silent()), "broken", "the preflight fails")


def test_cor_05_a_preflight_for_post_starts_nothing() -> None:
    check = cors.a_post_passes_the_preflight
    allow = answered(405, ("Allow", "GET, POST"), method="PUT")
    fine = to(ORIGIN, (ALLOW, "*"), (HEADERS, "Content-Type"), status=204, method="OPTIONS")
    agrees(check(fine, (allow,), options=CLAIMED), "holds")
    agrees(check(fine, (allow,), options=NOT_CLAIMED), "unknown", "no origin")
    agrees(check(fine, (answered(405, ("Allow", "GET")),), options=CLAIMED), "unknown", "POST")
    agrees(check(fine, (silent(),), options=CLAIMED), "unknown", "POST")
    agrees(check(answered(200, KIND), (), options=CLAIMED), "broken", "a stream")
    agrees(check(answered(200, KIND), (allow,), options=NOT_CLAIMED), "unknown", "no origin")
    refused = replace(fine, head=answered(403).head)
    agrees(check(refused, (allow,), options=CLAIMED), "broken", "403")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([], "holds"),
        ([(ALLOW, "*")], "holds"),
        ([(ALLOW, "https://a.example"), (CREDENTIALS, "true")], "holds"),
        ([(ALLOW, "https://evil.example")], "noted"),
        ([(ALLOW, "https://evil.example"), (CREDENTIALS, "true")], "broken"),
    ],
)
def test_cor_06_strangers_are_not_let_in(fields: list[tuple[str, str]], found: Found) -> None:
    exchange = to("https://evil.example", *fields)
    agrees(cors.strangers_are_not_let_in(exchange), found, "evil.example")
    agrees(cors.strangers_are_not_let_in(silent()), "unknown")


def test_an_exchange_without_origin_is_of_none() -> None:
    agrees(cors.strangers_are_not_let_in(answered(200, (ALLOW, ORIGIN))), "holds")
