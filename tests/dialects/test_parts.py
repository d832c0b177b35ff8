"""The parts of a response are well formed, whatever an agent says and wherever it begins."""

import json
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.dialects.parts import (
    Asked,
    Call,
    CallDelta,
    CallDropped,
    CallOpened,
    Closed,
    Delta,
    Opened,
    Over,
    Part,
    Parts,
    Result,
    Said,
    arguments,
    as_json,
    as_text,
)
from asgi_agent.events import (
    AgentEvent,
    Approval,
    BlockEnd,
    BlockStart,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Entry,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)
from tests.dialects.speech import WEATHER, ends, entries, said


def parts_of(*events: AgentEvent) -> list[Part]:
    """The parts of one response to all of this."""
    return told(Parts(), entries(*events))


def told(parts: Parts, some: Iterable[Entry]) -> list[Part]:
    return [part for entry in some for part in parts.feed(entry)]


def check(parts: Sequence[Part]) -> None:  # noqa: C901 - a table
    """Every rule that a dialect relies on, for one whole response."""
    block: Opened | None = None
    content: list[str] = []
    calls: dict[str, list[str]] = {}
    whole: set[str] = set()
    for number, part in enumerate(parts, 1):
        match part:
            case Opened():
                assert block is None
                block, content = part, []
            case Delta(kind, at, piece):
                assert block == Opened(kind, at)
                assert piece
                content.append(piece)
            case Closed(kind, at, all_of_it):
                assert block == Opened(kind, at)
                assert all_of_it == "".join(content) != ""
                block = None
            case CallOpened(call_id):
                assert call_id not in calls
                calls[call_id] = []
            case CallDelta(call_id, piece):
                assert piece
                calls[call_id].append(piece)
            case Call(call_id, _, _, _, was_told):
                assert was_told is bool(calls.pop(call_id))
                whole.add(call_id)
            case CallDropped(call_id, _, all_of_it):
                assert all_of_it == "".join(calls.pop(call_id))
            case Asked() | Said():
                pass
            case Result(call_id):
                assert call_id in whole
            case Over():
                assert number == len(parts)
        if not isinstance(part, Delta | Closed | Opened | Said | Result | Asked | CallDelta):
            assert block is None
    assert block is None
    assert not calls


# What is well formed

few_ids = st.sampled_from(["", "1", "2"])
calls = st.one_of(
    st.builds(ToolDelta, few_ids, few_ids, st.sampled_from(["", "{", '{"a": 1}', "}"])),
    st.builds(ToolExec, few_ids, few_ids, st.dictionaries(few_ids, few_ids, max_size=1)),
    st.builds(ToolResult, few_ids, few_ids, few_ids, st.booleans()),
    st.builds(ClientTool, few_ids, few_ids, st.none()),
    st.builds(Approval, few_ids, few_ids, few_ids, st.none(), few_ids),
    st.builds(BlockStart, st.just("tool-call"), st.just(0)),
    st.builds(BlockEnd, st.just("text"), st.just(0)),
)
speeches = st.lists(calls | said, max_size=12)


@given(speeches, ends)
@example([], Complete(None))
@example([Text("")], Complete("whole"))
@example([ToolDelta("1", "a", "{")], Cancelled())
@example([ToolDelta("1", "a", ""), ToolExec("1", "a", {}), ToolDelta("1", "a", "}")], Complete(1))
@example([ToolResult("1", "a", "r"), ToolResult("1", "a", "s")], Error("e", "c"))
@example([ToolExec("1", "a", {}), ToolResult("1", "a", 1), ToolDelta("1", "a", "{")], Complete(1))
@example(
    [
        ToolExec("1", "a", {}),
        ToolResult("1", "a", 1),
        ToolDelta("1", "a", "{"),
        ToolResult("1", "", 2),
    ],
    Complete(1),
)
@example([ToolDelta("1", "a", "{"), ToolDelta("2", "b", "{"), Text("x")], Complete(None))
def test_the_parts_of_any_speech_are_well_formed(speech: list[AgentEvent], end: AgentEvent) -> None:
    parts = parts_of(*speech, end)
    check(parts)
    assert isinstance(parts[-1], Over)


@given(speeches, ends, st.integers(0, 13), st.integers(0, 13))
@example([ToolDelta("1", "a", "{"), ToolDelta("1", "a", "}")], Complete(None), 1, 2)
@example([ToolDelta("1", "a", "{"), ToolExec("1", "a", {})], Complete(None), 1, 2)
@example([ToolDelta("1", "a", "{"), ToolResult("1", "a", {})], Complete(None), 1, 2)
@example([Text("a"), Text("b")], Complete(None), 1, 2)
@example([ToolExec("1", "a", {}), Question("q", "?"), ToolResult("1", "a", 1)], Complete(1), 2, 3)
def test_the_parts_of_any_part_of_a_speech_are_well_formed(
    speech: list[AgentEvent], end: AgentEvent, one: int, other: int
) -> None:
    all_of_it = entries(*speech, end)
    first, last = sorted((min(one, len(speech)), min(other, len(all_of_it))))
    parts = Parts()
    earlier = [*told(parts, all_of_it[:first]), *parts.close()]
    check(earlier)
    later = [*told(parts, all_of_it[first:last]), *parts.close()]
    known = [part for part in earlier if isinstance(part, Call)]  # their results may come now
    reopened = [each for call in known for each in (CallOpened(call.id, ""), call)]
    check([*[_without_deltas(each) for each in reopened], *later])
    assert spoken(earlier) + spoken(later) in spoken(parts_of(*speech, end))


