"""Questions and their answers, approvals, client tools, and what the client sends meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from asgi_agent.errors import AlreadyAnswered, BadRequest, UnknownQuestion
from asgi_agent.events import AgentEvent, Approval, ClientTool, Question, Text
from asgi_agent.runs.dialogue import INBOX_BYTES, INBOX_MESSAGES, Dialogue
from asgi_agent.testing import run, settle


class Stage:
    """A dialogue, and what was said in it."""

    def __init__(self) -> None:
        self.said: list[AgentEvent] = []
        self.dialogue = Dialogue(self.say)

    def say(self, event: AgentEvent) -> None:
        self.said.append(event)
        self.dialogue.expect(event)

    async def asking(self, question: Coroutine[Any, Any, Any]) -> tuple[asyncio.Task[Any], Any]:
        """The question's task, and the event that tells it."""
        task = asyncio.create_task(question)
        await settle()
        return task, self.said[-1]


def test_a_question_is_said_and_waits_for_its_answer() -> None:
    async def test() -> None:
        stage = Stage()
        schema = {"type": "string"}
        task, question = await stage.asking(stage.dialogue.ask("Which city?", schema))
        assert question == Question(question.id, "Which city?", schema)
        assert stage.dialogue.questions == [question]
        await asyncio.sleep(3600)
        assert not task.done()
        stage.dialogue.answer(question.id, "Tokyo")
        assert await task == "Tokyo"
        assert stage.dialogue.questions == []
        assert len(stage.said) == 1

    run(test())


def test_an_answer_may_be_nothing() -> None:
    async def test() -> None:
        stage = Stage()
        task, question = await stage.asking(stage.dialogue.ask("Why?"))
        stage.dialogue.answer(question.id, None)
        assert await task is None

    run(test())


@pytest.mark.parametrize(
    ("value", "is_yes"),
    [(True, True), (False, False), ("true", False), (1, False), (None, False), ({}, False)],
)
def test_only_true_approves(value: Any, is_yes: bool) -> None:
    async def test() -> None:
        stage = Stage()
        asked = stage.dialogue.approve("c", "rm", {"path": "/"}, "Really?")
        task, question = await stage.asking(asked)
        assert question == Approval(question.id, "c", "rm", {"path": "/"}, "Really?")
        stage.dialogue.answer(question.id, value)
        assert await task is is_yes

    run(test())


def test_the_first_answer_counts() -> None:
    async def test() -> None:
        stage = Stage()
        task, question = await stage.asking(stage.dialogue.ask("Why?"))
        stage.dialogue.answer(question.id, "first")
        with pytest.raises(AlreadyAnswered):
            stage.dialogue.answer(question.id, "second")
        assert await task == "first"
        with pytest.raises(AlreadyAnswered):
            stage.dialogue.answer(question.id, "third")

    run(test())


def test_nobody_asked_what_nobody_asked() -> None:
    with pytest.raises(UnknownQuestion):
        Stage().dialogue.answer("q", "x")


def test_several_questions_wait_at_once_and_are_answered_in_any_order() -> None:
    async def test() -> None:
        stage = Stage()
        one, first = await stage.asking(stage.dialogue.ask("1?"))
        two, second = await stage.asking(stage.dialogue.ask("2?"))
        assert stage.dialogue.questions == [first, second]
        stage.dialogue.answer(second.id, 2)
        stage.dialogue.answer(first.id, 1)
        assert (await one, await two) == (1, 2)

    run(test())


def test_a_question_ends_with_whoever_asked_it() -> None:
    async def test() -> None:
        stage = Stage()
        task, question = await stage.asking(stage.dialogue.ask("Why?"))
        task.cancel()
        await asyncio.wait([task])
        assert stage.dialogue.questions == []
        with pytest.raises(UnknownQuestion):
            stage.dialogue.answer(question.id, "x")

    run(test())


def test_an_answer_that_comes_with_the_cancellation_is_taken_and_lost() -> None:
    async def test() -> None:
        stage = Stage()
        task, question = await stage.asking(stage.dialogue.ask("Why?"))
        task.cancel()
        stage.dialogue.answer(question.id, "x")
        await asyncio.wait([task])
        assert task.cancelled()

    run(test())


