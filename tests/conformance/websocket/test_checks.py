"""The checks of RFC 6455, on dialogues made by hand: what each of them accepts, and what not."""

from dataclasses import replace

import pytest

from sse_conformance.checks import websocket as checks
from sse_conformance.checks.websocket_seen import has_left, named, offence, wrongs
from sse_conformance.options import Options
from sse_conformance.transcript import Dialogue, End, Exchange, Frame
from sse_conformance.verdict import Outcome
from sse_conformance.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    RSV1,
    RSV3,
    TEXT,
    close_payload,
)
from tests.conformance.websocket.dialogues import (
    ACCEPTED,
    KEY,
    PROBING,
    STILL_THERE,
    VERSION,
    asks,
    closes,
    dialogue,
    got,
    says,
    sent,
    shaken,
    unanswered,
    we_close,
)

AGENT = Options(profile="agent")
TALK = dialogue(asks("hi"), says("hi"), we_close(), closes(), end="closed")
REFUSED = dialogue(end="failed", handshake=shaken(403))
ODD = sent(TEXT, b"x", rsv=RSV1)


def found(outcome: Outcome) -> str:
    assert outcome.evidence
    return outcome.found


# ── WS-01 ───────────────────────────────────────────────────────────────────────────────────


def offering(status: int = 101, *fields: tuple[str, str]) -> Exchange:
    return shaken(status, *ACCEPTED, *fields)


def test_the_handshake_of_the_specification_holds() -> None:
    # 4.2.2: the server may choose none, or refuse who offers none of its own.
    for offers in (
        offering(),
        offering(101, ("Sec-WebSocket-Protocol", "v2.sse-conformance.invalid")),
        shaken(400),
        unanswered(),
    ):
        assert found(checks.handshake(shaken(101, *ACCEPTED), offers)) == "holds"


@pytest.mark.parametrize(
    ("plain", "offers"),
    [
        (shaken(404), offering()),
        (shaken(200, *ACCEPTED), offering()),
        (shaken(101, *ACCEPTED[1:]), offering()),
        (shaken(101, ("Upgrade", "h2c"), *ACCEPTED[1:]), offering()),
        (shaken(101, *ACCEPTED[:1], ACCEPTED[2]), offering()),
        (shaken(101, *ACCEPTED[:2], ("Sec-WebSocket-Accept", "x")), offering()),
        (shaken(101, *ACCEPTED, ("Sec-WebSocket-Protocol", "chat")), offering()),
        (shaken(101, *ACCEPTED, ("Sec-WebSocket-Extensions", "x")), offering()),
        (shaken(101, *ACCEPTED), offering(101, ("Sec-WebSocket-Protocol", "chat"))),
        (
            shaken(101, *ACCEPTED),
            offering(101, *[("Sec-WebSocket-Protocol", "sse-conformance.invalid")] * 2),
        ),
    ],
)
def test_a_handshake_that_a_client_would_fail_is_broken(plain: Exchange, offers: Exchange) -> None:
    assert found(checks.handshake(plain, offers)) == "broken"


def test_no_response_says_nothing_of_the_handshake() -> None:
    assert found(checks.handshake(unanswered("failed"), offering())) == "unknown"


# ── WS-02 ───────────────────────────────────────────────────────────────────────────────────

NO_KEY = (VERSION,)
VERSION_12 = (KEY, (b"Sec-WebSocket-Version", b"12"))
TELLS = ("Sec-WebSocket-Version", "8, 13")


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (shaken(400, asked=NO_KEY), "holds"),
        (shaken(101, asked=NO_KEY), "broken"),
        (shaken(200, asked=NO_KEY), "noted"),  # it was no handshake for the server
        (shaken(500, asked=NO_KEY), "noted"),
        (shaken(426, TELLS, asked=VERSION_12), "holds"),
        (shaken(400, asked=VERSION_12), "broken"),
        (shaken(302, asked=VERSION_12), "noted"),
        (shaken(405, method="POST"), "holds"),
        (shaken(101, method="POST"), "broken"),
        (unanswered("closed"), "noted"),
    ],
)
def test_a_bad_handshake_has_to_be_refused(exchange: Exchange, expected: str) -> None:
    assert found(checks.bad_handshake((exchange,))) == expected


# ── what fails a connection: WS-03, WS-04, WS-05, WS-07, WS-08 ─────────────────────────────


