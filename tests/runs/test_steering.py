"""What is told to a run on another worker: cancels, answers and messages."""

import asyncio
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import AlreadyAnswered, BadRequest, SessionBusy, Unavailable, UnknownQuestion
from asgi_agent.events import (
    BlockStart,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Question,
    Text,
    ToolDelta,
)
from asgi_agent.logs import DELETED
from asgi_agent.runs import Run, Steering
from asgi_agent.runs.dialogue import INBOX_MESSAGES
from asgi_agent.runs.record import OUTPUT_BYTES, RUN_LOST, Ending, read_ending
from asgi_agent.testing import run, settle
from tests.runs.shared_log import Line, now
from tests.runs.stage import Stage, check_well_formed, saying
from tests.runs.workers import LEASE, Pair, counter, steadfast, texts


async def curious(turn: Turn) -> Any:
    city = await turn.ask("Which city?")
    if await turn.approve("c", "weather", {"city": city}):
        yield f"sunny in {city}; "
    yield ClientTool("tool", "beep", None)
    async for message in turn.inbox:
        yield f"{message} "
        if message == "end":
            return


curious.resumable = True  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_here", [True, False])
def test_questions_are_answered_at_any_worker(is_here: bool) -> None:
    async def main() -> None:
        pair = Pair(curious)
        at = pair.here if is_here else pair.there
        running = await pair.one.start()
        for value in ("Tokyo", True):
            await settle()
            for steering in (pair.here, pair.there):
                [question] = await steering.questions(running.id)
            await at.answer(running.id, question.id, value)
            for steering in (pair.here, pair.there):
                with pytest.raises(AlreadyAnswered):
                    await steering.answer(running.id, question.id, value)
                with pytest.raises(UnknownQuestion):
                    await steering.answer(running.id, "nobody's", value)
        await settle()
        await at.answer(running.id, "tool", 5)
        await at.tell(running.id, b"\x00")
        await at.tell(running.id, "end")
        entries = await pair.following(running)
        assert texts(entries) == "sunny in Tokyo; {'id': 'tool', 'value': 5} b'\\x00' end "
        assert now() < 0.1
        for steering in (pair.here, pair.there):
            assert await steering.questions(running.id) == []
            with pytest.raises(AlreadyAnswered):
                await steering.answer(running.id, "tool", 5)
            with pytest.raises(UnknownQuestion):
                await steering.answer(running.id, "nobody's", 5)
            with pytest.raises(SessionBusy):
                await steering.tell(running.id, "x")
            with pytest.raises(SessionBusy):
                await steering.cancel(running.id)
            with pytest.raises(SessionBusy):
                await steering.cancel("nothing")

    run(main())


def test_two_answers_at_two_workers_at_once_are_one_answer() -> None:
    async def main() -> None:
        pair = Pair(curious)
        line = Line(pair.store)
        third = Steering(Stage(curious, log=line).runs)
        running = await pair.one.start()
        await settle()
        for each in (*pair.lines, line):
            each.seconds = 0.1
        [question] = await pair.there.questions(running.id)
        results = await asyncio.gather(
            *(
                each.answer(running.id, question.id, f"{number}")
                for number, each in enumerate((pair.there, third, pair.here))
            ),
            return_exceptions=True,
        )
        assert results.count(None) == 1
        assert sum(isinstance(each, AlreadyAnswered) for each in results) == 2
        await pair.here.cancel(running.id)

    run(main())


def test_of_two_answers_from_afar_the_first_one_counts() -> None:
    async def main() -> None:
        pair = Pair(curious)
        line = Line(pair.store)
        third = Steering(Stage(curious, log=line).runs)
        running = await pair.one.start()
        await settle()
        [question] = await pair.there.questions(running.id)
        for each in (pair.lines[1], line):
            each.seconds = 0.1
        results = await asyncio.gather(
            *(each.answer(running.id, question.id, "x") for each in (pair.there, third)),
            return_exceptions=True,
        )
        assert [type(each) for each in results] == [type(None), AlreadyAnswered]
        await pair.here.cancel(running.id)

    run(main())


def test_a_cancel_where_the_run_is_no_more_goes_on_to_where_it_is() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        running = await pair.one.start("100")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(LEASE + 5)
        assert pair.one.runs.active_count + pair.two.runs.active_count == 1
        pair.lines[0].mend()
        await pair.here.cancel(running.id, "enough")
        assert (await following)[-1].event == Cancelled("enough")

        running = await pair.one.start("100")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        epoch = await taken(pair, running)
        await pair.here.cancel(running.id, "enough")  # it has not noticed yet
        assert epoch == 2
        assert (await following)[-1].event == Cancelled("enough")

    run(main())


