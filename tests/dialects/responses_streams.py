"""Streams of response events, for those who read them: what was said, and how it is told."""

from itertools import pairwise

from asgi_agent.dialects.exchange import Frame, Place
from asgi_agent.dialects.openai_responses_stream import ResponseStream
from asgi_agent.events import (
    AgentEvent,
    Approval,
    Cancelled,
    ClientTool,
    Complete,
    Entry,
    Error,
    Question,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)
from tests.dialects.speech import WEATHER

SESSION = "00000000-0000-4000-8000-000000000000"
CREATED = 1795251179
ASKS = (ClientTool, Question, Approval)


def place(after: int = 0) -> Place:
    return Place(SESSION, 1, "run", after, "demo-agent")


def stream(
    said: list[Entry], *, after: int = 0, starting_after: int = -1, pages: tuple[int, ...] = ()
) -> tuple[list[Frame], ResponseStream]:
    """The frames of the response that begins after this entry, read in pages cut like that."""
    encoder = ResponseStream(CREATED, starting_after=starting_after)
    encoder.skip([each for each in said if each.seq <= after])
    frames = encoder.begin(place(after))
    rest = [each for each in said if each.seq > after]
    cuts = [0, *sorted(pages), len(rest)]
    for first, last in pairwise(cuts):
        frames += encoder.encode(rest[first:last])
    return frames, encoder


CASES: dict[str, list[AgentEvent]] = {
    "weather": WEATHER,
    "client_tool": [
        Text("Let me see. "),
        ToolDelta("1", "get_location", '{"accuracy": '),
        ToolDelta("1", "get_location", '"city"}'),
        ClientTool("1", "get_location", {"accuracy": "city"}),
        Text("You are in Bern."),
        Complete(None, {"input_tokens": 11, "output_tokens": 7}),
    ],
    "approval": [
        Approval("a", "1", "delete", {"path": "/"}, "Really?"),
        ToolExec("1", "delete", {"path": "/"}),
        ToolResult("1", "delete", "gone"),
        Text("It is gone."),
        Complete(None),
    ],
    "question": [Question("q", "Which city?"), Text("Rome it is."), Complete(None)],
    "failed_tool": [
        ToolExec("1", "get_wind", {}),
        ToolResult("1", "get_wind", {"reason": "no sensor"}, is_error=True),
        Error("The model is overloaded.", "model_error"),
    ],
    "cancelled": [Text("One"), ToolExec("1", "count", 2), Cancelled("requested")],
    "too_long": [Text("One"), Complete("One", finish_reason="length")],
}


def starts(events: list[AgentEvent]) -> list[int]:
    """After which entries the responses of this run begin."""
    return [0, *(seq for seq, each in enumerate(events, 1) if isinstance(each, ASKS))]


HARD: list[list[AgentEvent]] = [
    WEATHER,
    [Complete("only at the end")],
    [Complete({"only": "at the end"})],
    [ToolDelta("1", "a", ""), ToolDelta("2", "b", "{"), ToolExec("2", "b", {}), Complete(None)],
    [ToolExec("1", "a", {}), ToolExec("1", "a", {}), ToolResult("1", "a", 1), Complete(None)],
    [ToolResult("", "a", 1), ToolResult("", "a", 2), Complete(None)],
    [ToolExec("1", "a", {}), ClientTool("2", "b", {}), ToolResult("1", "a", 1), Complete(None)],
    [ClientTool("1", "a", {}), ToolResult("1", "a", 1), Complete(None)],
    [
        Approval("q", "1", "a", {}, ""),
        Text("well"),
        Approval("q", "1", "a", {}, ""),
        Complete(None),
    ],
    [Approval("q", "1", "a", {}, ""), ToolResult("1", "a", 1), Complete(None)],
    [Approval("", "1", "a", {}, ""), ToolExec("1", "a", {}), ToolExec("1", "a", {}), Error("", "")],
    [Question("q", ""), Text(""), Complete(None)],
    [
        Approval("q", "1", "a", {}, ""),
        ClientTool("1", "a", {}),
        ToolResult("1", "a", 1),
        Cancelled(),
    ],
    [ToolExec("1", "a", 1), ToolResult("1", "a", 1), ToolExec("1", "a", 2), Complete(None)],
    [ToolExec("1", "a", 1), ToolResult("1", "a", 1), ClientTool("2", "b", 1), Complete(None)],
    [Text("a"), Thinking("b"), Text("c"), ToolExec("1", "", []), Cancelled()],
]
