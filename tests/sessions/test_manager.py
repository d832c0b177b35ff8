"""Conversations: whose words they remember, how many there are, and when they are forgotten."""

import asyncio
import gc
import re
import weakref
from typing import Any, cast

import pytest

from asgi_agent import AgentError, MemoryLog, ServerConfig, SessionManager, SessionStatus, Turn
from asgi_agent.agents import Agent
from asgi_agent.errors import (
    AlreadyAnswered,
    SessionBusy,
    TooManyRuns,
    Unavailable,
    UnknownQuestion,
    UnknownSession,
)
from asgi_agent.events import Cancelled, ClientTool, Complete
from asgi_agent.logs import EventLog
from asgi_agent.runs import Runs
from asgi_agent.sessions import FORMER_SESSIONS, KEPT_TURNS, Session
from asgi_agent.testing import run, settle
from tests.runs.faulty_log import FaultyLog

FOREVER = 1e7  # seconds


async def parrot(turn: Turn) -> Any:
    """Says what it was asked, and what it remembers."""
    await asyncio.sleep(1)
    yield turn.prompt
    yield f" after {len(turn.history)}"


async def silent(turn: Turn) -> Any:
    yield "..."
    await asyncio.sleep(FOREVER)


def manager(agent: Agent, *, log: EventLog | None = None, **settings: Any) -> SessionManager:
    config = ServerConfig(**settings)
    runs = Runs(agent, MemoryLog(config.keep_bytes) if log is None else log, config)
    return SessionManager(runs, config)


async def ended(session: Session) -> Session:
    if session.run is not None:
        await session.run.ended.wait()
    return session


async def turn_of(sessions: SessionManager, prompt: str, **options: Any) -> Session:
    """A turn of a session, to its end."""
    return await ended(await sessions.create_session(prompt, **options))


def said(session: Session) -> list[str]:
    return [f"{each['role']}: {each['content']}" for each in session.history]


def now() -> float:
    return asyncio.get_running_loop().time()


# Turns


def test_a_session_is_a_conversation_that_remembers() -> None:
    async def main() -> None:
        sessions = manager(parrot)
        session = await turn_of(sessions, "a")
        assert await turn_of(sessions, "b", session_id=session.session_id) is session
        assert said(session) == [
            "user: a",
            "assistant: a after 0",
            "user: b",
            "assistant: b after 2",
        ]
        assert (session.prompt, session.status) == ("b", SessionStatus.COMPLETED)
        assert len(session.turns) == 2
        assert (len(sessions), sessions.active_count) == (1, 0)

    run(main())


def test_a_session_may_be_named_by_its_client() -> None:
    async def main() -> None:
        sessions = manager(parrot)
        session = await turn_of(sessions, "a", session_id="mine")
        assert session.session_id == "mine"
        assert await sessions.get_session("mine") is session
        assert (await turn_of(sessions, "a", session_id="")).session_id not in ("", "mine")

    run(main())


def test_a_history_that_the_client_tells_takes_the_place_of_what_is_remembered() -> None:
    async def main() -> None:
        sessions = manager(parrot)
        await turn_of(sessions, "a", session_id="s")
        told = [{"role": "user", "content": "x"}]
        session = await turn_of(sessions, "b", session_id="s", history=told)
        assert said(session) == ["user: x", "user: b", "assistant: b after 1"]
        assert said(await turn_of(sessions, "c", session_id="s", history=[]))[0] == "user: c"

    run(main())


def test_the_status_of_a_session_is_that_of_its_latest_turn() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            await asyncio.sleep(1)
            if turn.prompt == "fail":
                raise AgentError("No such city.")
            yield "x"

        sessions = manager(agent)
        session = await sessions.create_session("go", session_id="s")
        assert (session.status, session.is_active) == (SessionStatus.STREAMING, True)
        await ended(session)
        assert (session.status, session.is_active) == (SessionStatus.COMPLETED, False)
        await turn_of(sessions, "fail", session_id="s")
        assert (session.status, session.error) == (SessionStatus.ERROR, "No such city.")
        await sessions.create_session("go", session_id="s")
        assert session.error is None
        assert session.run is not None
        session.run.cancel()
        await ended(session)
        assert session.status is SessionStatus.CANCELLED
        assert session.status == "cancelled"

    run(main())


