"""Exchanges and streams, made by hand."""

from dataclasses import replace
from typing import Literal

from sse_conformance.transcript import (
    Emitted,
    End,
    Exchange,
    Fields,
    Head,
    Operation,
    Piece,
    Request,
)
from sse_conformance.verdict import Outcome

KIND = ("Content-Type", "text/event-stream")
Found = Literal["holds", "broken", "unstable", "noted", "unknown"]


def answered(
    status: int = 200,
    *fields: tuple[str, str],
    method: str = "GET",
    asked: Fields = (),
    http: str = "1.1",
    at: float = 0.01,
    end: End = "complete",
    ended_at: float = 1.0,
) -> Exchange:
    """An exchange with a response that has no body."""
    given = tuple((name.encode(), value.encode("latin-1")) for name, value in fields)
    return Exchange(
        request=Request(method=method, target="/stream", fields=asked),
        head=Head(at=at, status=status, http=http, fields=given),
        end=end,
        ended_at=ended_at,
    )


def stream(*pieces: tuple[float, bytes], end: End = "complete", ended_at: float = 1.0) -> Exchange:
    """An event stream that came in these pieces."""
    exchange = answered(200, KIND, end=end, ended_at=ended_at)
    return replace(exchange, body=tuple(Piece(at, data) for at, data in pieces))


def silent(end: End = "timeout", fault: str = "", method: str = "GET") -> Exchange:
    """An exchange without a response."""
    request = Request(method=method, target="/stream")
    return Exchange(request=request, end=end, ended_at=2.0, fault=fault)


def emitted(exchange: Exchange, *script: Operation) -> Emitted:
    """What was emitted for this script."""
    return Emitted(script=script, exchange=exchange)


def agrees(outcome: Outcome, found: Found, evidence: str = "") -> None:
    """Assert that this was found, and that the evidence says why."""
    assert outcome.found == found, outcome
    assert outcome.evidence
    assert evidence in outcome.evidence
