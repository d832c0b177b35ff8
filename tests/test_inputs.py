"""What clients may send, and what they are told where it does not fit."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from asgi_agent.errors import BadRequest, InvalidInput
from asgi_agent.inputs import (
    MAX_ID,
    AnswerMessage,
    AnswerRequest,
    AskRequest,
    ChatMessage,
    ChatRequest,
    PromptMessage,
    ResumeMessage,
    parse,
    parse_object,
)

MODELS = [
    *(AskRequest, AnswerRequest, ChatRequest),
    *(PromptMessage, AnswerMessage, ResumeMessage, ChatMessage),
]


def refused(model: type[BaseModel], body: bytes | str) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse(model, body)
    return str(caught.value)


def test_an_ask_request_is_a_prompt_and_perhaps_a_session() -> None:
    assert parse(AskRequest, b'{"prompt": "hi"}') == AskRequest(prompt="hi")
    asked = parse(AskRequest, b'{"prompt": "", "session_id": null, "more": [1]}')
    assert (asked.prompt, asked.session_id) == ("", None)
    assert parse(AskRequest, b'{"prompt": "hi", "session_id": "s"}').session_id == "s"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "Invalid request: prompt: Field required"),
        (b'{"prompt": 5}', "Invalid request: prompt: Input should be a valid string"),
        (b'{"prompt": null}', "Invalid request: prompt: Input should be a valid string"),
        (b"", "Invalid request: Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"[]", "Invalid request: Input should be an object"),
        (b"null", "Invalid request: Input should be an object"),
    ],
)
def test_a_request_that_does_not_fit_is_told_which_field_is_wrong(
    body: bytes, message: str
) -> None:
    assert refused(AskRequest, body) == message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'prompt': 'x'}",
        b'{"prompt": "\xff"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "x"} trailing',
        b'\xef\xbb\xbf{"prompt": "x"}',
        b'{"prompt":' * 200_000,
        b"[" * 200_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_is_refused_not_raised_through(body: bytes) -> None:
    assert refused(AskRequest, body).startswith("Invalid request: Invalid JSON: ")


def test_what_was_sent_by_mistake_does_not_come_back() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(AskRequest, b'{"prompt": {"password": "hunter2"}, "session_id": "hunter2\\u0000"}')
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.problems)
    assert [set(problem) for problem in caught.value.problems] == [{"type", "loc", "msg"}] * 2


@pytest.mark.parametrize("session_id", ["a", "x" * MAX_ID, "a/b", "é\u2028?#", "...", " "])
def test_a_session_id_may_be_any_text_that_a_url_can_name(session_id: str) -> None:
    assert AskRequest(prompt="x", session_id=session_id).session_id == session_id


@pytest.mark.parametrize("session_id", [".", "..", "a\\nb", "a\\u0000", "\\u007f", "x" * 257])
def test_a_session_id_that_no_url_can_name_is_refused(session_id: str) -> None:
    message = refused(AskRequest, f'{{"prompt": "x", "session_id": "{session_id}"}}')
    assert message.startswith("Invalid request: session_id: ")


def test_a_chat_request_is_a_message() -> None:
    asked = parse(ChatRequest, b'{"message": "hi", "conversation_id": "c"}')
    assert (asked.prompt, asked.history, asked.conversation_id) == ("hi", None, "c")
    assert parse(ChatRequest, b'{"message": ""}').prompt == ""


def test_a_chat_request_may_be_a_whole_conversation() -> None:
    body = b"""{"messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": ["b"], "id": 7},
        {"role": "user", "content": "c"}]}"""
    asked = parse(ChatRequest, body)
    assert asked.prompt == "c"
    assert asked.history == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": ["b"]},
    ]


def test_a_message_wins_over_messages() -> None:
    body = b'{"message": "a", "messages": [{"role": "user", "content": "b"}]}'
    asked = parse(ChatRequest, body)
    assert (asked.prompt, asked.history) == ("a", None)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"message": null}',
        b'{"messages": []}',
        b'{"messages": [{"role": "user"}]}',
        b'{"messages": [{"role": "user", "content": ["parts"]}]}',
        b'{"messages": "hi"}',
    ],
)
def test_a_chat_request_without_a_prompt_is_refused(body: bytes) -> None:
    assert refused(ChatRequest, body).startswith("Invalid request: ")


def test_a_prompt_on_a_websocket_is_not_empty() -> None:
    message = "String should have at least 1 character"
    assert message in refused(PromptMessage, '{"prompt": ""}')
    assert message in refused(ChatMessage, '{"type": "message", "content": ""}')


def test_an_answer_may_be_any_value_but_must_be_one() -> None:
    for value in ("null", "false", '"x"', '{"a": [1]}'):
        parse(AnswerRequest, f'{{"id": "q", "value": {value}}}')
        parse(AnswerMessage, f'{{"type": "answer", "id": "q", "value": {value}}}')
    assert refused(AnswerRequest, '{"id": "q"}') == "Invalid request: value: Field required"


def test_an_object_is_read_from_text() -> None:
    assert parse_object('{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 200_000, '{"a": "\\ud800"}'], ids=len)
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^Invalid JSON$"):
        parse_object(text)


@pytest.mark.parametrize("text", ["[]", '"prompt"', "5", "null", "true"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^Expected a JSON object$"):
        parse_object(text)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["prompt", "session_id", "type", "id", "value", "messages", "message"]),
            children,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(model=st.sampled_from(MODELS), body=st.binary(max_size=30) | json_values)
@example(model=ChatRequest, body={"messages": [{"role": "user", "content": None}]})
@example(model=AskRequest, body={"prompt": "x", "session_id": ".."})
def test_whatever_is_sent_is_parsed_or_refused(model: type[BaseModel], body: Any) -> None:
    with suppress(InvalidInput):
        parsed = parse(model, body if isinstance(body, bytes) else json.dumps(body).encode())
        assert isinstance(parsed, model)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '{"a": [NaN]}'])
def test_numbers_that_json_has_not_are_refused_also_where_anything_may_stand(value: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid JSON"):
        parse(AnswerRequest, f'{{"id": "q", "value": {value}}}')
    with pytest.raises(BadRequest, match="Invalid JSON"):
        parse_object(f'{{"value": {value}}}')


def test_the_field_at_fault_is_named() -> None:
    picture = '{"messages": [{"role": "user", "content": [{"type": "image"}]}]}'
    with pytest.raises(InvalidInput, match="messages: the last content has to be text"):
        parse(ChatRequest, picture)
