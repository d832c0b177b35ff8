"""The native dialect: the bytes that Bond's clients read, and what those clients read in them."""

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.dialects.bond import (
    FAILURE,
    BondEventStream,
    BondWebSocket,
    error,
    event_id,
    parse_event_id,
)
from asgi_agent.errors import BadRequest, InvalidInput, UnknownSession
from asgi_agent.events import (
    SEPARATOR,
    AgentEvent,
    Approval,
    Audio,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolResult,
    decode,
    encode,
)
from asgi_agent.inputs import AnswerMessage, CancelMessage, PromptMessage, ResumeMessage
from asgi_agent.sse import EventStreamDecoder
from tests.dialects.speech import WEATHER, entries, kept, runs

GOLDEN = r"""id: 3-1
event: block_start
data: {"kind": "thinking", "idx": 0}

id: 3-2
event: thinking
data: {"content": "hmm"}

id: 3-3
event: block_end
data: {"kind": "thinking", "idx": 0}

id: 3-4
event: block_start
data: {"kind": "tool-call", "idx": 1}

id: 3-5
event: tool_delta
data: {"id": "call_1", "name": "get_weather", "args": "{\"city\": \"Tokyo\"}"}

id: 3-6
event: tool_exec
data: {"id": "call_1", "name": "get_weather", "args": {"city": "Tokyo"}}

id: 3-7
event: tool_result
data: {"id": "call_1", "name": "get_weather", "result": "sunny"}

id: 3-8
event: block_end
data: {"kind": "tool-call", "idx": 1}

id: 3-9
event: status
data: {"content": "Writing"}

id: 3-10
event: block_start
data: {"kind": "text", "idx": 2}

id: 3-11
event: text
data: {"content": "M\u00e9t\u00e9o: "}

id: 3-12
event: text
data: {"content": "sunny.\n"}

id: 3-13
event: block_end
data: {"kind": "text", "idx": 2}

id: 3-14
event: complete
data: {"data": "M\u00e9t\u00e9o: sunny.\n"}

"""


def test_a_turn_is_these_bytes_on_an_event_stream() -> None:
    assert BondEventStream().encode(3, 1, kept(*WEATHER)).decode("ascii") == GOLDEN


def test_the_same_bytes_come_out_however_they_are_cut_into_pages() -> None:
    stream = BondEventStream()
    said = kept(*WEATHER)
    for size in (1, 3, 5):
        pages = [
            stream.encode(3, start + 1, said[start : start + size])
            for start in range(0, len(said), size)
        ]
        assert b"".join(pages).decode() == GOLDEN


def test_a_gap_has_no_id_so_that_the_last_event_id_stays_what_it_was() -> None:
    gap = encode(Data("gap", {"last_event_id": "1-7", "next_event_id": "3-1"}))
    assert BondEventStream().gap(gap) == (
        b"event: data\n"
        b'data: {"name": "gap", "value": {"last_event_id": "1-7", "next_event_id": "3-1"}}\n\n'
    )


@given(runs(), st.integers(1, 10**6), st.integers(1, 10**6))
@example([Text("\r\n\u2028\ufeff"), Complete(None)], 1, 1)
@example([Data("a\nid: 9", "\0"), Cancelled()], 1, 1)
def test_a_client_reads_back_what_was_said(events: list[AgentEvent], turn: int, start: int) -> None:
    stream = BondEventStream().encode(turn, start, kept(*events))
    assert stream.isascii()
    read = EventStreamDecoder().feed(stream)
    assert [decode(each.event, each.data.encode()) for each in read] == events
    assert [each.id for each in read] == [
        event_id(turn, seq) for seq in range(start, start + len(events))
    ]
    # One JSON object on one data line: some clients parse line by line.
    assert stream.count(b"\n") == 4 * len(events)
    assert stream.count(b"\ndata: {") == len(events)