def test_what_was_said_before_a_turn_failed_is_remembered() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield "half an an"
            raise ValueError("hunter2")

        session = await turn_of(manager(agent), "a")
        assert said(session) == ["user: a", "assistant: half an an"]
        assert session.error == "The agent failed."

    run(main())


def test_an_answer_that_was_only_said_as_a_whole_is_remembered() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield Complete("the answer" if turn.prompt == "text" else {"a": 1})

        sessions = manager(agent)
        assert said(await turn_of(sessions, "text")) == ["user: text", "assistant: the answer"]
        assert said(await turn_of(sessions, "object")) == ["user: object"]

    run(main())


def test_what_was_answered_is_known_to_be_so_until_the_next_turn_has_ended() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield ClientTool("t", "where", {})
            yield (await anext(aiter(turn.inbox)))["value"]

        sessions = manager(agent)
        session = await sessions.create_session("one", None, "s")
        await settle()
        await sessions.answer(session, "t", "Rome")
        await ended(session)
        with pytest.raises(AlreadyAnswered):
            await sessions.answer(session, "t", "Paris")
        with pytest.raises(UnknownQuestion):
            await sessions.answer(session, "other", "Paris")
        await sessions.create_session("two", None, "s")
        await settle()
        await sessions.cancel(session)
        with pytest.raises(UnknownQuestion):
            await sessions.answer(session, "t", "Paris")

    run(main())


def test_one_turn_of_a_session_at_a_time() -> None:
    async def main() -> None:
        sessions = manager(parrot)
        session = await sessions.create_session("a", session_id="s")
        with pytest.raises(SessionBusy):
            await sessions.create_session("b", session_id="s")
        await ended(session)
        assert said(session) == ["user: a", "assistant: a after 0"]  # nothing has changed
        assert session.prompt == "a"
        await turn_of(sessions, "b", session_id="s")

    run(main())


def test_a_session_is_busy_from_the_moment_that_its_turn_is_asked_for() -> None:
    async def main() -> None:
        sessions = manager(parrot, log=FaultyLog(seconds=0.5))
        asking = [
            asyncio.create_task(sessions.create_session(prompt, session_id="s"))
            for prompt in ("a", "b", "c")
        ]
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(result) for result in results] == [Session, SessionBusy, SessionBusy]
        assert len(sessions) == 1
        await ended(await sessions.get_session("s"))

    run(main())


def test_whoever_reads_the_end_of_a_turn_may_ask_the_next_question() -> None:
    async def main() -> None:
        log = FaultyLog(seconds=0.5)
        config = ServerConfig()
        runs = Runs(parrot, log, config)
        sessions = SessionManager(runs, config)
        for prompt in ("a", "b"):
            session = await sessions.create_session(prompt, session_id="s")
            assert session.turns[-1]
            async for _ in runs.follow(session.turns[-1]):
                pass
        await ended(session)

    run(main())


# Many at once


def test_twenty_sessions_at_once_never_hear_each_other_s_words() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for word in turn.prompt.split():
                yield f"{word} "
                await asyncio.sleep(0.01 * (len(word) % 3))
            for message in turn.history:
                yield f"[{message['content']}] "

        config = ServerConfig()
        runs = Runs(agent, MemoryLog(), config)
        sessions = SessionManager(runs, config)

        heard = set[bytes]()

        async def converse(name: str) -> None:
            for number in range(5):
                prompt = " ".join(f"{name}.{number}.{word}" for word in range(10))
                session = await sessions.create_session(prompt, session_id=name)
                async for page in runs.follow(session.turns[-1] or ""):
                    names = re.findall(rb"session\d\d", b"".join(page.entries))
                    assert set(names) <= {name.encode()}
                    heard.update(names)
                await ended(session)
            assert len(session.history) == 10
            assert all(name in each["content"] for each in session.history)

        await asyncio.gather(*(converse(f"session{number:02}") for number in range(20)))
        assert len(heard) == 20

    run(main())