def offended(*answer: Frame, end: End = "closed") -> Dialogue:
    return dialogue(ODD, PROBING, *answer, end=end)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([offended(closes(1002))], "holds"),
        ([offended()], "holds"),
        ([offended(end="reset")], "holds"),
        ([offended(closes(1002), end="left")], "holds"),  # who waits for our Close
        ([offended(closes(1000))], "noted"),
        ([offended(closes(None))], "noted"),
        ([offended(STILL_THERE, end="left")], "broken"),
        ([offended(STILL_THERE, closes(1002))], "broken"),
        ([offended(end="timeout")] * 3, "broken"),
        ([offended(end="timeout"), offended()], "unstable"),
        ([REFUSED], "unknown"),
        ([REFUSED, offended()], "holds"),
    ],
)
def test_an_offence_ends_the_connection_in_any_way(samples: list[Dialogue], expected: str) -> None:
    assert found(checks.reserved((TALK,), tuple(samples))) == expected


def test_each_offence_is_judged_by_its_own_samples() -> None:
    other = dialogue(sent(0x3, b"x"), PROBING, end="timeout")
    outcome = checks.reserved((TALK,), (other, other, offended(), other))
    assert outcome.found == "broken"
    assert "opcode-0x3" in outcome.evidence
    assert outcome.reproducer == "after the handshake send 83 81 00 00 00 00 78"


def test_evidence_counts_how_the_offences_ended() -> None:
    other = dialogue(sent(0x3, b"x"), PROBING, end="closed")
    outcome = checks.control((TALK,), (offended(closes(1002)), other))
    assert outcome.evidence == "2 offences: 1 times Close 1002, 1 times closed without a Close"


def test_a_long_reproducer_is_cut() -> None:
    ping = dialogue(sent(PING, bytes(126)), PROBING, STILL_THERE)
    assert checks.control((TALK,), (ping,)).reproducer.endswith("00 ...")


@pytest.mark.parametrize(
    ("requirement", "frames"),
    [
        ("WS-03", [replace(says("x"), masked=True)]),
        ("WS-04", [got(TEXT, rsv=RSV3)]),
        ("WS-04", [got(0xB)]),
        ("WS-05", [got(PONG, bytes(126))]),
        ("WS-05", [got(PING, fin=False)]),
        ("WS-07", [got(CONTINUATION)]),
        ("WS-07", [got(TEXT, fin=False), got(TEXT)]),
        ("WS-08", [got(TEXT, b"\xff")]),
        ("WS-08", [closes(1000, b"\xff")]),
        ("WS-09", [closes(), says("x")]),
        ("WS-10", [closes(1005)]),
        ("WS-10", [closes(999)]),
        ("WS-10", [got(CLOSE, b"\x03")]),
    ],
)
def test_what_a_server_may_not_send_is_one_requirement_each(
    requirement: str, frames: list[Frame]
) -> None:
    assert set(wrongs(dialogue(*frames))) == {requirement}


def test_what_a_server_may_send_is_not_wrong() -> None:
    sound = dialogue(
        got(TEXT, b"\xc3", fin=False),
        got(PING, bytes(125)),
        got(CONTINUATION, b"\xa9"),
        got(BINARY, b"\xff"),
        closes(4999, "é".encode()),
        got(PONG),  # no data
        closes(None),
    )
    assert wrongs(sound) == {}


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (checks.unmasked, replace(says("x"), masked=True)),
        (checks.reserved, got(0xB)),
        (checks.control, got(PONG, bytes(126))),
        (checks.broken_fragments, got(CONTINUATION)),
        (checks.illegal_close, closes(1006)),
    ],
)
def test_what_a_server_sends_is_judged_too(check: object, wrong: Frame) -> None:
    assert callable(check)
    outcome = check((dialogue(wrong),), (offended(),))
    assert outcome.found == "broken"
    assert "the server's" in outcome.evidence


def test_what_only_another_reader_sees_is_noted() -> None:
    assert found(checks.reserved((replace(TALK, fault="too long"),), (offended(),))) == "noted"
    masked = dialogue(replace(says("x"), masked=True))
    explained = checks.reserved((replace(masked, fault="masked"),), (offended(),))
    assert found(explained) == "holds"