async def taken(pair: Pair, running: Run) -> int | None:
    """Somebody else owns the run, for a moment."""
    pair.store._runs[running.id].lease = now()
    return await pair.store.claim(running.id, 1)


def test_a_run_is_cancelled_at_another_worker_and_has_ended_then() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("100")
        await asyncio.sleep(3.5)
        await pair.there.cancel(running.id, "enough")
        assert running.outcome == Cancelled("enough")
        assert now() == pytest.approx(3.5, abs=0.01)
        check_well_formed(await pair.logged(running))

    run(main())


def test_a_cancel_comes_before_the_next_event_also_while_the_run_waits_for_a_follower() -> None:
    async def main() -> None:
        pair = Pair(saying("x" * 100, *["y"] * 10), lead_bytes=10, patience=1000)

        async def agent(turn: Turn) -> Any:
            yield "x" * 100
            await asyncio.sleep(1)
            yield "y"

        pair = Pair(agent, lead_bytes=10, patience=1000)
        running = await pair.one.start()
        stalled = pair.one.runs.follow(running.id)
        await anext(stalled)
        await asyncio.sleep(100)  # and its lease is kept meanwhile
        assert pair.store._runs[running.id].lease is not None
        assert (await pair.store.read(running.id, 0)).lease > 0  # type: ignore[operator]
        await pair.there.cancel(running.id)
        assert running.outcome == Cancelled()
        assert now() == pytest.approx(100, abs=0.1)
        await stalled.aclose()

    run(main())


@pytest.mark.parametrize("agent", [steadfast, counter])
def test_a_run_that_was_cancelled_while_its_worker_was_lost_is_cancelled(agent: Any) -> None:
    async def main() -> None:
        pair = Pair(agent)
        running = await pair.one.start("100")
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await pair.there.cancel(running.id, "enough")
        entries = await pair.logged(running)
        check_well_formed(entries)
        assert entries[-1].event == Cancelled("enough")

    run(main(), leaks=False)


def test_what_a_run_is_told_it_is_told_once_whoever_reads_it() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            async for message in turn.inbox:
                yield f"{message} "

        pair = Pair(agent)
        running = await pair.one.start()
        await settle()
        pair.lines[0].seconds = 0.1
        for number in range(10):
            at = pair.there if number % 2 else pair.here
            await at.tell(running.id, number)
        await asyncio.sleep(5)
        assert texts(await pair.logged(running)) == "0 1 2 3 4 5 6 7 8 9 "
        await pair.here.cancel(running.id)

    run(main())


def test_a_message_that_cannot_be_taken_is_refused_where_the_run_is() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("5")
        for _ in range(INBOX_MESSAGES):
            await pair.there.tell(running.id, "x")
        with pytest.raises(BadRequest, match="does not read"):
            await pair.here.tell(running.id, "x")
        await pair.there.tell(running.id, "x")  # there it cannot be known
        assert texts(await pair.following(running)) == "0 1 2 3 4 "

    run(main())


