"""What an agent asks is told at once, whatever the run is busy with, and is answered once."""

import asyncio
from collections.abc import Callable
from typing import Any

from asgi_agent import Turn
from asgi_agent.events import (
    AgentEvent,
    Complete,
    Data,
    Question,
    ToolExec,
)
from asgi_agent.testing import run, settle
from tests.runs.stage import Stage, check_well_formed, saying

FOREVER = 1e6  # seconds


def play(agent: Callable[[Turn], Any], **settings: Any) -> list[AgentEvent]:
    """What the agent's run says."""

    async def main() -> list[AgentEvent]:
        stage = Stage(agent, **settings)
        running = await stage.start()
        entries = await stage.entries(running)
        check_well_formed(entries)
        assert await stage.logged(running) == entries
        assert running.ended.is_set()
        assert running.outcome == entries[-1].event
        assert stage.ended == [running]
        return [entry.event for entry in entries]

    return run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_agent_asks_and_goes_on_with_the_answer() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            city = await turn.ask("Which city?", {"type": "string"})
            if await turn.approve("c", "weather", {"city": city}):
                yield ToolExec("c", "weather", {"city": city})

        stage = Stage(agent)
        running = await stage.start()
        for value in ("Tokyo", True):
            await settle()
            [question] = running.dialogue.questions
            assert (await stage.logged(running))[-1].event == question  # the client can see it
            running.dialogue.answer(question.id, value)
        events = [each.event for each in await stage.entries(running)]
        assert ToolExec("c", "weather", {"city": "Tokyo"}) in events

    run(main())


def test_questions_from_several_tasks_of_an_agent_are_all_told() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            asked = [turn.ask(f"{number}?") for number in range(3)]
            yield Data("answers", await asyncio.gather(*asked))

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        assert len(await stage.logged(running)) == 3
        for question in running.dialogue.questions:
            running.dialogue.answer(question.id, question.id[:2])
        assert Data in {type(each.event) for each in await stage.entries(running)}

    run(main())


def test_an_agent_may_ask_before_it_says_anything_even_while_it_is_made() -> None:
    """As one does that begins an eager task."""

    async def main() -> None:
        def agent(turn: Turn) -> Any:
            asking = turn.ask("Why?")
            asking.send(None)
            asking.close()
            return saying("x")(turn)

        stage = Stage(agent)
        running = await stage.start()
        [question, *_] = await stage.entries(running)
        assert isinstance(question.event, Question)

    run(main())


def test_a_question_asked_while_the_run_has_to_wait_is_told_as_soon_as_it_may_go_on() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            async def ask_later() -> Any:
                await asyncio.sleep(1)
                return await turn.ask("Still there?")

            asking = asyncio.create_task(ask_later())
            yield "x" * 100
            yield Data("answer", await asking)

        stage = Stage(agent, lead_bytes=10, patience=30)
        running = await stage.start()
        stalled = stage.runs.follow(running.id)
        await anext(stalled)  # and nothing more, until it is cut off at 30
        await asyncio.sleep(31)
        [question] = [each.event for each in await stage.logged(running)][2:]
        assert isinstance(question, Question)
        running.dialogue.answer(question.id, "yes")
        await running.ended.wait()
        assert Data("answer", "yes") in [each.event for each in await stage.logged(running)]
        await stalled.aclose()

    run(main())


def test_a_question_is_open_no_more_when_the_run_is_cancelled() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "x"
            await turn.ask("Why?")

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        running.cancel()
        await running.ended.wait()
        await settle()
        assert running.dialogue.questions == []

    run(main())


def test_what_the_client_sends_comes_to_the_inbox() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            async for message in turn.inbox:
                yield f"{message!r} "
                if message == b"end":
                    return

        stage = Stage(agent)
        running = await stage.start()
        running.dialogue.inbox.put("text")
        await asyncio.sleep(1)
        running.dialogue.inbox.put(b"end")
        await running.ended.wait()
        assert running.outcome == Complete("'text' b'end' ")

    run(main())
