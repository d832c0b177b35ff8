"""Results of every kind, made by hand: what reports are tested with."""

from collections.abc import Sequence
from typing import Any

from sse_conformance.catalogue import Requirement
from sse_conformance.judge import Result
from sse_conformance.options import Options
from sse_conformance.report.report import Report, report_on
from sse_conformance.transcript import (
    Call,
    Dialogue,
    Emitted,
    Exchange,
    Frame,
    Head,
    Piece,
    Record,
    Request,
    Subject,
)
from sse_conformance.verdict import Verdict

TARGET = "http://127.0.0.1:8000/stream?a=1&b=<2>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
BODY = b"data: <b>h\xc3\xa9llo</b>\n\n" * 40

GET = Exchange(
    request=Request(target="/stream"),
    received=(Piece(0.1, HEAD), Piece(0.2, BODY[:20]), Piece(1.5, BODY[20:])),
    head=Head(at=0.1, status=200, http="1.1", fields=((b"Content-Type", b"text/event-stream"),)),
    body=(Piece(0.2, BODY[:20]), Piece(1.5, BODY[20:])),
    end="timeout",
    ended_at=5.0,
)
DIALOGUE = Dialogue(
    handshake=GET,
    frames=(
        Frame(at=0.1, sent=True, opcode=1, payload=b"hi", masked=True),
        Frame(at=0.2, sent=False, opcode=1, payload=b"ho"),
    ),
    end="closed",
    ended_at=1.0,
)


def requirement(identifier: str, **fields: Any) -> Requirement:
    """A requirement of the group that its id names."""
    given: dict[str, Any] = {
        "group": identifier.partition("-")[0].lower(),
        "level": "MUST",
        "basis": "specification",
        "tier": 1,
        "modes": ("check",),
        "title": f"What {identifier} asks for",
        "clause": "WHATWG HTML 9.2.6",
        "url": "https://html.spec.whatwg.org/",
        "explain": "Because.",
        **fields,
    }
    return Requirement(id=identifier, **given)


def result(identifier: str, verdict: Verdict, evidence: str = "seen", **fields: Any) -> Result:
    """How the requirement stands."""
    given = {"found": "broken", "looked_at": ("get",), "reproducer": "", **fields}
    level = {"level": given.pop("level")} if "level" in given else {}
    return Result(
        requirement=requirement(identifier, **level), verdict=verdict, evidence=evidence, **given
    )


ALL = (
    result("FRM-01", Verdict.PASS),
    result("FRM-08", Verdict.FAIL, "byte 9\nof event 1: \x07", reproducer="curl -N 'http://x/'"),
    result("FLD-01", Verdict.WARN, level="SHOULD", looked_at=("emitted", "dialogue", "call")),
    result("FLD-09", Verdict.INFO, level="MAY"),
    result("LIV-01", Verdict.FLAKY),
    result("ROB-04", Verdict.HOST),
    result("REC-02", Verdict.SKIP, "the capability resume is not there"),
    result("REC-03", Verdict.SKIP, "the capability resume is not there"),
    result("REC-06", Verdict.BLOCKED, "REC-02 does not hold"),
)


def record() -> Record:
    """One thing of each kind."""
    made = Record(Subject(target=TARGET, mode="check", options=Options()))
    made.add("get", GET)
    made.add("emitted", Emitted(script=({"data": "x"},), exchange=GET))
    made.add("dialogue", DIALOGUE)
    made.add("call", Call(plan="p", scope="http", messages=(), outcome="returned", ended_at=0.0))
    return made


def report(results: Sequence[Result] = ALL, **options: Any) -> Report:
    """The report on them."""
    return report_on(record(), results, 1.25, **options)