def test_a_frame_is_named_by_what_is_odd_about_it() -> None:
    assert named(ODD) == "text frame of 1 bytes RSV1"
    assert named(replace(sent(PING, fin=False), masked=False)) == (
        "ping frame of 0 bytes without FIN unmasked"
    )
    assert named(we_close(1005)) == "close 1005"
    assert named(we_close(None)) == "close frame of 0 bytes"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([closes(1007)], "holds"),
        ([closes(1002)], "holds"),
        ([], "holds"),
        ([closes(1000)], "noted"),  # it does not read reasons
        ([closes(1000, b"\xff")], "broken"),
    ],
)
def test_a_reason_that_is_no_utf_8_need_not_be_read(answer: list[Frame], expected: str) -> None:
    reason = dialogue(we_close(1000, b"\xff"), *answer, end="closed")
    bad = dialogue(sent(TEXT, b"\xff"), PROBING, closes(1007), end="closed")
    assert found(checks.bad_utf8((TALK,), (bad,), (reason,))) == expected


# ── WS-06 ───────────────────────────────────────────────────────────────────────────────────

PINGED = dialogue(sent(PING, b"a"), got(PONG, b"a"), sent(PING, b"b"), got(PONG, b"b"))
MISSED = dialogue(sent(PING, b"a"), got(PONG, b"b"), end="timeout")
BETWEEN = dialogue(
    sent(TEXT, b"{", fin=False), sent(PING, b"b"), got(PONG, b"b"), sent(CONTINUATION, b"}")
)
LATE = dialogue(
    sent(TEXT, b"{", fin=False), sent(PING, b"b"), sent(CONTINUATION, b"}"), got(PONG, b"b")
)


@pytest.mark.parametrize(
    ("pings", "between", "expected"),
    [
        ([PINGED], [BETWEEN], "holds"),
        ([PINGED], [LATE], "noted"),
        ([MISSED] * 3, [BETWEEN], "broken"),
        ([PINGED], [MISSED] * 3, "broken"),
        ([MISSED, PINGED], [BETWEEN], "unstable"),
        ([replace(MISSED, end="closed")], [BETWEEN], "broken"),
        ([REFUSED], [REFUSED], "unknown"),
    ],
)
def test_a_ping_wants_its_pong(
    pings: list[Dialogue], between: list[Dialogue], expected: str
) -> None:
    assert found(checks.ping(tuple(pings), tuple(between))) == expected


BUSY = (asks('{"prompt": "x"}'), says('{"t": "text"}'), sent(PING, b"?"))
PONG_ = got(PONG, b"?")
DONE = (says('{"t": "complete"}'), says('{"t": "done"}'))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([dialogue(*BUSY, PONG_, *DONE)], "holds"),
        ([dialogue(*BUSY, PONG_)], "holds"),
        ([dialogue(*BUSY, *DONE, PONG_)], "noted"),
        ([dialogue(*BUSY, *DONE, end="timeout")] * 3, "broken"),
        ([dialogue(*BUSY, end="closed")], "unknown"),  # it may, whenever it wants
    ],
)
def test_an_agent_answers_pings_while_it_speaks(samples: list[Dialogue], expected: str) -> None:
    assert found(checks.ping_while_busy(tuple(samples), options=AGENT)) == expected


# ── WS-07 ───────────────────────────────────────────────────────────────────────────────────

WHOLE = dialogue(asks("hi"), says("hi"))
PIECES = (sent(TEXT, b"h", fin=False), sent(CONTINUATION, b"i"))
JOINED = dialogue(*PIECES, says("hi"))
DROPPED = dialogue(*PIECES, end="timeout")


@pytest.mark.parametrize(
    ("wholes", "fragmented", "expected"),
    [
        ([WHOLE, WHOLE], [JOINED], "holds"),
        ([WHOLE, WHOLE], [dialogue(*PIECES, says("h"), says("i"))], "broken"),
        ([WHOLE, WHOLE], [dialogue(*PIECES, says("hi"), closes(1007))], "broken"),
        ([WHOLE, WHOLE], [DROPPED] * 3, "broken"),
        ([WHOLE, WHOLE], [DROPPED, JOINED], "unstable"),
        ([WHOLE, WHOLE], [dialogue(*PIECES, end="closed")], "broken"),
        ([WHOLE, dialogue(asks("hi"), says("ho"))], [JOINED], "unknown"),
        ([dialogue(asks("hi"))] * 2, [dialogue(*PIECES, says("hi"))], "unknown"),
        ([dialogue(asks("hi"), end="closed")] * 2, [JOINED], "unknown"),
    ],
)
def test_fragments_are_answered_like_the_whole(
    wholes: list[Dialogue], fragmented: list[Dialogue], expected: str
) -> None:
    outcome = checks.fragmented(tuple(wholes), tuple(fragmented), options=Options())
    assert found(outcome) == expected


