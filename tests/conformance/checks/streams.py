"""What the check of a requirement finds in an event stream, by its bytes."""

from sse_conformance.judge import judge
from sse_conformance.options import Options
from sse_conformance.transcript import End, Record, Subject
from sse_conformance.verdict import Outcome
from tests.conformance.checks.exchanges import stream


def found(
    requirement: str, wire: bytes | str, end: End = "complete", options: Options | None = None
) -> Outcome:
    """What is found in a stream of these bytes, whatever it rests on."""
    content = wire.encode() if isinstance(wire, str) else wire
    record = Record(Subject(target="t", mode="check", options=options or Options()))
    record.add("get", stream(*([(0.1, content)] if content else []), end=end))
    (result,) = judge(record, only=[requirement])
    return Outcome(result.found, result.evidence)  # type: ignore[arg-type]
