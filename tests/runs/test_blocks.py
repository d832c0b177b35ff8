"""Whatever an agent says of blocks, or leaves unsaid, the log has them right."""

from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.events import (
    AgentEvent,
    BlockEnd,
    BlockStart,
    Question,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)
from asgi_agent.runs.blocks import Blocks
from tests.runs.stage import check_blocks


def log_of(*events: AgentEvent) -> list[AgentEvent]:
    blocks = Blocks()
    return [logged for event in events for logged in blocks.admit(event)] + blocks.close()


def test_deltas_of_one_kind_share_a_block() -> None:
    assert log_of(Text("a"), Text("b")) == [
        BlockStart("text", 0),
        Text("a"),
        Text("b"),
        BlockEnd("text", 0),
    ]


def test_another_kind_of_delta_begins_another_block() -> None:
    assert log_of(Thinking("a"), Text("b"), Thinking("c")) == [
        *(BlockStart("thinking", 0), Thinking("a"), BlockEnd("thinking", 0)),
        *(BlockStart("text", 1), Text("b"), BlockEnd("text", 1)),
        *(BlockStart("thinking", 2), Thinking("c"), BlockEnd("thinking", 2)),
    ]


def test_a_tool_call_is_one_block_from_its_first_delta_to_its_result() -> None:
    said = [
        *(ToolDelta("c", "f", ""), ToolDelta("c", "", "{}"), ToolExec("c", "f", {})),
        ToolResult("c", "f", "x"),
    ]
    assert log_of(*said) == [BlockStart("tool-call", 0), *said, BlockEnd("tool-call", 0)]


def test_each_tool_call_has_a_block_of_its_own() -> None:
    first, second = ToolExec("1", "f", {}), ToolExec("2", "f", {})
    assert log_of(first, second) == [
        *(BlockStart("tool-call", 0), first, BlockEnd("tool-call", 0)),
        *(BlockStart("tool-call", 1), second, BlockEnd("tool-call", 1)),
    ]


def test_the_blocks_that_an_agent_says_are_kept_and_numbered() -> None:
    said: list[AgentEvent] = [BlockStart("text", 7), Text("a"), BlockEnd("text", 9)]
    assert log_of(*said, *said) == [
        *(BlockStart("text", 0), Text("a"), BlockEnd("text", 0)),
        *(BlockStart("text", 1), Text("a"), BlockEnd("text", 1)),
    ]


def test_a_tool_call_block_that_the_agent_opened_is_for_the_first_call_in_it() -> None:
    first, second = ToolExec("1", "f", {}), ToolExec("2", "f", {})
    assert log_of(BlockStart("tool-call"), first, ToolResult("1", "f", 1), second) == [
        *(BlockStart("tool-call", 0), first, ToolResult("1", "f", 1), BlockEnd("tool-call", 0)),
        *(BlockStart("tool-call", 1), second, BlockEnd("tool-call", 1)),
    ]


def test_a_block_may_be_empty_and_of_any_kind() -> None:
    assert log_of(BlockStart("image")) == [BlockStart("image", 0), BlockEnd("image", 0)]


def test_an_end_without_a_block_is_dropped() -> None:
    assert log_of(BlockEnd("text"), BlockEnd("text", 4)) == []


def test_an_end_of_another_kind_ends_the_block_that_is_open() -> None:
    assert log_of(Text("a"), BlockEnd("thinking", 3)) == [
        *(BlockStart("text", 0), Text("a"), BlockEnd("text", 0)),
    ]


def test_what_is_no_delta_stands_in_or_between_blocks() -> None:
    assert log_of(Status("a"), Text("b"), Question("q", "?"), Text("c")) == [
        Status("a"),
        *(BlockStart("text", 0), Text("b"), Question("q", "?"), Text("c"), BlockEnd("text", 0)),
    ]


kinds = st.sampled_from(["text", "thinking", "tool-call", "other"])
ids = st.sampled_from(["", "1", "2"])
said = st.one_of(
    st.builds(Text, st.just("x")),
    st.builds(Thinking, st.just("x")),
    st.builds(ToolDelta, ids, st.just("f"), st.just("{")),
    st.builds(ToolExec, ids, st.just("f"), st.none()),
    st.builds(ToolResult, ids, st.just("f"), st.none()),
    st.builds(BlockStart, kinds, st.integers(-1, 3)),
    st.builds(BlockEnd, kinds, st.integers(-1, 3)),
    st.builds(Status, st.just("x")),
)


@given(st.lists(said, max_size=25))
@example([BlockStart("tool-call"), Text("x"), ToolExec("", "f", None), BlockEnd("text")])
@example([BlockStart("text"), BlockStart("text"), Thinking("x")])
def test_whatever_is_said_the_blocks_are_balanced_and_nothing_else_is_lost(
    events: list[AgentEvent],
) -> None:
    logged = log_of(*events)
    check_blocks(logged)
    blocks = (BlockStart, BlockEnd)
    assert [each for each in logged if not isinstance(each, blocks)] == [
        each for each in events if not isinstance(each, blocks)
    ]
