"""The checks of limits, input, silence and turns, on what was recorded by hand."""

import pytest

from sse_conformance.checks import websocket_agents as checks
from sse_conformance.options import Options
from sse_conformance.transcript import Dialogue, End, Frame, Observation
from sse_conformance.verdict import Outcome
from sse_conformance.wire.frames import BINARY, PING
from tests.conformance.websocket.dialogues import (
    PROBING,
    STILL_THERE,
    asks,
    closes,
    dialogue,
    got,
    says,
    sent,
    shaken,
)

AGENT = Options(profile="agent")
MIB = float(1 << 20)
REFUSED = dialogue(end="failed", handshake=shaken(403))


def found(outcome: Outcome) -> str:
    assert outcome.evidence
    return outcome.found


# ── WS-11, WS-16 ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("taken", "code", "is_open", "expected"),
    [
        (0, 1009, False, "holds"),
        (16, 1009, False, "holds"),
        (1, 0, False, "holds"),
        (1, 1002, False, "noted"),
        (4, 0, True, "noted"),
        (64, 0, True, "broken"),
    ],
)
def test_a_message_that_is_too_long_is_refused(
    taken: float, code: float, is_open: bool, expected: str
) -> None:
    facts = {"announced": 2.0**40, "offered": 64 * MIB, "taken": taken * MIB, "code": code}
    seen = Observation(what="oversize", facts={**facts, "is_open": float(is_open)})
    assert found(checks.oversize(seen)) == expected


@pytest.mark.parametrize(
    ("taken", "answered", "is_stalled", "is_open", "expected"),
    [
        (10, 10, True, True, "holds"),
        (32, 32, False, True, "broken"),
        (32, 8, False, True, "unknown"),  # the kernel may have kept that
        (8, 8, False, True, "unknown"),  # slow
        (8, 8, True, False, "unknown"),
    ],
)
def test_who_does_not_listen_is_not_listened_to(
    taken: float, answered: float, is_stalled: bool, is_open: bool, expected: str
) -> None:
    facts = {"offered": 32 * MIB, "taken": taken * MIB, "answered": answered * MIB}
    facts |= {"is_stalled": float(is_stalled), "is_open": float(is_open)}
    assert found(checks.flood(Observation(what="flood", facts=facts))) == expected


# ── WS-12, WS-13 ────────────────────────────────────────────────────────────────────────────


def put_in(*answer: Frame, end: End = "left") -> Dialogue:
    return dialogue(sent(BINARY, b"\0"), PROBING, *answer, end=end)


@pytest.mark.parametrize(
    ("samples", "options", "expected"),
    [
        ([put_in(says("{}"), STILL_THERE)], AGENT, "holds"),
        ([put_in(STILL_THERE)], AGENT, "noted"),
        ([put_in(STILL_THERE)], Options(), "holds"),
        ([put_in(says("{}"), end="timeout")] * 3, AGENT, "holds"),
        ([put_in(end="timeout")] * 3, Options(), "noted"),
        ([put_in(closes(1003), end="closed")], AGENT, "holds"),
        ([put_in(closes(4400), end="closed")], AGENT, "holds"),
        ([put_in(closes(1000), end="closed")], AGENT, "noted"),
        ([put_in(closes(None), end="closed")], AGENT, "noted"),
        ([put_in(closes(1011), end="closed")], Options(), "broken"),
        ([put_in(end="closed")], Options(), "broken"),
        ([put_in(end="reset")], Options(), "broken"),
        ([REFUSED], AGENT, "unknown"),
    ],
)
def test_input_that_makes_no_sense_ends_in_no_crash(
    samples: list[Dialogue], options: Options, expected: str
) -> None:
    assert found(checks.binary(tuple(samples), options=options)) == expected
    assert found(checks.bad_input(tuple(samples), options=options)) == expected


def test_evidence_counts_the_reactions() -> None:
    other = dialogue(sent(BINARY, b"\1"), PROBING, closes(1008), end="closed")
    outcome = checks.binary((put_in(says("{}"), STILL_THERE), other), options=AGENT)
    assert outcome.evidence == "2 messages: 1 times a message, 1 times Close 1008"
    (quiet,) = [checks.binary((put_in(STILL_THERE),), options=Options())]
    assert quiet.evidence == "1 messages: 1 times nothing"