def test_only_sessions_with_an_active_run_count() -> None:
    async def main() -> None:
        sessions = manager(parrot, max_concurrent_sessions=2)
        for number in range(10):
            await turn_of(sessions, f"{number}")
        assert (len(sessions), sessions.active_count) == (10, 0)
        one = await sessions.create_session("a")
        two = await sessions.create_session("b", session_id="s")
        with pytest.raises(TooManyRuns):
            await sessions.create_session("c")
        with pytest.raises(TooManyRuns):
            await sessions.create_session("c", session_id=(await turn_of_idle(sessions)).session_id)
        assert (len(sessions), sessions.active_count) == (12, 2)  # nothing has changed
        await ended(one)
        await ended(two)

    async def turn_of_idle(sessions: SessionManager) -> Session:
        return next(each for each in sessions._sessions.values() if not each.is_active)

    run(main())


def test_a_session_whose_turn_could_not_begin_is_as_it_was() -> None:
    async def main() -> None:
        log = FaultyLog()
        sessions = manager(parrot, log=log)
        session = await turn_of(sessions, "a", session_id="s")
        log.is_down = True
        for session_id in ("s", "new"):
            with pytest.raises(Unavailable):
                await sessions.create_session("b", session_id=session_id)
        log.is_down = False
        assert (session.status, session.prompt, len(session.turns)) == (
            SessionStatus.COMPLETED,
            "a",
            1,
        )
        with pytest.raises(UnknownSession):
            await sessions.get_session("new")
        assert said(await turn_of(sessions, "b", session_id="s"))[2:] == [
            "user: b",
            "assistant: b after 2",
        ]

    run(main())


# To forget


def test_a_session_expires_when_it_was_idle_for_long_enough() -> None:
    async def main() -> None:
        sessions = manager(parrot, session_timeout_seconds=100)
        session = await turn_of(sessions, "a", session_id="s")  # ends at 1
        await asyncio.sleep(99)
        assert await sessions.get_session("s") is session  # used at 100
        await asyncio.sleep(99)
        await turn_of(sessions, "b", session_id="s")  # ends at 200
        await asyncio.sleep(99)
        assert await sessions.get_session("s") is session
        await asyncio.sleep(100)
        with pytest.raises(UnknownSession, match="not found or expired"):
            await sessions.get_session("s")
        assert session.status is SessionStatus.EXPIRED
        fresh = await turn_of(sessions, "c", session_id="s")
        assert fresh is not session
        assert said(fresh) == ["user: c", "assistant: c after 0"]

    run(main())


def test_a_session_with_an_active_run_does_not_expire() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            await asyncio.sleep(1000)
            yield "at last"

        sessions = manager(agent, session_timeout_seconds=100)
        session = await sessions.create_session("a", session_id="s")
        idle = await sessions.create_session("b", session_id="idle")
        assert idle.run is not None
        idle.run.cancel()
        await asyncio.sleep(500)
        assert len(sessions) == 1
        assert session.is_active
        await ended(session)
        await asyncio.sleep(99)
        assert await sessions.get_session("s") is session

    run(main())


def test_nobody_has_to_come_for_sessions_to_be_freed() -> None:
    async def main() -> None:
        sessions = manager(parrot, session_timeout_seconds=100)
        references: list[weakref.ref[Any]] = []
        for number in range(5):
            session = await sessions.create_session(f"{number}", session_id=f"{number}")
            references += [weakref.ref(session), weakref.ref(session.run)]
            await ended(session)
            await asyncio.sleep(10)
        log: Any = sessions._runs.log
        assert len(log._runs) == 10  # each session has a log, and each turn
        del session
        await asyncio.sleep(200)
        assert len(sessions) == 0
        assert log._runs == {}
        gc.collect()
        assert [reference() for reference in references] == [None] * 10

    run(main())


def test_the_sessions_that_are_idle_for_longest_are_freed_first_and_in_time() -> None:
    async def main() -> None:
        sessions = manager(parrot, session_timeout_seconds=100)
        for number in range(5):
            await turn_of(sessions, "x", session_id=f"{number}")
            await asyncio.sleep(9)
        await sessions.get_session("0")  # used at 50; the others at 11, 21, 31 and 41
        await asyncio.sleep(65)
        assert list(sessions._sessions) == ["2", "3", "4", "0"]
        assert await sessions.cleanup_expired() == 0
        await asyncio.sleep(30)
        assert list(sessions._sessions) == ["0"]

    run(main())


