"""What the clients of all dialects can read, by the bytes of the stream."""

import pytest

from sse_conformance.checks import universal
from sse_conformance.checks.streams import Stream
from sse_conformance.judge import judge
from sse_conformance.options import Options
from sse_conformance.transcript import End, Record, Subject
from tests.conformance.checks.exchanges import Found, agrees, answered, silent, stream
from tests.conformance.checks.streams import found

UNIVERSAL = Options(profile="universal")
CHUNK = 'data: {"object": "chat.completion.chunk", "choices": []}\n\n'
START = 'data: {"type": "start"}\n\n'
RUN = 'data: {"type": "RUN_STARTED", "runId": "r"}\n\n'
TASK = 'data: {"jsonrpc": "2.0", "result": {"task": {"status": {"state": "TASK_STATE_%s"}}}}\n\n'


@pytest.mark.parametrize(
    ("requirement", "wire", "what", "evidence"),
    [
        ("UNI-01", "data: a\n\n", "holds", "1 lines"),
        ("UNI-01", "data: a\r\n\r\n", "broken", "1 lines end in b'\\r\\n'; byte 0"),
        ("UNI-02", ": ka\ndata: a\n\n", "holds", "1 blocks"),
        ("UNI-02", ": ka\n", "holds", "0 blocks"),
        ("UNI-02", "data: a\n\n: ka\n\n", "broken", "byte 9: b': ka'"),
        ("UNI-02", "id: 1\n\n", "broken", "byte 0"),
        ("UNI-02", "\ndata: a\n\n", "broken", "byte 1: a blank line that ends nothing"),
        ("UNI-02", "data: a\n\n\n", "broken", "byte 10"),
        ("UNI-02", "data:\n\ndata: \n\n", "holds", "2 events"),
        ("UNI-03", "retry: 1\ndata: a\n\n", "holds", "1 blocks"),
        ("UNI-03", "retry: 1\n\ndata: a\n\n", "broken", "byte 0: a retry field, and there are no"),
        (
            "UNI-03",
            "data: a\n\nretry: 1\ndata: b\n\n",
            "broken",
            "byte 9: a retry field, and in block 1",
        ),
        ("UNI-04", "event: a\ndata: a\n\n", "unknown", "no dialect that is known"),
        ("UNI-04", "data: [1]\n\n", "unknown", "no dialect that is known"),
        ("UNI-04", f"event: {CHUNK}", "unknown", "no dialect"),
        ("UNI-04", f"event: chunk\n{CHUNK}", "broken", "named 'chunk', in Chat Completions"),
        ("UNI-04", 'data: {"type": "message_start"}\n\n', "broken", "named None"),
        ("UNI-05", f"{CHUNK}data: [DONE]\n\n", "holds", "[DONE]"),
        ("UNI-05", f'{CHUNK}data: {{"error": {{}}}}\n\n', "holds", "error"),
        ("UNI-05", CHUNK, "broken", "the last of 1 events of Chat Completions"),
        ("UNI-05", f"{RUN}data: [DONE]\n\n", "broken", "[DONE], in AG-UI"),
        ("UNI-05", f"{CHUNK}data: [DONE]\n\n{CHUNK}", "broken", "is event 1, not the last"),
        ("UNI-06", f'{START}data: {{"type": "error", "id": null}}\n\n', "broken", "'id' is null"),
        ("UNI-06", f'{START}data: {{"type": "data-x", "data": null}}\n\n', "holds", "2 events"),
        ("UNI-05", f'{CHUNK}data: {{"error": null}}\n\n', "broken", "error"),
        ("UNI-06", CHUNK, "unknown", "null is read"),
        ("UNI-07", RUN, "broken", "none of 1 events of AG-UI"),
        ("UNI-07", 'data: {"type": "RUN_ERROR"}\n\n', "holds", "RUN_ERROR"),
        ("UNI-07", TASK % "WORKING", "broken", "A2A"),
        ("UNI-07", TASK % "INPUT_REQUIRED", "holds", "the last of 1"),
        (
            "UNI-07",
            f'{TASK % "WORKING"}data: {{"result": {{"message": 1}}}}\n\n',
            "holds",
            "message",
        ),
        ("UNI-07", f'{TASK % "WORKING"}data: {{"error": {{}}}}\n\n', "holds", "error"),
        ("UNI-07", f'{TASK % "WORKING"}data: {{"result": {{}}}}\n\n', "broken", "A2A"),
        ("UNI-07", f'{CHUNK}data: {{"choices": "x"}}\n\n', "broken", "Chat Completions"),
        ("UNI-08", "data: a\n\n", "broken", "no x-accel-buffering"),
    ],
)
def test_a_stream_is_one_that_all_clients_read(
    requirement: str, wire: str, what: Found, evidence: str
) -> None:
    agrees(found(requirement, wire, options=UNIVERSAL), what, evidence)
    agrees(found(requirement, wire), "unknown", "the profile is 'sse'")


@pytest.mark.parametrize("end", ["left", "reset"])
@pytest.mark.parametrize("requirement", ["UNI-05", "UNI-07"])
def test_what_has_not_ended_has_said_nothing_wrong(requirement: str, end: End) -> None:
    agrees(found(requirement, CHUNK, end, UNIVERSAL), "unknown", "did not end")


@pytest.mark.parametrize("requirement", [f"UNI-{number:02}" for number in range(1, 9)])
def test_where_nothing_has_come_nothing_is_judged(requirement: str) -> None:
    agrees(found(requirement, "", options=UNIVERSAL), "unknown", "nothing")


def test_who_accepts_json_gets_the_stream() -> None:
    check = universal.accept_decides_nothing
    agrees(check(stream(), UNIVERSAL), "holds", "application/json")
    agrees(check(answered(406), UNIVERSAL), "broken", "406")
    agrees(check(silent(), UNIVERSAL), "broken", "no answer")
    agrees(check(answered(406), Options()), "unknown", "the profile is 'sse'")


def test_a_page_is_no_stream_for_anybody() -> None:
    record = Record(Subject(target="t", mode="check", options=UNIVERSAL))
    record.add("get", answered(200, ("Content-Type", "text/html")))
    (result,) = judge(record, only=["UNI-08"])
    assert (result.found, result.evidence[:15]) == ("unknown", "no event stream")
    nothing = universal.head_keeps_others_from_touching_it(Stream(silent()))
    agrees(nothing, "unknown", "nothing")