def test_a_question_that_cannot_be_said_is_not_open() -> None:
    async def test() -> None:
        def refuse(event: AgentEvent) -> None:
            raise ValueError

        dialogue = Dialogue(refuse)
        with pytest.raises(ValueError):  # noqa: PT011 - our own
            await dialogue.ask("Why?")
        assert dialogue.questions == []

    run(test())


@pytest.mark.parametrize(
    "event",
    [
        ClientTool("q", "locate", {}),
        Question("q", "Why?"),
        Approval("q", "c", "rm", {}, "Really?"),
    ],
)
def test_the_answer_to_what_the_agent_said_itself_comes_to_its_inbox(event: AgentEvent) -> None:
    async def test() -> None:
        stage = Stage()
        stage.say(event)
        assert stage.dialogue.questions == [event]
        stage.dialogue.answer("q", {"lat": 1})
        assert await anext(stage.dialogue.inbox) == {"id": "q", "value": {"lat": 1}}
        assert stage.dialogue.questions == []
        with pytest.raises(AlreadyAnswered):
            stage.dialogue.answer("q", {})
        stage.say(event)  # asked again under the same ID
        stage.dialogue.answer("q", 2)
        assert await anext(stage.dialogue.inbox) == {"id": "q", "value": 2}

    run(test())


def test_what_is_no_question_expects_no_answer() -> None:
    stage = Stage()
    stage.say(Text("x"))
    assert stage.dialogue.questions == []


def test_the_inbox_gives_messages_in_order_and_waits_for_the_next() -> None:
    async def test() -> None:
        inbox = Stage().dialogue.inbox
        read: list[Any] = []

        async def agent() -> None:
            async for message in inbox:
                read.append(message)
                if message == b"end":
                    return

        task = asyncio.create_task(agent())
        inbox.put("a")
        inbox.put(b"b")
        await asyncio.sleep(60)
        assert read == ["a", b"b"]
        inbox.put(b"end")
        await task

    run(test())


def test_an_agent_that_reads_nothing_is_sent_no_more_than_so_many_messages() -> None:
    async def test() -> None:
        stage = Stage()
        inbox = stage.dialogue.inbox
        for number in range(INBOX_MESSAGES):
            inbox.put(number)
        with pytest.raises(BadRequest, match="does not read"):
            inbox.put("one more")
        stage.say(ClientTool("q", "f", {}))
        with pytest.raises(BadRequest, match="does not read"):
            stage.dialogue.answer("q", 1)
        assert await anext(inbox) == 0
        stage.dialogue.answer("q", 1)  # it was not lost: it is still open

    run(test())


def test_an_agent_that_reads_nothing_is_sent_no_more_than_so_many_bytes() -> None:
    async def test() -> None:
        inbox = Stage().dialogue.inbox
        sound = bytes(INBOX_BYTES // 2)
        for _ in range(2):
            inbox.put(sound)
        with pytest.raises(BadRequest, match="does not read"):
            inbox.put(b"x")
        await anext(inbox)
        inbox.put(sound)

    run(test())


def test_a_question_that_was_asked_elsewhere_is_found_by_what_it_asks() -> None:
    async def test() -> None:
        stage = Stage()
        first, second = Question("ask_1", "Which city?"), Question("ask_2", "Why?")
        stage.dialogue.restore([first, Text("x"), second])
        assert stage.dialogue.questions == [first, second]
        asking = asyncio.create_task(stage.dialogue.ask("Why?"))
        await settle()
        assert stage.said == []
        stage.dialogue.answer("ask_2", "because")
        assert await asking == "because"
        stage.dialogue.answer("ask_1", "Tokyo")
        assert await stage.dialogue.ask("Which city?") == "Tokyo"
        _, again = await stage.asking(new := stage.dialogue.ask("Why?"))
        assert again.id not in ("ask_1", "ask_2")
        stage.dialogue.answer(again.id, "so")
        del new

    run(test())