def test_a_clean_up_by_hand_tells_how_many_there_were() -> None:
    async def main() -> None:
        sessions = manager(parrot, session_timeout_seconds=100)
        for _ in range(3):
            await turn_of(sessions, "x")
        assert sessions._timer is not None
        sessions._timer.cancel()  # nothing of its own accord
        await asyncio.sleep(200)
        assert await sessions.cleanup_expired() == 3
        assert await sessions.cleanup_expired() == 0

    run(main())


def test_beyond_the_limit_the_least_recently_used_go() -> None:
    async def main() -> None:
        sessions = manager(parrot, max_idle_sessions=3)
        for number in range(4):
            await turn_of(sessions, "x", session_id=f"{number}")
        await sessions.get_session("0")
        await turn_of(sessions, "x", session_id="4")
        assert list(sessions._sessions) == ["2", "3", "0", "4"]
        log: Any = sessions._runs.log
        assert len(log._runs) == 8

    run(main())


def test_active_sessions_are_not_among_those_that_go() -> None:
    async def main() -> None:
        sessions = manager(silent, max_idle_sessions=1)
        active = [await sessions.create_session("x") for _ in range(5)]
        assert len(sessions) == 5
        for session in active:
            assert session.run is not None
            session.run.cancel()
            await ended(session)
        await sessions.create_session("x")
        assert (len(sessions), sessions.active_count) == (2, 1)
        await sessions._runs.drain(0)

    run(main())


def test_a_session_that_is_about_to_begin_a_turn_is_not_among_those_that_go() -> None:
    async def main() -> None:
        log = FaultyLog()
        sessions = manager(parrot, log=log, max_idle_sessions=1, session_timeout_seconds=10)
        await turn_of(sessions, "x", session_id="old")
        await asyncio.sleep(8)
        log.seconds = 3
        beginning = asyncio.create_task(sessions.create_session("y", session_id="old"))
        await turn_of(sessions, "x", session_id="other")
        session = await beginning
        assert await sessions.get_session("old") is session
        await ended(session)
        assert len(session.history) == 4

    run(main())


def test_a_session_that_is_removed_is_cancelled_and_forgotten() -> None:
    async def main() -> None:
        sessions = manager(silent)
        session = await sessions.create_session("x", session_id="s")
        running = session.run
        assert running is not None
        await settle()
        await sessions.remove_session("s")
        assert running.outcome == Cancelled("deleted")
        log: Any = sessions._runs.log
        assert (len(sessions), log._runs, session.turns) == (0, {}, [None])
        with pytest.raises(UnknownSession):
            await sessions.remove_session("s")

    run(main())


def test_a_session_may_be_removed_by_two_at_once() -> None:
    async def main() -> None:
        sessions = manager(silent)
        await sessions.create_session("x", session_id="s")
        await asyncio.gather(sessions.remove_session("s"), sessions.remove_session("s"))
        assert len(sessions) == 0

    run(main())


def test_a_session_that_goes_on_while_it_is_removed_is_cancelled_again() -> None:
    async def main() -> None:
        sessions = manager(silent)
        session = await sessions.create_session("x", session_id="s")
        assert session.run is not None
        first = session.run

        async def insist() -> None:
            await first.ended.wait()
            await sessions.create_session("y", session_id="s")

        insisting = asyncio.create_task(insist())
        await settle()
        await sessions.remove_session("s")
        await insisting
        assert (len(sessions), sessions.active_count) == (0, 0)

    run(main())


def test_a_session_that_is_removed_while_its_turn_begins_stays_removed() -> None:
    async def main() -> None:
        log = FaultyLog(seconds=0.5)
        sessions = manager(parrot, log=log)
        beginning = asyncio.create_task(sessions.create_session("x", session_id="s"))
        await settle()
        await sessions.remove_session("s")
        session = await beginning
        assert len(sessions) == 0
        await ended(session)
        await asyncio.sleep(10)
        assert len(sessions) == 0

    run(main())


def test_of_a_long_conversation_only_the_latest_turns_can_still_be_read() -> None:
    async def main() -> None:
        sessions = manager(parrot)
        for number in range(KEPT_TURNS + 3):
            session = await turn_of(sessions, f"{number}", session_id="s")
        assert session.turns[:3] == [None] * 3
        log: Any = sessions._runs.log
        assert set(log._runs) == {*session.turns[3:], session.key}
        assert len(session.history) == 2 * (KEPT_TURNS + 3)

    run(main())


