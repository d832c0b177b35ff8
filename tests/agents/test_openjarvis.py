"""OpenJarvis' agents speak as ours do, and are taken by their structure."""

from typing import Any

import pytest

from asgi_agent.agents import Turn
from asgi_agent.agents.adapt import as_agent, name_of
from asgi_agent.agents.openjarvis import (
    AgentContext,
    Conversation,
    Message,
    Role,
    ToolCall,
    message_of,
    openjarvis_agent,
)
from asgi_agent.events import Complete, Data, ToolExec, ToolResult
from asgi_agent.testing import run
from tests.agents import jarvis
from tests.agents.jarvis import AgentResult, Calculator, EventBus, EventType


async def no_one(*_: Any, **__: Any) -> Any:
    return None


def turn(prompt: str = "1+1", *history: dict[str, Any]) -> Turn:
    return Turn(prompt, history, "s", "r", ask=no_one, approve=no_one, inbox=no_one)  # type: ignore[arg-type]


def said(agent: Any, asked: Turn | None = None) -> list[Any]:
    """All that the agent says in a turn."""

    async def main() -> list[Any]:
        return [each async for each in as_agent(agent)(asked or turn())]

    return run(main())


def test_what_it_does_and_what_it_answers_is_said() -> None:
    bus = EventBus()
    assert said(Calculator(bus)) == [
        Data("inference_start", {"model": "default", "message_count": 2}),
        ToolExec("call_1", "calc", {"x": 1}),
        ToolResult("call_1", "calc", "2", is_error=False),
        "The answer is 2",
        Complete(None),
    ]
    assert bus.is_quiet


def test_it_needs_no_bus() -> None:
    assert said(Calculator(None)) == ["The answer is 2", Complete(None)]


class Busy(Calculator):
    """Calls its tools out of order, one of them without saying so."""

    def run(self, text: str, context: Any = None, **_: Any) -> AgentResult:
        for tool in ("a", "b"):
            self.publish(EventType.TOOL_CALL_START, tool=tool, arguments=None)
        for tool in ("b", "a", "c"):
            self.publish(EventType.TOOL_CALL_END, tool=tool, success=tool != "a", result=tool)
        return AgentResult("", metadata={"total_tokens": 3, "elapsed": 1})


def test_results_find_their_calls_by_name() -> None:
    assert said(Busy(EventBus())) == [
        ToolExec("call_1", "a", None),
        ToolExec("call_2", "b", None),
        ToolResult("call_2", "b", "b", is_error=False),
        ToolResult("call_1", "a", "a", is_error=True),
        ToolResult("call_3", "c", "c", is_error=False),
        "",
        Complete(None, {"total_tokens": 3}),
    ]


class Reader(Calculator):
    """Answers with its model and what it was given."""

    def run(self, text: str, context: Any = None, **_: Any) -> AgentResult:
        assert isinstance(context, AgentContext)
        messages = context.conversation.messages
        return AgentResult(f"{self._model}: {[*messages, text]}")


def test_it_is_given_the_conversation_and_a_model_of_this_run() -> None:
    reader = Reader(None)
    asked = turn("hi", {"role": "system", "content": "Be brief."})
    message = Message(Role.SYSTEM, "Be brief.")
    assert said(reader, asked)[0] == f"default: {[message, 'hi']}"

    async def main() -> Any:
        return [each async for each in openjarvis_agent(reader, model="other")(asked)]

    assert run(main())[0] == f"other: {[message, 'hi']}"
    assert reader._model == "default"


def test_it_is_taken_by_its_structure_and_named_by_its_id() -> None:
    assert name_of(Calculator(None)) == "calculator"
    assert name_of(object()) == "agent"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"role": "user", "content": "a"}, Message(Role.USER, "a")),
        ({"role": "critic", "content": None}, Message(Role.USER, "")),
        ({"role": ["x"], "content": "a"}, Message(Role.USER, "a")),
        ({}, Message(Role.USER, "")),
        (
            {"role": "tool", "content": "r", "tool_call_id": "1", "name": "n"},
            Message(Role.TOOL, "r", "n", tool_call_id="1"),
        ),
        (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "function": {"name": "n", "arguments": "{}"}}, "x"],
            },
            Message(
                Role.ASSISTANT, "", tool_calls=[ToolCall("1", "n", "{}"), ToolCall("", "", "")]
            ),
        ),
    ],
)
def test_a_message_is_as_its_engines_read_it(told: dict[str, Any], message: Message) -> None:
    assert message_of(told) == message
    assert message.role.value == str(message.role)


def test_a_conversation_has_what_agents_use_of_it() -> None:
    conversation = Conversation()
    one, two = Message(Role.USER, None), Message(Role.USER, "two")
    conversation.add(one)
    conversation.add(two)
    assert conversation.window(1) == [two]
    assert conversation.window(0) == []
    assert one.text == ""


def test_a_bus_of_openjarvis_knows_the_events_by_their_names() -> None:
    assert {each.value for each in jarvis.EventType} >= {"tool_call_start", "inference_end"}
    assert {EventType.TOOL_CALL_START: 1}.get("tool_call_start") == 1  # type: ignore[call-overload]