@given(st.integers(1, 10**9 - 1), st.integers(0, 10**18 - 1))
@example(1, 0)
def test_an_event_id_is_read_back(turn: int, seq: int) -> None:
    assert parse_event_id(event_id(turn, seq)) == (turn, seq)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "-", "1-", "-1", "0-1", "01-1", "1-01", "1-1-1", "a-b", "1-1 ", " 1-1", "1-1\n"),
        *(
            "+1-1",
            "1--1",
            "1-1.0",
            "1-\N{SUPERSCRIPT TWO}",
            "\N{ARABIC-INDIC DIGIT ONE}-1",
            "1e3-1",
            "9" * 10 + "-1",
            "1-" + "9" * 19,
        ),
        "9" * 100_000 + "-1",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_an_event_id_that_we_never_gave_is_none(text: str) -> None:
    assert parse_event_id(text) is None


def test_a_stream_that_fails_on_its_way_tells_no_more_than_that() -> None:
    [read] = EventStreamDecoder().feed(FAILURE.encode())
    assert (read.event, read.id) == ("error", None)
    assert json.loads(read.data) == {"error": "The stream failed.", "code": "stream_failed"}


def test_an_error_is_told_with_the_status_it_has() -> None:
    assert error(404, UnknownSession("Session not found or expired")) == (
        404,
        {"error": "Session not found or expired"},
    )
    problems = [{"loc": ("prompt",), "msg": "Field required"}]
    assert error(400, InvalidInput(problems)) == (
        400,
        {"error": "Invalid request: prompt: Field required"},
    )


# The WebSocket


def told(*events: AgentEvent) -> list[str | bytes]:
    socket = BondWebSocket()
    return [message for each in entries(*events) for message in socket.messages(each)]


def test_a_turn_is_these_messages_on_a_websocket() -> None:
    assert told(*WEATHER) == [
        '{"t":"block_start","kind":"thinking","idx":0}',
        '{"t":"thinking","c":"hmm"}',
        '{"t":"block_end","kind":"thinking","idx":0}',
        '{"t":"block_start","kind":"tool-call","idx":1}',
        '{"t":"tool_delta","n":"get_weather","a":"{\\"city\\": \\"Tokyo\\"}","id":"call_1"}',
        '{"t":"tool_exec","id":"call_1","name":"get_weather","args":{"city":"Tokyo"}}',
        '{"t":"tool_result","id":"call_1","name":"get_weather","result":"sunny"}',
        '{"t":"block_end","kind":"tool-call","idx":1}',
        '{"t":"status","c":"Writing"}',
        '{"t":"block_start","kind":"text","idx":2}',
        '{"t":"text","c":"Météo: "}',
        '{"t":"text","c":"sunny.\\n"}',
        '{"t":"block_end","kind":"text","idx":2}',
        '{"t":"complete","data":"Météo: sunny.\\n"}',
        '{"t":"done"}',
    ]


@given(st.text())
@example('"\\ \n\t\x01\x7f')
@example("\\u0041 M\u00e9t\u00e9o")
def test_a_delta_is_written_as_if_it_had_been_parsed(content: str) -> None:
    written = json.dumps(content, ensure_ascii=False)
    assert told(Text(content)) == [f'{{"t":"text","c":{written}}}']
    assert told(Thinking(content)) == [f'{{"t":"thinking","c":{written}}}']
    assert told(Status(content)) == [f'{{"t":"status","c":{written}}}']


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Error("No.", "agent_error"), '{"t":"error","error":"No.","code":"agent_error"}'),
        (Cancelled(), '{"t":"cancelled"}'),
        (Cancelled("deleted"), '{"t":"cancelled","reason":"deleted"}'),
        (
            Complete({"a": 1}, {"tokens": 3}, "stop"),
            '{"t":"complete","data":{"a":1},"usage":{"tokens":3},"finish_reason":"stop"}',
        ),
    ],
)
def test_done_follows_every_terminal_event(event: AgentEvent, message: str) -> None:
    assert told(event) == [message, '{"t":"done"}']


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Question("q", "Why?"), '{"t":"question","id":"q","prompt":"Why?"}'),
        (
            Approval("q", "c", "rm", {}, "Really?"),
            '{"t":"approval","id":"q","tool_id":"c","name":"rm","args":{},"message":"Really?"}',
        ),
        (
            ClientTool("q", "locate", None),
            '{"t":"client_tool","id":"q","name":"locate","args":null}',
        ),
        (Data("chart", [1]), '{"t":"data","name":"chart","value":[1]}'),
        (
            ToolResult("c", "f", None, is_error=True),
            '{"t":"tool_result","id":"c","name":"f","result":null,"is_error":true}',
        ),
    ],
)
def test_everything_else_has_its_own_fields(event: AgentEvent, message: str) -> None:
    assert told(event) == [message]


