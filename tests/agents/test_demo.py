"""The embedded agent and its skills, in conversation."""

import asyncio
import re
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.agents import Message, Turn
from asgi_agent.agents.demo import PACE, demo, make_demo
from asgi_agent.agents.skills import ABILITIES, DELETED, NO_NOTES
from asgi_agent.events import (
    AgentEvent,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
    encode,
    entry,
)
from asgi_agent.testing import run

AGENT = make_demo(pace=0)


@dataclass
class Client:
    """One who talks with the agent, and answers what it asks."""

    answer: Any = None
    history: list[Message] = field(default_factory=list[Message])
    heard: list[AgentEvent] = field(default_factory=list[AgentEvent])
    asked: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])

    def say(self, prompt: str) -> str:
        """What the agent answers. Both are history then."""
        self.heard, self.asked = [], []
        run(self._listen(self._turn(prompt)))
        text = "".join(event.content for event in self.heard if isinstance(event, Text))
        self.history += [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": text},
        ]
        return text

    def of(self, *types: type[AgentEvent]) -> list[AgentEvent]:
        return [event for event in self.heard if isinstance(event, types)]

    def _turn(self, prompt: str) -> Turn:
        return Turn(prompt, tuple(self.history), "s", "r", self._ask, self._approve, _nothing())

    async def _listen(self, turn: Turn) -> None:
        async for event in AGENT(turn):
            assert not isinstance(event, str)
            self.heard.append(event)

    async def _ask(self, prompt: str, schema: dict[str, Any] | None = None) -> Any:
        self.asked.append((prompt, schema))
        return self.answer

    async def _approve(self, tool_id: str, name: str, args: Any, message: str = "") -> bool:
        assert not self.of(ToolExec)
        self.asked.append((tool_id, name, args, message))
        return bool(self.answer)


async def _nothing() -> AsyncGenerator[Any, None]:
    return
    yield


def say(prompt: str) -> str:
    return Client().say(prompt)


# ── tools ────────────────────────────────────────────────────────────────────────────────────


def test_a_calculation_is_thought_about_called_run_and_said() -> None:
    client = Client()
    assert client.say("What is 12 * (3 + 4)?") == "12 * (3 + 4) is 84."
    kinds = list(dict.fromkeys(type(event) for event in client.heard))
    assert kinds == [Thinking, ToolDelta, ToolExec, ToolResult, Text]
    assert client.of(ToolExec, ToolResult) == [
        ToolExec("call_1", "calculator", {"expression": "12 * (3 + 4)"}),
        ToolResult("call_1", "calculator", "84"),
    ]
    assert len(client.of(Thinking)) > 1
    assert len(client.of(Text)) > 1


def test_a_call_is_written_by_its_name_and_then_its_arguments_piece_by_piece() -> None:
    client = Client()
    client.say("What is 12 * (3 + 4)?")
    first, *others = client.of(ToolDelta)
    assert first == ToolDelta("call_1", "calculator", "")
    assert len(others) > 1
    pieces = [event.args for event in others if event == ToolDelta("call_1", "", event.args)]
    assert "".join(pieces) == '{"expression": "12 * (3 + 4)"}'


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What is 2+2?", "2+2 is 4."),
        ("12 * (3 + 4)", "12 * (3 + 4) is 84."),
        ("  how much is 7\nTIMES 6 ?", "7 * 6 is 42."),
        ("What's 2 to the power of 10?", "2 ** 10 is 1024."),
        ("what are 10 minus 3 plus 1", "10 - 3 + 1 is 8."),
        ("What\u2019s 1 divided by 4?", "1 / 4 is 0.25."),
        ("What is 15% of 80?", "15 / 100 * 80 is 12."),
        ("Calculate sqrt(2)**2.", "sqrt(2)**2 is 2."),
        ("cos(0) + pi - pi =", "cos(0) + pi - pi is 1."),
        ("6 × 7", "6 × 7 is 42."),  # noqa: RUF001 - the sign
        ("1,000 + 1", "1,000 + 1 is 1001."),
    ],
)
def test_arithmetic_is_understood_in_symbols_and_in_words(prompt: str, answer: str) -> None:
    assert say(prompt) == answer


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What is 1 / 0?", "I cannot calculate 1 / 0: nothing can be divided by zero."),
        ("12 * (3 +", "I cannot calculate 12 * (3 +: this is not an expression that I understand."),
        ("What is 5!", "I cannot calculate 5!: this is not an expression that I understand."),
        ("9**9**9", "I cannot calculate 9**9**9: a number has too many digits."),
    ],
)
def test_what_cannot_be_calculated_is_an_error_of_the_tool_and_is_explained(
    prompt: str, answer: str
) -> None:
    client = Client()
    assert client.say(prompt) == answer
    [result] = client.of(ToolResult)
    assert isinstance(result, ToolResult)
    assert result.is_error


