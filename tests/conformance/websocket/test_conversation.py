"""Messages from frames, and the model that a conversation is held against."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_conformance.conversation import (
    PROFILES,
    Said,
    account_of,
    fault_of,
    is_utf8,
    messages,
    parsed,
)
from sse_conformance.transcript import Frame
from sse_conformance.wire.frames import BINARY, CONTINUATION, PING, TEXT
from tests.conformance.websocket.dialogues import asks, dialogue, got, says, sent

AGENT = PROFILES["agent"]
PROMPT, CANCEL, NONSENSE = asks('{"prompt": "hi"}'), asks('{"type": "cancel"}'), asks("hm")
TEXT_, DONE, COMPLETE, CANCELLED, ERROR = (
    says(f'{{"t": "{name}"}}') for name in ("text", "done", "complete", "cancelled", "error")
)


def test_fragments_are_put_together_with_pings_between_them() -> None:
    frames = dialogue(
        got(TEXT, b"a\xc3", fin=False),
        got(PING, b"?"),
        sent(BINARY, b"\0"),
        got(CONTINUATION, b"\xa9"),
    ).frames
    assert [(each.sent, each.data, each.is_text) for each in messages(frames)] == [
        (True, b"\0", False),
        (False, "aé".encode(), True),
    ]


def test_only_json_objects_are_parsed() -> None:
    for text in ("[]", "hm", "[" * 100_000, "5", '"\\ud800"'):
        assert parsed(Said(at=0, sent=False, data=text.encode(), is_text=True)) == {}
    assert parsed(Said(at=0, sent=False, data=b'{"a": 1}', is_text=True)) == {"a": 1}
    assert is_utf8("é".encode())
    assert not is_utf8(b"\xff")


def test_what_is_no_text_is_something_that_is_said() -> None:
    assert AGENT.kind_of(Said(at=0, sent=False, data=b"\0", is_text=False)) == "delta"
    assert AGENT.type_of(Said(at=0, sent=False, data=b'{"t": 5}', is_text=True)) == ""


@pytest.mark.parametrize(
    "frames",
    [
        (PROMPT, TEXT_, TEXT_, COMPLETE, DONE),
        (PROMPT, COMPLETE, DONE, PROMPT, CANCELLED, DONE),
        (PROMPT, PROMPT, TEXT_, COMPLETE, DONE, TEXT_, COMPLETE, DONE),
        (PROMPT, TEXT_, ERROR, DONE),  # it has failed
        (PROMPT, ERROR),  # it is refused
        (PROMPT, PROMPT, ERROR, TEXT_, COMPLETE, DONE),  # one of them is
        (NONSENSE, ERROR),
        (NONSENSE,),
        (CANCEL, ERROR),
        (PROMPT, TEXT_, NONSENSE, ERROR, COMPLETE, DONE),
        (PROMPT, TEXT_, NONSENSE, COMPLETE, ERROR, DONE),  # said between the two
        (PROMPT, NONSENSE, TEXT_, ERROR, ERROR, DONE),  # refused and failed
        (PROMPT, says('{"t": "ping"}'), COMPLETE, says('{"t": "ping"}'), DONE),
        (PROMPT, got(BINARY, b"sound"), COMPLETE, DONE),
    ],
)
def test_a_conversation_in_order_has_no_fault(frames: tuple[Frame, ...]) -> None:
    held = dialogue(*frames, end="closed")
    assert fault_of(AGENT, held) == ""
    assert account_of(AGENT, messages(held.frames)).is_settled


@pytest.mark.parametrize(
    ("frames", "fault"),
    [
        ((TEXT_,), "after 0.100 s: 'text', and nothing is asked that is not answered"),
        ((PROMPT, COMPLETE, DONE, COMPLETE), "after 0.400 s: 'complete', and nothing is asked"),
        ((PROMPT, COMPLETE, DONE, DONE), "'done', and nothing is asked"),
        ((PROMPT, CANCELLED, COMPLETE), "'complete' after 'cancelled', in the same turn"),
        ((PROMPT, COMPLETE, TEXT_), "'text' after 'complete', in the same turn"),
        ((PROMPT, TEXT_, DONE), "'done', and nothing terminal before it"),
        ((PROMPT, ERROR, ERROR, DONE), "an error, and nothing is asked"),
        ((ERROR,), "an error, and nothing is asked"),
        ((PROMPT, NONSENSE, ERROR, COMPLETE, DONE, ERROR), "after 0.600 s: an error"),
        ((PROMPT, says("hello")), "no 't' in b'hello'"),
        ((PROMPT, COMPLETE, says('{"t":"x"}'), TEXT_), "after 0.300 s: 'x' after 'complete'"),
    ],
)
def test_a_conversation_out_of_order_is_told_where_it_is(
    frames: tuple[Frame, ...], fault: str
) -> None:
    assert fault in fault_of(AGENT, dialogue(*frames))


def test_a_turn_that_is_cut_off_is_a_fault_unless_nonsense_was_said() -> None:
    assert "closed in the midst" in fault_of(AGENT, dialogue(PROMPT, TEXT_, end="closed"))
    assert "reset in the midst" in fault_of(AGENT, dialogue(PROMPT, end="reset"))
    assert fault_of(AGENT, dialogue(PROMPT, NONSENSE, end="closed")) == ""
    assert fault_of(AGENT, dialogue(PROMPT, TEXT_, end="timeout")) == ""


def test_a_turn_that_speaks_is_not_settled_by_what_is_refused() -> None:
    account = account_of(AGENT, messages(dialogue(PROMPT, NONSENSE, TEXT_, ERROR).frames))
    assert not account.is_settled


@given(st.lists(st.sampled_from([(COMPLETE,), (CANCELLED,), (TEXT_, COMPLETE), (ERROR,)])))
def test_the_ends_of_turns_are_counted(turns: list[tuple[Frame, ...]]) -> None:
    frames = [each for turn in turns for each in (PROMPT, *turn, DONE)]
    account = account_of(AGENT, messages(dialogue(*frames).frames))
    assert account.fault == ""
    assert len(account.terminals) == len(turns) == account.done
    assert account.refused == 0


def test_what_we_say_is_what_the_profile_knows() -> None:
    said = [
        Said(at=0, sent=True, data=data, is_text=True)
        for data in (AGENT.prompt("é"), AGENT.cancellation)
    ]
    assert [AGENT.is_prompt(each) for each in said] == [True, False]
    assert [AGENT.is_cancellation(each) for each in said] == [False, True]
    assert "é".encode() in said[0].data