def test_sound_is_announced_and_then_sent_as_it_is() -> None:
    assert told(Audio("audio/pcm", b"\x00\xff")) == [
        '{"t":"audio","media_type":"audio/pcm"}',
        b"\x00\xff",
    ]
    assert told(Audio("audio/pcm", b"")) == []  # a message cannot be empty


def understood(messages: list[str | bytes]) -> list[Any]:
    """What a client makes of the messages: each event's type and fields, and "done"."""
    read: list[Any] = []
    for message in messages:
        if isinstance(message, bytes):
            read[-1][1]["bytes"] = base64.b64encode(message).decode()
            continue
        fields = json.loads(message)
        kind = fields.pop("t")
        short = {"c": "content", "n": "name", "a": "args"} if kind != "data" else {}
        read.append((kind, {short.get(key, key): value for key, value in fields.items()}))
    return read


@given(runs())
@example([Audio("x", b"\0"), Text(""), Complete("\u2028")])
def test_a_websocket_client_reads_back_what_was_said(events: list[AgentEvent]) -> None:
    messages = told(*events)
    assert all(messages)  # none is empty
    silent = [each for each in events if not (isinstance(each, Audio) and not each.bytes)]
    *read, done = understood(messages)
    assert done == ("done", {})
    assert [(kind, fields) for kind, fields in read] == [
        (each.type, json.loads(encode(each).partition(SEPARATOR)[2])) for each in silent
    ]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"prompt": "hi"}', PromptMessage(prompt="hi")),
        ('{"prompt": "hi", "type": null}', PromptMessage(prompt="hi")),
        ('{"prompt": "hi", "session_id": "s"}', PromptMessage(prompt="hi", session_id="s")),
        ('{"type": "cancel"}', CancelMessage(type="cancel")),
        (
            '{"type": "answer", "id": "q", "value": null}',
            AnswerMessage(type="answer", id="q", value=None),
        ),
        (
            '{"type": "resume", "session_id": "s"}',
            ResumeMessage(type="resume", session_id="s", last_event_id=""),
        ),
        (
            '{"type": "resume", "session_id": "s", "last_event_id": "1-2"}',
            ResumeMessage(type="resume", session_id="s", last_event_id="1-2"),
        ),
    ],
)
def test_a_command_is_understood(text: str, command: Any) -> None:
    assert BondWebSocket().parse(text) == command


def test_a_prompt_may_bring_its_own_history() -> None:
    text = '{"prompt": "hi", "history": [{"role": "user", "content": [1]}]}'
    parsed = BondWebSocket().parse(text)
    assert isinstance(parsed, PromptMessage)
    assert parsed.history is not None
    assert [each.model_dump() for each in parsed.history] == [{"role": "user", "content": [1]}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "Missing 'prompt' field"),
        ('{"prompt": ""}', "Missing 'prompt' field"),
        ('{"prompt": null}', "Missing 'prompt' field"),
        ('{"prompt": 5}', "Invalid request: prompt: Input should be a valid string"),
        (
            '{"prompt": "x", "history": 5}',
            "Invalid request: history: Input should be a valid array",
        ),
        ('{"type": "zzz"}', "Unknown message type"),
        ('{"type": 5, "prompt": "x"}', "Unknown message type"),
        ('{"type": "answer", "id": "q"}', "Invalid request: value: Field required"),
        ('{"type": "resume"}', "Invalid request: session_id: Field required"),
        ("[]", "Expected a JSON object"),
        ("nonsense", "Invalid JSON"),
        ("", "Invalid JSON"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(text: str, message: str) -> None:
    socket = BondWebSocket()
    with pytest.raises(BadRequest) as refused:
        socket.parse(text)
    assert str(refused.value) == message
    assert json.loads(socket.refuse(refused.value)) == {"t": "error", "error": message}


def test_a_ping_is_a_message_of_its_own() -> None:
    assert json.loads(BondWebSocket.ping) == {"t": "ping"}