def test_an_agent_may_answer_in_other_words_but_not_refuse() -> None:
    ask = asks('{"prompt": "x"}')
    whole = dialogue(ask, says('{"t": "text", "c": "a"}'), *DONE)
    pieces = (sent(TEXT, b"{", fin=False), sent(CONTINUATION, b"}"))
    other = dialogue(*pieces, says('{"t": "ping"}'), says('{"t": "text", "c": "b"}'), *DONE)
    refused = dialogue(*pieces, says('{"t": "error"}'))
    wholes = (whole, whole)
    assert found(checks.fragmented(wholes, (other,), options=AGENT)) == "holds"
    assert found(checks.fragmented(wholes, (refused,), options=AGENT)) == "broken"


# ── WS-09, WS-10 ────────────────────────────────────────────────────────────────────────────


def closing(*frames: Frame, end: End = "closed", ours: Frame | None = None) -> Dialogue:
    return dialogue(ours or we_close(3000), *frames, end=end)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([closing(closes(3000))], "holds"),
        ([closing(closes(None), ours=we_close(None))], "holds"),
        ([closing(closes(1000))], "noted"),
        ([closing(says("late"), closes(3000))], "holds"),  # 5.5.1: it may finish its message
        ([closing(closes(3000), says("late"))], "broken"),
        ([closing()], "broken"),
        ([closing(end="reset")], "noted"),  # which may have overtaken the Close
        ([closing(closes(3000), end="reset")], "holds"),
        ([closing(closes(3000), end="timeout")] * 3, "broken"),
        ([closing(end="timeout")] * 3, "broken"),
        ([closing(end="timeout"), closing(closes(3000))], "unstable"),
        ([dialogue(end="closed")], "unknown"),  # there was nobody to answer
    ],
)
def test_a_close_is_answered_and_the_connection_closed(
    samples: list[Dialogue], expected: str
) -> None:
    assert found(checks.close(tuple(samples))) == expected
    assert found(checks.close_while_busy(tuple(samples))) == expected
    assert found(checks.close_after_talk(tuple(samples))) == expected


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([closing(closes(1002))], "holds"),
        ([closing()], "holds"),
        ([closing(closes(1000))], "noted"),
        ([closing(closes(2999))], "noted"),  # it is reserved, and may have a meaning one day
        ([closing(closes(1005))], "broken"),
        ([closing(end="timeout")] * 3, "broken"),
        ([closing(end="timeout"), closing()], "unstable"),
    ],
)
def test_an_illegal_close_is_not_echoed(samples: list[Dialogue], expected: str) -> None:
    assert found(checks.illegal_close((TALK,), tuple(samples))) == expected


# ── WS-17 ───────────────────────────────────────────────────────────────────────────────────

FOREIGN = shaken(101, *ACCEPTED, asked=(KEY, VERSION, (b"Origin", b"https://cross.invalid")))
LIMITED = Options(origin="https://a.example")


@pytest.mark.parametrize(
    ("held", "options", "expected"),
    [
        (dialogue(handshake=replace(shaken(403), request=FOREIGN.request)), LIMITED, "holds"),
        (dialogue(handshake=replace(unanswered(), request=FOREIGN.request)), LIMITED, "unknown"),
        (dialogue(PROBING, STILL_THERE, handshake=FOREIGN), LIMITED, "broken"),
        (dialogue(PROBING, STILL_THERE, handshake=FOREIGN), Options(), "noted"),
        (dialogue(PROBING, closes(1008), handshake=FOREIGN, end="closed"), LIMITED, "holds"),
        (dialogue(PROBING, handshake=FOREIGN, end="timeout"), LIMITED, "unknown"),
    ],
)
def test_a_foreign_page_is_kept_out_where_somebody_says_who_is_foreign(
    held: Dialogue, options: Options, expected: str
) -> None:
    assert found(checks.origin(held, options=options)) == expected


def test_an_offence_is_all_that_came_before_the_probe() -> None:
    assert offence(dialogue(ODD, PROBING, we_close())) == (dialogue(ODD).frames[0],)
    assert len(offence(dialogue(ODD, we_close()))) == 2


def test_a_server_has_left_if_it_said_so() -> None:
    assert has_left(dialogue(closes()))
    assert not has_left(dialogue(we_close(), end="timeout"))
    assert close_payload(None) == b""