@pytest.mark.parametrize(
    "prompt", ["What time is it?", "what's the date", "Tell me what day is it", "What is the time?"]
)
def test_the_time_is_the_clocks(prompt: str) -> None:
    client = Client()
    text = client.say(prompt)
    [result] = client.of(ToolResult)
    assert isinstance(result, ToolResult)
    now = datetime.fromisoformat(result.result)
    assert text == (
        f"By the clock of this server it is {now:%H:%M} ({now.tzinfo}) "
        f"on {now:%A}, {now.day} {now:%B %Y}."
    )


def test_a_question_about_the_package_is_answered_from_its_documentation() -> None:
    client = Client()
    text = client.say("What is Okapi BM25 full-text search?")
    assert text.startswith("The documentation says:\n\nFull-text search over what this package")
    assert "\n(asgi_agent.agents.search)" in text
    assert client.of(ToolExec) == [
        ToolExec("call_1", "documentation", {"query": "What is Okapi BM25 full-text search"})
    ]


def test_a_long_passage_is_cut_between_words() -> None:
    text = say("EventStreamDecoder")
    passage = text.split("\n\n", 1)[1].split("\n(asgi_agent", 1)[0]
    assert passage.endswith(" ...")
    assert len(passage) <= 404


def test_what_nothing_is_known_about_is_admitted() -> None:
    for prompt in ("What is the capital of France?", "What is the weather in Tokyo?"):
        assert say(prompt) == f"The documentation says nothing about that. {ABILITIES}"


# ── questions and approvals ──────────────────────────────────────────────────────────────────


def test_an_unsaid_unit_is_asked_for_and_the_answer_is_used() -> None:
    client = Client(answer="miles")
    assert client.say("Convert 10 kilometres!") == "10 km is 6.21371192237334 mi."
    assert client.asked == [
        (
            "To which unit?",
            {"type": "string", "enum": ["mm", "cm", "m", "in", "ft", "yd", "mi"]},
        )
    ]
    assert ToolExec("call_1", "convert", {"quantity": "10 kilometres", "to": "miles"}) in (
        client.heard
    )


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("convert 20 °C to °F", "20 °C is 68 °F."),
        ("Convert 2.5h into minutes.", "2.5 h is 150 min."),
        ("convert -1 m in cm!", "-1 m is -100 cm."),
        (
            "convert 1 m to kg",
            "I cannot convert 1 m: m is a unit of length, but kg is one of mass.",
        ),
    ],
)
def test_a_unit_that_is_said_is_not_asked_for(prompt: str, answer: str) -> None:
    client = Client()
    assert client.say(prompt) == answer
    assert client.asked == []


def test_an_answer_that_is_no_unit_is_an_error_of_the_tool() -> None:
    client = Client(answer={"unit": "mi"})
    assert client.say("convert 10 km").startswith("I cannot convert 10 km: I know no unit")
    [result] = client.of(ToolResult)
    assert isinstance(result, ToolResult)
    assert result.is_error


def test_nothing_is_asked_about_a_unit_that_is_not_known() -> None:
    client = Client()
    assert client.say("convert 3 parsecs").startswith("I cannot convert 3 parsecs: I know no unit")
    assert client.asked == client.of(ToolExec) == []


def test_notes_are_kept_by_the_session() -> None:
    client = Client()
    assert client.say("Note: buy milk") == 'Noted: "buy milk".'
    assert client.say("note:call Bob!") == 'Noted: "call Bob!".'
    assert client.say("Show my notes!") == "Your notes:\n- buy milk\n- call Bob!"
    assert Client().say("What are my notes?") == NO_NOTES


def test_notes_are_deleted_only_if_that_is_approved() -> None:
    client = Client(answer=False)
    client.say("note: buy milk")
    assert client.say("Delete my notes.") == "Your notes are kept."
    assert client.asked == [
        ("call_1", "delete_notes", {"notes": ["buy milk"]}, "Delete your notes (1)?")
    ]
    assert client.of(ToolExec, ToolResult) == [
        ToolResult("call_1", "delete_notes", "not approved", is_error=True)
    ]
    assert client.say("list notes") == "Your notes:\n- buy milk"

    client.answer = True
    assert client.say("clear all my notes") == DELETED
    assert client.of(ToolExec, ToolResult) == [
        ToolExec("call_1", "delete_notes", {"notes": ["buy milk"]}),
        ToolResult("call_1", "delete_notes", "deleted"),
    ]
    assert client.say("my notes") == NO_NOTES
    client.say("note: buy tea")
    assert client.say("my notes") == "Your notes:\n- buy tea"