def test_a_mailbox_that_does_not_answer_does_not_cost_the_lease(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("100")
        read = pair.lines[0].read

        async def hang(run: str, after: int, limit: int = 256) -> Any:
            if run.startswith("inbox:"):
                await asyncio.sleep(1e6)
            return await read(run, after, limit)

        pair.lines[0].read = hang  # type: ignore[method-assign]
        await asyncio.sleep(1)
        await pair.there.tell(running.id, "x")
        following = pair.following(running)
        await asyncio.sleep(60)
        assert pair.one.runs.active_count == 1
        pair.lines[0].read = read  # type: ignore[method-assign]
        await pair.here.cancel(running.id)
        assert (await following)[-1].event == Cancelled()

    run(main())
    assert "its mail cannot be read now" in caplog.text


def test_a_mailbox_that_is_kept_no_longer_is_made_again() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("100")
        await asyncio.sleep(3.5)
        await pair.store.append(f"inbox:{running.id}", (), end=DELETED)
        await pair.there.cancel(running.id)  # it is read at the next beat
        assert running.outcome == Cancelled()
        assert now() < 3.5 + LEASE / 3 + 0.1

    run(main())


def test_a_take_over_that_cannot_begin_is_left_to_others() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        running = await pair.one.start("6")
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(LEASE)
        watch = pair.lines[1].watch

        async def refuse(run: str, wake: Any) -> Any:
            if run.startswith("inbox:"):
                pair.lines[1].watch = watch  # type: ignore[method-assign]
                raise Unavailable("not now")
            return await watch(run, wake)

        pair.lines[1].watch = refuse  # type: ignore[method-assign]
        entries = await pair.following(running)
        assert texts(entries) == "0 1 2 3 4 5 "

    run(main(), leaks=False)


def test_a_question_that_was_answered_before_is_answered_at_once() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            await asyncio.sleep(1)
            for city in ("Rome", "Oslo", "Rome"):
                yield Data(city, await turn.ask(f"{city}?"))
            yield Data("new", await turn.ask("And?"))

        agent.resumable = True  # type: ignore[attr-defined]
        pair = Pair(agent)
        running = await pair.one.start()
        await asyncio.sleep(2)
        for value in (1, 2, 3):
            [question] = await pair.there.questions(running.id)
            await pair.there.answer(running.id, question.id, value)
            await settle()
        pair.lines[0].cut()
        following = pair.following(running)
        await asyncio.sleep(LEASE + 3)
        said = [each.event for each in await pair.logged(running)]
        answers = [each for each in said if isinstance(each, Data)]
        cities = [Data("Rome", 1), Data("Oslo", 2), Data("Rome", 3)]
        assert answers == cities + cities  # this agent says all again
        [question] = await pair.there.questions(running.id)
        await pair.there.answer(running.id, question.id, 4)
        entries = await following
        assert sum(each.type == "question" for each in entries) == 4

    run(main(), leaks=False)


def test_a_long_run_is_read_back_in_pages() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            if not turn.said:
                for _ in range(3000):
                    yield "x"
                await asyncio.sleep(1000)
            yield f"{len(turn.said)}"

        agent.resumable = True  # type: ignore[attr-defined]
        pair = Pair(agent)
        running = await pair.one.start()
        await settle()
        pair.lines[0].cut()
        assert texts(await pair.following(running)) == "x" * 3000 + "3001"
        assert await read_ending(pair.store, "nothing") == Ending(RUN_LOST)

    run(main(), leaks=False)


def test_a_block_of_a_tool_call_goes_on_where_it_was() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            if not turn.said:
                yield Text("x")
                yield ToolDelta("1", "f", "{")
                await asyncio.sleep(1000)
            yield ToolDelta("1", "f", "}")
            yield ToolDelta("2", "f", "{}")

        agent.resumable = True  # type: ignore[attr-defined]
        pair = Pair(agent)
        running = await pair.one.start()
        await settle()
        pair.lines[0].cut()
        entries = await pair.following(running)
        check_well_formed(entries)
        starts = [each.event for each in entries if isinstance(each.event, BlockStart)]
        assert starts == [BlockStart("text", 0), *(BlockStart("tool-call", n) for n in (1, 2))]

    run(main(), leaks=False)


def test_a_question_of_the_agent_s_own_is_answered_in_its_inbox_again() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            if not turn.said:
                yield Question("mine", "Which?")
            async for answer in turn.inbox:
                yield f"{answer['value']} "
                await asyncio.sleep(3)
                if "first" in turn.prompt:
                    return

        agent.resumable = True  # type: ignore[attr-defined]
        pair = Pair(agent)
        running = await pair.one.start("first")
        await settle()
        await pair.there.answer(running.id, "mine", "this")
        await settle()
        pair.lines[0].cut()
        entries = await pair.following(running)
        assert texts(entries) == "this this "

    run(main(), leaks=False)


def test_an_answer_longer_than_what_is_kept_of_it_is_known_to_be_cut_elsewhere_too() -> None:
    async def main() -> None:
        pair = Pair(saying("x" * OUTPUT_BYTES, "y"))
        running = await pair.one.start()
        await running.ended.wait()
        ending = await pair.two.runs.ending(running.id)
        assert ending is not None
        assert (len(ending.output), ending.is_whole) == (OUTPUT_BYTES, False)

    run(main())


def test_an_answer_that_was_said_only_as_a_whole_is_the_answer_elsewhere_too() -> None:
    async def main() -> None:
        pair = Pair(saying(Complete("whole")))
        running = await pair.one.start()
        await running.ended.wait()
        ending = await pair.two.runs.ending(running.id)
        assert ending is not None
        assert ending.answer == "whole"

    run(main())


def test_an_agent_that_goes_on_is_given_all_that_it_was_told_again() -> None:
    async def main() -> None:
        pair = Pair(curious)
        running = await pair.one.start()
        await settle()
        [question] = await pair.there.questions(running.id)
        await pair.there.answer(running.id, question.id, "Tokyo")
        await settle()
        [approval] = await pair.there.questions(running.id)
        pair.lines[0].cut()
        following = pair.following(running)
        await asyncio.sleep(LEASE + 1)
        assert await pair.there.questions(running.id) == [approval]  # asked again, not said again
        await pair.there.answer(running.id, approval.id, True)
        await pair.there.tell(running.id, "end")
        await settle()
        entries = await following
        check_well_formed(entries)
        asked = [each.event for each in entries if each.event.type in ("question", "approval")]
        assert asked == [question, approval]
        assert texts(entries) == "sunny in Tokyo; end "

    run(main(), leaks=False)