# ── WS-14 ───────────────────────────────────────────────────────────────────────────────────


def silent(*at: float, end: End = "left", ended_at: float = 65.0, ping: bool = True) -> Dialogue:
    frame = got(PING) if ping else says('{"t": "ping"}')
    frames = tuple(Frame(at=each, sent=False, opcode=frame.opcode, payload=b"") for each in at)
    return Dialogue(handshake=dialogue().handshake, frames=frames, end=end, ended_at=ended_at)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (silent(20, 40, 60), "noted"),  # it does not leave who answers none
        (silent(20, end="closed", ended_at=40), "holds"),
        (silent(end="closed", ended_at=40), "holds"),
        (silent(15, 30, 45, 60, ping=False), "holds"),
        (silent(), "broken"),
        (silent(40), "broken"),
        (REFUSED, "unknown"),
    ],
)
def test_half_a_minute_of_silence_is_enough(held: Dialogue, expected: str) -> None:
    assert found(checks.idle(held, options=Options())) == expected


def test_the_limit_of_silence_is_scaled_with_all_times() -> None:
    held = silent(20, 40, 60, ended_at=65)
    assert found(checks.idle(held, options=Options(time_scale=0.5))) == "broken"


# ── WS-15 ───────────────────────────────────────────────────────────────────────────────────

PROMPT, CANCEL = asks('{"prompt": "x"}'), asks('{"type": "cancel"}')
TEXT, COMPLETE, CANCELLED, DONE, ECHO = (
    says(f'{{"t": "{name}"}}') for name in ("text", "complete", "cancelled", "done", "echo")
)
TWICE = dialogue(PROMPT, COMPLETE, COMPLETE, DONE)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (dialogue(PROMPT, TEXT, COMPLETE, DONE), "holds"),
        (dialogue(PROMPT, TEXT, end="timeout"), "unknown"),
        (TWICE, "broken"),
        (REFUSED, "unknown"),
    ],
)
def test_each_prompt_has_one_end(held: Dialogue, expected: str) -> None:
    assert found(checks.turns((held,), options=AGENT)) == expected
    assert found(checks.programs((held,), options=AGENT)) == expected


def test_evidence_tells_the_conversation_in_short() -> None:
    outcome = checks.turns(
        (dialogue(PROMPT, TEXT, TEXT, COMPLETE, TEXT, says("?")),), options=AGENT
    )
    assert outcome.evidence == (
        "after 0.500 s: 'text' after 'complete', in the same turn; said was: "
        '> {"prompt": "x"} | text | complete | text | ?'
    )


def spoken_on(words: int, terminal: Frame = COMPLETE) -> Dialogue:
    """Cancelled, and then so many tenths of a second of words."""
    return dialogue(PROMPT, TEXT, CANCEL, *[TEXT] * words, terminal, DONE)


DONE_BEFORE = dialogue(PROMPT, TEXT, COMPLETE, DONE, CANCEL, says('{"t": "error"}'))
STILL_SPEAKING = dialogue(PROMPT, TEXT, CANCEL, *[TEXT] * 30, end="timeout")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([spoken_on(1, CANCELLED)] * 3, "holds"),
        ([spoken_on(1, CANCELLED)] * 2 + [spoken_on(30, CANCELLED)], "holds"),
        ([spoken_on(30, CANCELLED)] * 3, "broken"),
        ([spoken_on(30)] * 2 + [spoken_on(1, CANCELLED)], "broken"),
        ([STILL_SPEAKING] * 3, "broken"),
        ([spoken_on(30)], "holds"),  # one sample proves nothing
        ([DONE_BEFORE] * 3, "holds"),  # but it was not cancelled
        ([dialogue(PROMPT, end="closed")], "broken"),
        ([dialogue(PROMPT, CANCEL, end="timeout")] * 3, "broken"),
        ([dialogue(PROMPT, CANCEL, end="closed")] * 3, "broken"),
        ([TWICE], "broken"),
    ],
)
def test_a_cancelled_agent_falls_silent(samples: list[Dialogue], expected: str) -> None:
    assert found(checks.cancelled(tuple(samples), options=AGENT)) == expected