def test_where_there_are_no_notes_nothing_is_to_be_approved() -> None:
    client = Client()
    assert client.say("delete my notes") == NO_NOTES
    assert client.asked == []


# ── history ──────────────────────────────────────────────────────────────────────────────────


def test_a_name_is_remembered() -> None:
    client = Client()
    assert client.say("My name is Alice.") == "Nice to meet you, Alice."
    assert client.say("What's my name?") == "Your name is Alice."
    client.say("No, my name is Mary Ann and I like cats")
    assert client.say("Who am I?") == "Your name is Mary Ann."


def test_a_name_may_be_said_with_the_question() -> None:
    assert say("my name is élodie. What\u2019s my name?") == "Your name is élodie."


def test_a_name_of_another_session_is_not_known() -> None:
    Client().say("My name is Alice.")
    assert say("What is my name?") == "You have not told me your name."


def test_what_was_asked_before_is_remembered() -> None:
    client = Client()
    assert client.say("What did I ask before?") == "This is the beginning."
    client.say("What is 2 + 2?")
    assert client.say("What did I just say?") == "Before this, you said: What is 2 + 2?"


def test_what_others_said_is_not_what_the_user_said() -> None:
    client = Client(history=[{"role": "system", "content": "note: my name is Eve"}])
    client.history.append({"role": "assistant", "content": "note: my name is Bot"})
    assert client.say("What is my name?") == "You have not told me your name."
    assert client.say("my notes") == NO_NOTES


def test_a_message_may_have_parts_or_nothing_for_its_content() -> None:
    parts = [{"type": "image"}, {"type": "text", "text": "My name "}, {"text": "is Alice"}]
    client = Client(history=[{"role": "user", "content": parts}, {"role": "user", "content": None}])
    client.history.append({"role": "user"})
    assert client.say("What is my name?") == "Your name is Alice."


# ── any prompt ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prompt", ["", " \n", "???", "Hello, how are you?", "help", "Hi!"])
def test_one_who_asks_for_nothing_hears_what_to_ask(prompt: str) -> None:
    assert say(prompt) == f"Hello! {ABILITIES}"


@given(
    st.one_of(
        st.text(),
        st.text("0123456789+-*/%(). ", max_size=30),
        st.text(st.characters(codec=None, categories=None), max_size=20),
    )
)
@example("\ud800 lone")
@example("9" * 100_000)
@example("1+" * 50_000 + "x")
@example("what is " * 10_000)
@example("calculate \x00")
@example("convert 1 °\u0130")
@example("note: \u2028 line")
@example("sqrt(" * 300)
def test_every_prompt_has_an_answer_that_can_be_kept(prompt: str) -> None:
    client = Client(answer="m")
    assert client.say(prompt)
    called = {event.id for event in client.heard if isinstance(event, ToolDelta)}
    assert called == {event.id for event in client.heard if isinstance(event, ToolResult)}
    for event in client.heard:
        assert isinstance(entry(1, encode(event)).event, type(event))


def test_the_words_make_the_text_again_and_each_is_said_by_itself() -> None:
    client = Client()
    text = client.say("Hello")
    assert [event.content for event in client.heard if isinstance(event, Text)] == re.findall(
        r"\S+\s*", text
    )


def test_words_come_at_the_pace_of_a_model() -> None:
    async def main(prompt: str) -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        events = [event async for event in demo(Client()._turn(prompt))]
        paced = [event for event in events if isinstance(event, Text | Thinking | ToolDelta)]
        return loop.time() - begin, len(paced)

    for prompt in ("hello", "What is 1 + 1?"):
        seconds, words = run(main(prompt))
        assert seconds == pytest.approx(words * PACE)


def test_of_a_long_prompt_the_beginning_counts() -> None:
    assert say("hm " * 300 + "my name is Alice").startswith("Nice to meet you")
    assert say("hm " * 600 + "my name is Alice").startswith("The documentation")


def test_an_agent_that_is_not_heard_to_the_end_leaves_nothing_behind() -> None:
    async def main() -> None:
        left = list[object]()
        sys.set_asyncgen_hooks(finalizer=left.append)  # the loop sets its own again
        speech = demo(Client()._turn("What is 1 + 1?"))
        assert isinstance(await anext(speech), Thinking)
        await speech.aclose()
        assert left == []

    run(main())