def _without_deltas(part: Part) -> Part:
    return (
        Call(part.id, part.name, part.args, part.actor, was_told=False)
        if isinstance(part, Call)
        else part
    )


def spoken(parts: Iterable[Part]) -> str:
    """What a person reads, and in which order."""
    return "".join(f"{part.kind}:{part.content}|" for part in parts if isinstance(part, Delta))


# Texts


def test_a_text_is_opened_with_its_first_delta_and_closed_with_its_block() -> None:
    assert parts_of(
        BlockStart("text", 0), Text("a"), Text("b"), BlockEnd("text", 0), Complete("ab")
    ) == [
        Opened("text", 2),
        Delta("text", 2, "a"),
        Delta("text", 2, "b"),
        Closed("text", 2, "ab"),
        Over(Complete("ab")),
    ]


def test_a_block_without_a_delta_is_no_part() -> None:
    assert parts_of(BlockStart("text", 0), Text(""), BlockEnd("text", 0)) == []


def test_thinking_ends_where_text_begins() -> None:
    assert parts_of(Thinking("hm"), Text("a"), Complete(None)) == [
        Opened("thinking", 1),
        Delta("thinking", 1, "hm"),
        Closed("thinking", 1, "hm"),
        Opened("text", 2),
        Delta("text", 2, "a"),
        Closed("text", 2, "a"),
        Over(Complete(None)),
    ]


@pytest.mark.parametrize(("data", "text"), [("whole", "whole"), ({"a": "é"}, '{"a":"\\u00e9"}')])
def test_an_answer_that_is_said_only_as_a_whole_is_a_text(data: object, text: str) -> None:
    assert parts_of(Thinking("hm"), Complete(data))[3:] == [
        Opened("text", 2),
        Delta("text", 2, text),
        Closed("text", 2, text),
        Over(Complete(data)),
    ]


@pytest.mark.parametrize("end", [Complete(None), Complete(""), Cancelled(), Error("e", "c")])
def test_an_end_without_an_answer_is_no_text(end: AgentEvent) -> None:
    assert parts_of(end) == [Over(end)]


def test_an_answer_that_was_told_before_is_not_told_again() -> None:
    parts = Parts()
    told(parts, entries(Text("a")))
    list(parts.close())
    assert told(parts, entries(Complete("a"))) == [Over(Complete("a"))]


def test_a_text_goes_on_in_the_next_response() -> None:
    parts = Parts()
    first = [*told(parts, entries(Text("a"))), *parts.close()]
    assert first == [Opened("text", 1), Delta("text", 1, "a"), Closed("text", 1, "a")]
    assert told(parts, entries(Text("a"), Text("b"))[1:]) == [
        Opened("text", 2),
        Delta("text", 2, "b"),
    ]


# Calls


def test_a_call_is_told_once_however_often_it_is_named() -> None:
    assert parts_of(
        ToolDelta("1", "a", '{"x":'),
        ToolDelta("1", "", "1}"),
        Approval("q", "1", "a", {"x": 1}, "May I?"),
        ToolExec("1", "a", {"x": 1}),
        ToolDelta("1", "a", "too late"),
        ToolResult("1", "a", "r"),
    ) == [
        CallOpened("1", "a"),
        CallDelta("1", '{"x":'),
        CallDelta("1", "1}"),
        Call("1", "a", {"x": 1}, "person", was_told=True),
        Asked(Approval("q", "1", "a", {"x": 1}, "May I?")),
        Result("1", "a", "r", is_error=False),
    ]


def test_a_call_that_is_not_written_is_told_as_a_whole() -> None:
    assert parts_of(Text("a"), ToolExec("1", "b", {}))[2:] == [
        Closed("text", 1, "a"),
        CallOpened("1", "b"),
        Call("1", "b", {}, "server", was_told=False),
    ]


def test_a_client_tool_is_told_although_a_person_was_asked_about_it() -> None:
    parts = parts_of(Approval("q", "1", "a", {}, ""), ClientTool("1", "a", {}))
    assert [part for part in parts if isinstance(part, Call)] == [
        Call("1", "a", {}, "person", was_told=False),
        Call("1", "a", {}, "client", was_told=False),
    ]


def test_a_client_tool_is_told_again_when_it_is_asked_for_again() -> None:
    assert parts_of(ClientTool("1", "a", {}), ClientTool("1", "a", {"again": 1}))[2:] == [
        CallOpened("1", "a"),
        Call("1", "a", {"again": 1}, "client", was_told=False),
    ]