def test_a_session_that_was_used_while_it_was_found_expired_is_not_lost() -> None:
    """Two clients come to an expired session: one of them begins it anew, the other finds that."""

    async def main() -> None:
        log = FaultyLog()
        sessions = manager(parrot, log=log, session_timeout_seconds=100)
        await turn_of(sessions, "x", session_id="s")
        assert sessions._timer is not None
        sessions._timer.cancel()
        await asyncio.sleep(200)
        log.seconds = 0.5
        asking = asyncio.create_task(sessions.create_session("y", session_id="s"))
        finding = asyncio.create_task(sessions.get_session("s"))
        session = await asking
        assert await finding is session
        assert await sessions.get_session("s") is session
        await ended(session)
        assert said(session)[0] == "user: y"

    run(main())


def test_the_history_is_bounded_and_its_oldest_messages_go_first() -> None:
    async def main() -> None:
        sessions = manager(parrot, max_history_bytes=100)
        for number in range(20):
            session = await turn_of(sessions, f"{number:030}", session_id="s")
        assert sum(len(each["content"]) for each in session.history) <= 100
        assert said(session)[-2] == f"user: {19:030}"
        await turn_of(sessions, "x" * 1000, session_id="s")
        assert session.history[-1]["content"].startswith("xxx")
        assert len(session.history) == 1  # what was said last is kept, whatever its size

    run(main())


@pytest.mark.parametrize("content", [[{"type": "text", "text": "x" * 1000}], ""])
def test_the_bound_holds_whatever_an_agent_does_to_the_messages_it_is_given(content: Any) -> None:
    async def vandal(turn: Turn) -> Any:
        for message in turn.history:
            cast(dict[str, Any], message)["content"] = content
        yield "0123456789"

    async def main() -> None:
        sessions = manager(vandal, max_history_bytes=100)
        for _ in range(50):
            session = await turn_of(sessions, "0123456789", session_id="s")
        assert len(session.history) == 10

    run(main())


def test_a_history_may_have_contents_that_are_no_text() -> None:
    async def main() -> None:
        sessions = manager(parrot, max_history_bytes=100)
        picture = {"role": "user", "content": [{"type": "image", "data": "x" * 90}]}
        session = await turn_of(sessions, "What is this?", history=[picture])
        assert said(session) == ["user: What is this?", "assistant: What is this? after 1"]

    run(main())


def test_a_question_that_nobody_hears_does_not_hold_its_place_for_ever() -> None:
    async def asking(turn: Turn) -> Any:
        yield f"It is {await turn.ask('Which?')}"

    async def main() -> None:
        sessions = manager(asking, session_timeout_seconds=10, max_concurrent_sessions=2)
        heard = await sessions.create_session("x", session_id="heard")
        left = await sessions.create_session("x", session_id="left")
        assert heard.run
        assert left.run
        pages = sessions._runs.follow(heard.run.id)
        await anext(pages)
        with pytest.raises(TooManyRuns):
            await sessions.create_session("x")
        await asyncio.sleep(15)
        assert left.run  # somebody may come back
        outcome = left.run
        await asyncio.sleep(10)
        assert outcome.outcome == Cancelled("abandoned")
        assert heard.run.outcome is None
        await sessions.create_session("x", session_id="another")
        await pages.aclose()
        for session in ("heard", "another"):
            await sessions.remove_session(session)

    run(main())


def test_a_session_that_comes_again_gives_no_event_id_twice() -> None:
    async def main() -> None:
        sessions = manager(parrot)
        for _ in range(3):
            await turn_of(sessions, "a", session_id="s")
        await sessions.remove_session("s")
        again = await turn_of(sessions, "b", session_id="s")
        assert len(again.turns) == 4
        assert again.turns[:3] == [None] * 3
        assert said(again) == ["user: b", "assistant: b after 0"]

    run(main())


def test_of_how_many_sessions_that_is_known_is_limited() -> None:
    async def main() -> None:
        sessions = manager(parrot)
        for number in range(FORMER_SESSIONS + 1):
            session = Session(f"{number}")
            session.turns = [None]
            await sessions._free(session, 1)
        assert len(sessions._former) == FORMER_SESSIONS
        assert len((await turn_of(sessions, "a", session_id="0")).turns) == 1
        assert len((await turn_of(sessions, "a", session_id="1")).turns) == 2

    run(main())
