"""Emissions, made by hand: what was asked for, and the bytes that came."""

from sse_conformance.checks.emissions import PER_EMISSION
from sse_conformance.emission import Emission
from sse_conformance.script import request_for
from sse_conformance.transcript import Emitted, End, Exchange, Head, Operation, Piece
from sse_conformance.verdict import Outcome

URL = "http://localhost/emit"


def emitted(
    *script: Operation, wire: bytes | str = b"", status: int = 200, end: End = "complete"
) -> Emitted:
    content = wire.encode() if isinstance(wire, str) else wire
    fields = ((b"Content-Type", b"text/event-stream"), (b"Transfer-Encoding", b"chunked"))
    exchange = Exchange(
        request=request_for(URL, script),
        head=Head(at=0.0, status=status, http="1.1", fields=fields) if status else None,
        body=(Piece(0.0, content),) if content else (),
        end=end,
        ended_at=0.1,
    )
    return Emitted(script=script, exchange=exchange)


def emission(
    *script: Operation,
    wire: bytes | str = b"",
    status: int = 200,
    end: End = "complete",
    is_json: bool = False,
) -> Emission:
    return Emission(emitted(*script, wire=wire, status=status, end=end), is_json)


def said(requirement: str, judged: Emission) -> Outcome:
    """What the judge of this requirement says."""
    return PER_EMISSION[requirement](judged)
