"""What the AI SDK's requests ask for, over HTTP and WebSocket."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_agent.dialects.ai_sdk import AISDK, UIMessageChannel, is_ui_request
from asgi_agent.dialects.ai_sdk_stream import DONE, UIMessageStream, chunk
from asgi_agent.dialects.exchange import (
    Abort,
    Action,
    Answer,
    CancelTurn,
    FollowTurn,
    Frame,
    Place,
    Received,
    Reply,
    StartTurn,
)
from asgi_agent.errors import BadRequest
from asgi_agent.events import Approval
from tests.dialects.speech import entries, json_values

JSON = st.recursive(json_values, lambda inner: st.lists(inner, max_size=2), max_leaves=3)


def user(text: str, **fields: Any) -> dict[str, Any]:
    return {"id": "u", "role": "user", "parts": [{"type": "text", "text": text}], **fields}


def assistant(*parts: dict[str, Any], id: str = "m") -> dict[str, Any]:
    return {"id": id, "role": "assistant", "parts": [{"type": "step-start"}, *parts]}


def received(body: Any, version: str | None = None) -> Received:
    headers = {} if version is None else {"x-ai-sdk-version": version}
    return Received(json.dumps(body).encode(), {}, headers, "agent", "")


def post(body: Any, version: str | None = None) -> Action:
    return AISDK().routes(["api", "chat"])["POST"](received(body, version))


def start(*messages: dict[str, Any], **fields: Any) -> StartTurn:
    action = post({"id": "s", "messages": messages, **fields})
    assert isinstance(action, StartTurn)
    return action


def begun(action: StartTurn) -> list[Any]:
    frames = action.encoder.begin(Place("s", 1, "r"))
    return [json.loads(frame.data) for frame in frames]


TOOL = {"type": "tool-locate", "toolCallId": "c", "input": {}}
APPROVAL = {"type": "dynamic-tool", "toolName": "rm", "toolCallId": "d", "input": {}}
OUTPUT = {**TOOL, "state": "output-available", "output": "Oslo"}
ALLOWED = {**APPROVAL, "state": "approval-responded", "approval": {"id": "a", "approved": True}}
REFUSED = {**APPROVAL, "state": "approval-responded", "approval": {"id": "a", "approved": False}}
QUESTION = {"type": "data-question", "id": "q", "data": {"prompt": "?"}}


def test_the_last_message_is_the_prompt_and_the_others_are_the_history() -> None:
    answer = assistant({"type": "text", "text": "Hi, "}, {"type": "text", "text": "you."})
    asked = start(user("Hello!"), answer, user("And now?"), trigger="submit-message")
    assert (asked.session_id, asked.prompt, asked.answers) == ("s", "And now?", [])
    assert asked.history == [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hi, you."},
    ]
    assert asked.takes_over
    assert asked.is_streamed
    assert begun(asked)[0] == {"type": "start", "messageId": "msg_r"}


def test_what_is_more_than_text_is_handed_on_whole() -> None:
    file = {"type": "file", "mediaType": "text/plain", "url": "data:,x"}
    message = {**user("See."), "parts": [*user("See.")["parts"], file]}
    asked = start(message)
    assert asked.prompt == "See."
    assert asked.history == [{"role": "user", "content": "See.", "parts": message["parts"]}]


def test_a_client_may_send_its_last_message_only() -> None:
    asked = post({"id": "s", "message": user("Hello!")})
    assert isinstance(asked, StartTurn)
    assert (asked.prompt, asked.history) == ("Hello!", None)


def test_the_output_of_a_tool_answers_the_agent_and_continues_the_message() -> None:
    failed = {**TOOL, "toolCallId": "e", "state": "output-error", "errorText": "no"}
    asked = start(user("Where?"), assistant(OUTPUT, failed), messageId="m")
    assert asked.answers == [Answer("s", "c", "Oslo"), Answer("s", "e", {"error": "no"})]
    assert asked.prompt == ""
    assert asked.history is not None
    assert len(asked.history) == 2
    assert begun(asked) == [{"type": "start", "messageId": "m"}, {"type": "start-step"}]


def test_what_a_tool_of_the_server_returned_is_no_answer() -> None:
    theirs = {**OUTPUT, "providerExecuted": True}
    dynamic = {**OUTPUT, "type": "dynamic-tool"}
    earlier = [OUTPUT, {"type": "step-start"}]
    text = {"type": "text", "text": "x", "state": "done"}
    assert start(user("?"), assistant(*earlier, theirs, dynamic, text)).answers == []


def test_approvals_are_answered_and_what_was_refused_is_told() -> None:
    asked = start(user("Remove it."), assistant(ALLOWED))
    assert asked.answers == [Answer("s", "a", True)]
    asked = start(user("Remove it."), assistant(REFUSED))
    assert asked.answers == [Answer("s", "a", False)]
    assert {"type": "tool-output-denied", "toolCallId": "d"} in begun(asked)


def test_version_5_answers_an_approval_like_a_tool() -> None:
    data = {"type": "data-approval", "id": "a", "data": {"toolCallId": "c", "message": "?"}}
    odd = [{"type": "data-approval"}, {"type": "data-approval", "id": "x", "data": 5}]
    parts = ({**OUTPUT, "output": True}, data, *odd)
    assert start(user("Remove it."), assistant(*parts)).answers == [Answer("s", "a", True)]


@pytest.mark.parametrize(
    ("version", "kind"), [("5.0.277", "data-approval"), ("5", "data-approval")]
)
def test_version_5_is_asked_in_words_that_it_knows(version: str, kind: str) -> None:
    asked = post({"messages": [user("x")]}, version)
    assert isinstance(asked, StartTurn)
    assert last_of(asked.encoder) == kind


@pytest.mark.parametrize("version", [None, "6", "7.0.173", "next"])
def test_all_others_are_asked_for_an_approval(version: str | None) -> None:
    asked = post({"messages": [user("x")]}, version)
    assert isinstance(asked, StartTurn)
    assert last_of(asked.encoder) == "tool-approval-request"


def last_of(encoder: Any) -> str:
    frames = encoder.encode(entries(Approval("a", "c", "rm", {}, "")))
    told: str = json.loads(frames[-1].data)["type"]
    return told


def test_an_earlier_message_can_be_continued() -> None:
    asked = start(user("Remove it."), assistant(ALLOWED), user("Well?"), messageId="m")
    assert asked.answers == [Answer("s", "a", True)]
    assert asked.prompt == ""
    assert begun(asked)[0]["messageId"] == "m"


def test_a_message_that_is_written_anew_answers_nothing() -> None:
    told = [user("Ask me."), assistant(QUESTION), user("Oslo")]
    asked = start(*told, trigger="regenerate-message", messageId="gone")
    assert (asked.prompt, asked.answers) == ("Oslo", [])


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({}, "5", "5"),
        ({"schema": {"type": "string"}}, "5", "5"),
        ({"schema": {"type": "integer"}}, "5", 5),
        ({"schema": {"type": "boolean"}}, "true", True),
        ({"schema": {"type": "integer"}}, "five", "five"),
    ],
)
def test_text_after_a_question_is_its_answer(schema: Any, text: str, value: Any) -> None:
    question = {**QUESTION, "data": {"prompt": "?", **schema}}
    later = {**QUESTION, "id": "q2"}
    asked = start(user("Ask me."), assistant(question, later), user(text))
    assert asked.answers == [Answer("s", "q", value)]
    assert (asked.prompt, asked.is_prompt_an_answer) == (text, True)


def test_a_part_may_name_the_question_that_it_answers() -> None:
    named = {"id": "u", "role": "user", "parts": [{"type": "data-answer", "id": "q", "data": 5}]}
    asked = start(user("Ask me."), assistant(QUESTION), named)
    assert asked.answers == [Answer("s", "q", 5)]


def test_text_that_follows_no_question_answers_none() -> None:
    assert start(user("a"), assistant(QUESTION), user("b"), user("c")).answers == []
    assert start({**assistant(QUESTION), "role": "user"}, user("c")).answers == []


def test_a_conversation_that_ends_with_no_question_goes_on() -> None:
    asked = start(user("a"), assistant({"type": "text", "text": "b"}))
    assert (asked.prompt, asked.answers) == ("", [])
    assert asked.history is not None
    assert asked.history[-1] == {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": [{"role": "user", "parts": ["x"]}]},
        {"messages": [{"role": "user", "parts": [{"type": 5}]}]},
        {"messages": [{"role": "user"}]},
        {"messages": [user("x")], "id": ".."},
        {"messages": [user("x")], "id": "x" * 257},
        {"messages": [user("x")], "messageId": 5},
        {"message": "text"},
        [],
    ],
)
def test_a_request_that_makes_no_sense_is_refused(body: Any) -> None:
    with pytest.raises(BadRequest):
        post(body)


@given(st.lists(st.dictionaries(st.sampled_from(["id", "role", "parts", "x"]), JSON), max_size=3))
def test_no_request_is_too_strange_to_be_refused(messages: list[Any]) -> None:
    with suppress(BadRequest):
        post({"id": "s", "messages": messages})


STRANGE = st.sampled_from(
    ["type", "state", "toolCallId", "output", "approval", "id", "data", "errorText", "text"]
)
KNOWN = st.sampled_from(
    [
        *("text", "step-start", "tool-x", "dynamic-tool", "data-approval", "data-question"),
        *("data-answer", "output-available", "output-error", "approval-responded"),
    ]
)


@given(
    st.lists(st.dictionaries(STRANGE, KNOWN | JSON | st.just({"id": "a"})), max_size=4),
    st.sampled_from(["user", "assistant"]),
)
def test_strange_parts_are_passed_over(parts: list[Any], role: str) -> None:
    typed = [{"type": "text", **part} for part in parts]
    with suppress(BadRequest):
        start(assistant(*typed), {"role": role, "parts": typed})


@pytest.mark.parametrize(
    ("body", "is_ours"),
    [
        (b'{"messages": [{"role": "user", "parts": []}]}', True),
        (b'{"message": {"role": "user", "parts": []}}', True),
        (b'{"messages": [{"role": "user", "content": "x"}]}', False),
        (b'{"messages": []}', False),
        (b'{"message": "parts"}', False),
        (b'{"messages": ["parts"]}', False),
        (b"[]", False),
        (b"{", False),
        (b"[" * 100_000, False),
    ],
)
def test_the_body_tells_whose_request_it_is(body: bytes, is_ours: bool) -> None:
    assert is_ui_request(body) is is_ours


def test_the_routes_are_those_of_the_transports() -> None:
    dialect = AISDK()
    follow = dialect.routes(["api", "chat", "s", "stream"])["GET"](received(None))
    assert isinstance(follow, FollowTurn)
    assert (follow.session_id, follow.only_active) == ("s", True)
    stop = dialect.routes(["api", "chat", "s", "stop"])["POST"](received(None))
    assert stop == CancelTurn(session_id="s")
    assert dialect.routes(["api", "chat", "s"]) == {}
    assert dialect.channel(["api", "chat", "ws"]) is not None
    assert dialect.channel(["ws"]) is None
    assert dialect.describe().keys() == {
        "/api/chat",
        "/api/chat/{id}/stream",
        "/api/chat/{id}/stop",
    }
    assert dialect.tell_error(409, "busy") == (409, {"error": "busy"})


def frame(**fields: Any) -> str:
    return json.dumps({"requestId": "k", "id": "s", "headers": {}, "body": {}, **fields})


def test_the_frames_of_a_web_socket_ask_the_same() -> None:
    channel = UIMessageChannel()
    key, send = channel.parse(frame(type="send", trigger="submit-message", messages=[user("x")]))
    assert key == "k"
    assert isinstance(send, StartTurn)
    assert (send.prompt, send.session_id) == ("x", "s")
    key, resume = channel.parse(frame(type="resume"))
    assert isinstance(resume, FollowTurn)
    assert (key, resume.session_id, resume.only_active) == ("k", "s", True)
    assert channel.parse(frame(type="abort")) == ("k", Abort())


def test_each_response_is_a_numbered_series_of_chunks() -> None:
    channel = UIMessageChannel()
    told = [
        *channel.opened("k"),
        *channel.messages("k", [chunk("start-step"), chunk("abort")]),
        *channel.messages("k", [chunk("finish-step"), DONE]),
        *channel.closed("k"),
    ]
    assert [json.loads(each) for each in told] == [
        {"type": "start", "requestId": "k"},
        {"type": "chunk", "requestId": "k", "sequence": 0, "chunk": {"type": "start-step"}},
        {"type": "chunk", "requestId": "k", "sequence": 1, "chunk": {"type": "abort"}},
        {"type": "chunk", "requestId": "k", "sequence": 2, "chunk": {"type": "finish-step"}},
        {"type": "end", "requestId": "k"},
    ]


def test_where_nothing_is_live_the_client_is_told_so() -> None:
    told = UIMessageChannel().closed("k")
    assert [json.loads(each) for each in told] == [{"type": "no-active", "requestId": "k"}]


def test_a_response_that_was_aborted_is_forgotten() -> None:
    channel = UIMessageChannel()
    channel.opened("k")
    channel.parse(frame(type="abort"))
    assert channel.messages("k", [Frame("{}")]) == []
    assert json.loads(channel.closed("k")[0])["type"] == "no-active"


@pytest.mark.parametrize(
    "fields", [{"type": "send"}, {"type": "send", "messages": []}, {"type": "x"}, {}]
)
def test_what_is_wrong_with_a_request_is_told_under_its_id(fields: Any) -> None:
    key, action = UIMessageChannel().parse(frame(**fields))
    assert key == "k"
    assert isinstance(action, Reply)
    told = json.loads(action.content)
    assert (told["type"], told["requestId"]) == ("error", "k")
    assert told["errorText"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"requestId": 5}'])
def test_a_frame_without_an_id_is_refused(text: str) -> None:
    channel = UIMessageChannel()
    with pytest.raises(BadRequest) as caught:
        channel.parse(text)
    assert json.loads(channel.refuse(None, caught.value))["requestId"] == ""


def test_a_ping_is_of_no_request() -> None:
    assert json.loads(UIMessageChannel().ping or "") == {"type": "ping", "requestId": ""}


def test_the_stream_says_which_protocol_it_speaks() -> None:
    assert UIMessageStream(6).headers == ((b"x-vercel-ai-ui-message-stream", b"v1"),)