def test_an_id_may_be_used_again_once_the_call_has_returned() -> None:
    once = (ToolExec("1", "a", {}), ToolResult("1", "a", "r"))
    parts = parts_of(*once, *once)
    assert parts[:3] == parts[3:]


def test_a_call_that_is_made_again_is_written_no_more() -> None:
    once = (ToolExec("1", "a", {}), ToolResult("1", "a", "r"))
    parts = parts_of(*once, ToolExec("1", "a", {}), ToolDelta("1", "a", "{"))
    assert parts[3:] == parts[:2]


def test_a_call_that_is_only_written_again_has_returned_again() -> None:
    once = (ToolExec("1", "a", {}), ToolResult("1", "a", "r"))
    assert parts_of(*once, ToolDelta("1", "a", '{"x": 1}'), ToolResult("1", "a", "s"))[3:] == [
        CallOpened("1", "a"),
        CallDelta("1", '{"x": 1}'),
        Call("1", "a", {"x": 1}, "server", was_told=True),
        Result("1", "a", "s", is_error=False),
    ]


def test_a_second_result_belongs_to_the_same_call() -> None:
    assert parts_of(
        ToolExec("1", "a", {}), ToolResult("1", "a", "r"), ToolResult("1", "a", "s", is_error=True)
    )[2:] == [Result("1", "a", "r", is_error=False), Result("1", "a", "s", is_error=True)]


@pytest.mark.parametrize(
    ("written", "args"),
    [("", None), ('{"x": 1}', {"x": 1}), ('{"x": ', None), ("NaN", None), ("[" * 5000, None)],
)
def test_a_result_without_a_call_has_what_was_written_of_it(written: str, args: object) -> None:
    parts = parts_of(ToolDelta("1", "a", written), ToolResult("1", "a", "r"))
    assert parts[-2:] == [
        Call("1", "a", args, "server", was_told=bool(written)),
        Result("1", "a", "r", is_error=False),
    ]
    assert parts_of(ToolResult("1", "a", "r"))[:2] == [
        CallOpened("1", "a"),
        Call("1", "a", None, "server", was_told=False),
    ]


def test_a_call_that_nobody_makes_is_dropped_at_the_end() -> None:
    assert parts_of(ToolDelta("1", "a", "{"), ToolDelta("2", "b", ""), Cancelled())[3:] == [
        CallDropped("1", "a", "{"),
        CallDropped("2", "b", ""),
        Over(Cancelled()),
    ]


def test_a_half_written_call_is_dropped_by_one_response_and_told_whole_by_the_next() -> None:
    parts = Parts()
    speech = entries(ToolDelta("1", "a", "{"), ToolDelta("1", "", "}"), ToolExec("1", "a", {}))
    assert [*told(parts, speech[:1]), *parts.close()][2:] == [CallDropped("1", "a", "{")]
    assert told(parts, speech[1:]) == [
        CallOpened("1", "a"),
        CallDelta("1", "{"),
        CallDelta("1", "}"),
        Call("1", "a", {}, "server", was_told=True),
    ]


def test_a_half_written_call_that_is_then_made_is_told_without_deltas() -> None:
    parts = Parts()
    speech = entries(ToolDelta("1", "a", "{"), ToolExec("1", "", {}))
    told(parts, speech[:1])
    list(parts.close())
    assert told(parts, speech[1:]) == [
        CallOpened("1", "a"),
        Call("1", "a", {}, "server", was_told=False),
    ]


# The rest


def test_what_belongs_to_no_block_leaves_the_open_one_open() -> None:
    assert parts_of(Text("a"), Status("s"), Data("n", 1), Text("b"))[2:] == [
        Said(Status("s")),
        Said(Data("n", 1)),
        Delta("text", 1, "b"),
    ]


def test_a_question_ends_the_open_text() -> None:
    question = Question("q", "Which?")
    assert parts_of(Text("a"), question)[2:] == [Closed("text", 1, "a"), Asked(question)]


def test_a_little_of_everything_comes_in_its_order() -> None:
    assert [type(part).__name__ for part in parts_of(*WEATHER)] == [
        *("Opened", "Delta", "Closed"),
        *("CallOpened", "CallDelta", "Call", "Result"),
        *("Said", "Opened", "Delta", "Delta", "Closed", "Over"),
    ]


@pytest.mark.parametrize(
    ("args", "text"),
    [({"a": 1}, '{"a":1}'), (None, "{}"), ([1], '{"input":[1]}'), ("x", '{"input":"x"}')],
)
def test_arguments_are_a_json_object_whatever_the_agent_gave(args: object, text: str) -> None:
    assert arguments(args) == text


def test_text_is_told_as_it_is_and_all_else_as_json() -> None:
    assert [as_text(each) for each in ("é", "", 1, None)] == ["é", "", "1", "null"]


def test_json_is_one_line_of_ascii() -> None:
    assert as_json({"é": "\u2028\n"}).isascii()
    assert json.loads(as_json("\u2028\n")) == "\u2028\n"
    assert "\n" not in as_json("\n")
