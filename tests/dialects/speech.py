"""What runs say, as logs have kept it: for every dialect to tell."""

from hypothesis import strategies as st

from asgi_agent.events import (
    AgentEvent,
    Approval,
    Audio,
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
    encode,
    entry,
)
from asgi_agent.runs.blocks import Blocks

Kept = list[bytes]


def kept(*events: AgentEvent) -> Kept:
    """The events as a log keeps them."""
    return [encode(event) for event in events]


def entries(*events: AgentEvent) -> list[Entry]:
    """The events at their places in a log."""
    return [entry(seq, each) for seq, each in enumerate(kept(*events), 1)]


text = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(text, json_values, max_size=2)
said = st.one_of(
    st.builds(Text, text),
    st.builds(Thinking, text),
    st.builds(ToolDelta, text, text, text),
    st.builds(ToolExec, text, text, objects),
    st.builds(ToolResult, text, text, json_values, st.none() | st.booleans()),
    st.builds(ClientTool, text, text, json_values),
    st.builds(Question, text, text, st.none() | objects),
    st.builds(Approval, text, text, text, json_values, text),
    st.builds(Status, text),
    st.builds(Data, text, json_values, st.none() | text, st.none() | st.booleans()),
    st.builds(Audio, text, st.binary(max_size=4)),
)
ends = st.one_of(
    st.builds(Complete, json_values, st.none() | objects, st.none() | text),
    st.builds(Error, text, text),
    st.builds(Cancelled, st.none() | text),
)


@st.composite
def runs(draw: st.DrawFn) -> list[AgentEvent]:
    """What a run has in its log: any events, in blocks, and one that ends it."""
    blocks = Blocks()
    events = [each for event in draw(st.lists(said, max_size=8)) for each in blocks.admit(event)]
    return [*events, *blocks.close(), draw(ends)]


# One turn with a little of everything, for the golden streams.
WEATHER: list[AgentEvent] = [
    BlockStart("thinking", 0),
    Thinking("hmm"),
    BlockEnd("thinking", 0),
    BlockStart("tool-call", 1),
    ToolDelta("call_1", "get_weather", '{"city": "Tokyo"}'),
    ToolExec("call_1", "get_weather", {"city": "Tokyo"}),
    ToolResult("call_1", "get_weather", "sunny"),
    BlockEnd("tool-call", 1),
    Status("Writing"),
    BlockStart("text", 2),
    Text("Météo: "),
    Text("sunny.\n"),
    BlockEnd("text", 2),
    Complete("Météo: sunny.\n"),
]
