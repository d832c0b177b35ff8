"""Two workers and one log: a conversation is the same at each of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent import ServerConfig, SessionManager, SessionStatus, Turn
from asgi_agent.errors import (
    AlreadyAnswered,
    Fenced,
    KeyReused,
    SessionBusy,
    TooManyRuns,
    Unavailable,
    UnknownQuestion,
    UnknownSession,
)
from asgi_agent.events import Cancelled
from asgi_agent.logs import DELETED, Page
from asgi_agent.runs import Runs
from asgi_agent.sessions import KEPT_TURNS, Session
from asgi_agent.testing import run, settle
from tests.runs.shared_log import Line, SharedLog, now

LEASE = 10.0
TIMEOUT = 100.0


async def parrot(turn: Turn) -> Any:
    """Says what it was asked, after what it remembers, and a second."""
    await asyncio.sleep(1)
    yield f"{turn.prompt} after {len(turn.history)}"


async def talkative(turn: Turn) -> Any:
    """The same, and says it at once."""
    yield f"{turn.prompt} after "
    await asyncio.sleep(1)
    yield f"{len(turn.history)}"


async def silent(turn: Turn) -> Any:
    yield "..."
    await asyncio.sleep(1e6)


async def asking(turn: Turn) -> Any:
    yield f"It is {await turn.ask('Which?')}"


class Workers:
    """Some workers, each with its line to the one store."""

    def __init__(
        self, agent: Any, count: int = 2, keep_bytes: int = 8 << 20, **settings: Any
    ) -> None:
        self.store = SharedLog(keep_bytes)
        self.lines = [Line(self.store) for _ in range(count)]
        config = ServerConfig(session_timeout_seconds=TIMEOUT, **settings)
        self.runs = [Runs(agent, line, config) for line in self.lines]
        self.managers = [SessionManager(runs, config) for runs in self.runs]

    async def turn(self, worker: int, prompt: str = "x", session_id: str = "s") -> Session:
        """A turn of the session, to its end."""
        session = await self.managers[worker].create_session(prompt, session_id=session_id)
        return await self.end(worker, session)

    async def end(self, worker: int, session: Session) -> Session:
        """The session when its turn has ended."""
        async for _ in self.runs[worker].follow(session.turns[-1] or ""):
            pass
        return await self.managers[worker].get_session(session.session_id)

    def stop(self) -> None:
        for manager in self.managers:
            if manager._timer:
                manager._timer.cancel()


@asynccontextmanager
async def workers(agent: Any, count: int = 2, **settings: Any) -> AsyncIterator[Workers]:
    made = Workers(agent, count, **settings)
    yield made
    for runs in made.runs:
        await runs.drain(0)
    made.stop()


def said(session: Session) -> list[str]:
    return [f"{each['role']}: {each['content']}" for each in session.history]


# Turns


def test_the_turns_of_a_session_may_each_be_at_another_worker() -> None:
    async def main() -> None:
        async with workers(parrot, 3) as all_of:
            for number in range(6):
                await all_of.turn(number % 3, f"{number}")
            expected = [
                each
                for number in range(6)
                for each in (f"user: {number}", f"assistant: {number} after {2 * number}")
            ]
            sessions = [await manager.get_session("s") for manager in all_of.managers]
            for session in sessions:
                assert said(session) == expected
                assert session.status is SessionStatus.COMPLETED
                assert session.prompt == "5"
                assert session.turns == sessions[0].turns
                assert session.created_at == sessions[0].created_at

    run(main())


def test_one_turn_at_a_time_at_all_workers() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            one, two = all_of.managers
            session = await one.create_session("a", session_id="s")
            with pytest.raises(SessionBusy):
                await two.create_session("b", session_id="s")
            assert (await two.get_session("s")).is_active
            await all_of.end(1, session)
            results = await asyncio.gather(
                *(each.create_session("c", session_id="s") for each in (one, two, one, two)),
                return_exceptions=True,
            )
            assert sum(isinstance(each, Session) for each in results) == 1
            assert sum(isinstance(each, SessionBusy) for each in results) == 3

    run(main())


def test_a_history_that_the_client_tells_is_told_to_all_workers() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            told = [{"role": "user", "content": "x"}]
            await all_of.managers[1].create_session("b", told, "s")
            await asyncio.sleep(2)
            session = await all_of.managers[0].get_session("s")
            assert said(session) == ["user: x", "user: b", "assistant: b after 1"]

    run(main())


def test_a_worker_that_dies_while_it_begins_a_turn_holds_others_up_for_a_lease() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            epoch = await all_of.store.claim("session:s", LEASE)  # and nothing more
            assert epoch is not None
            with pytest.raises(SessionBusy):
                await all_of.managers[1].create_session("b", session_id="s")
            await asyncio.sleep(LEASE)
            assert said(await all_of.turn(1, "b"))[2:] == ["user: b", "assistant: b after 2"]

    run(main())


def test_a_worker_that_begins_too_slowly_does_not_begin() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            line = all_of.lines[0]
            append = line.append

            async def dawdle(key: str, entries: Any, **options: Any) -> int:
                if entries and key == "session:s":
                    await asyncio.sleep(LEASE + 1)
                return await append(key, entries, **options)

            line.append = dawdle  # type: ignore[method-assign]
            slow = asyncio.create_task(all_of.managers[0].create_session("b", session_id="s"))
            await asyncio.sleep(LEASE + 0.5)
            await all_of.managers[1].create_session("c", session_id="s")
            with pytest.raises(SessionBusy):
                await slow
            line.append = append  # type: ignore[method-assign]
            await asyncio.sleep(5)
            session = await all_of.managers[0].get_session("s")
            assert said(session)[2:] == ["user: c", "assistant: c after 2"]
            assert len(session.turns) == 2

    run(main())


def test_the_end_of_a_turn_that_nobody_could_write_is_found_in_the_log_of_its_run() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.managers[0].create_session("a", session_id="s")
            await asyncio.sleep(3)
            page = await all_of.store.read("session:s", 0)
            kept = all_of.store._runs["session:s"]
            assert page.last == 2
            kept.entries.pop()  # as if the worker had died before it
            session = await all_of.managers[1].get_session("s")
            assert said(session) == ["user: a", "assistant: a after 0"]
            assert (await all_of.store.read("session:s", 0)).entries[:2] == page.entries

    run(main())


def test_a_session_whose_worker_was_lost_is_free_again() -> None:
    async def main() -> None:
        async with workers(silent) as all_of:
            await all_of.managers[0].create_session("a", session_id="s")
            await settle()
            all_of.lines[0].cut()
            await asyncio.sleep(LEASE - 1)
            with pytest.raises(SessionBusy):
                await all_of.managers[1].create_session("b", session_id="s")
            await asyncio.sleep(2)
            session = await all_of.managers[1].create_session("b", session_id="s")
            assert said(session) == ["user: a", "assistant: ...", "user: b"]
            all_of.lines[0].mend()
            await asyncio.sleep(LEASE)
            assert all_of.runs[0].active_count == 0
            assert said(await all_of.managers[0].get_session("s")) == said(session)

    run(main())


def test_what_a_lost_worker_s_turn_has_said_is_its_error() -> None:
    async def main() -> None:
        async with workers(silent) as all_of:
            await all_of.managers[0].create_session("a", session_id="s")
            await settle()
            all_of.lines[0].cut()
            await asyncio.sleep(LEASE + 1)
            session = await all_of.managers[1].get_session("s")
            assert session.status is SessionStatus.ERROR
            assert session.error == "The run was lost with the server that executed it."
            all_of.lines[0].mend()
            await asyncio.sleep(LEASE)

    run(main())


def test_a_session_log_that_is_trimmed_loses_the_beginning_of_the_history_and_nothing_else() -> (
    None
):
    async def main() -> None:
        async with workers(parrot, keep_bytes=3000) as all_of:
            for number in range(20):
                await all_of.turn(number % 2, f"{number}", "s")
            fresh = SessionManager(all_of.runs[0], ServerConfig())
            session = await fresh.get_session("s")
            whole = [
                each
                for number in range(20)
                for each in (f"user: {number}", f"assistant: {number} after {2 * number}")
            ]
            known = said(session)
            assert 4 < len(known) < 40
            assert [each.split(" after")[0] for each in known] == [
                each.split(" after")[0] for each in whole[-len(known) :]
            ]
            assert len(session.turns) == 20
            assert (
                session.turns[-KEPT_TURNS:]
                == (await all_of.managers[1].get_session("s")).turns[-KEPT_TURNS:]
            )
            if fresh._timer:
                fresh._timer.cancel()

    run(main())


def test_a_worker_that_was_away_while_the_log_was_trimmed_begins_anew() -> None:
    async def main() -> None:
        async with workers(parrot, keep_bytes=1500) as all_of:
            await all_of.turn(0, "first")
            for number in range(10):
                await all_of.turn(1, f"{number}")
            session = await all_of.managers[0].get_session("s")
            assert "user: first" not in said(session)
            assert said(session)[-2].startswith("user: 9")
            assert len(session.turns) == 11

    run(main())


def test_a_session_without_its_beginning_still_counts_its_turns() -> None:
    async def main() -> None:
        async with workers(parrot, keep_bytes=100) as all_of:
            await all_of.turn(0, "a")
            await all_of.turn(0, "b")
            session = await all_of.managers[1].get_session("s")
            assert session.turns == [None, None]
            assert said(session) == ["assistant: b after 2"]
            assert session.status is SessionStatus.COMPLETED

    run(main())


# Steering


def test_a_turn_is_cancelled_at_another_worker() -> None:
    async def main() -> None:
        async with workers(silent) as all_of:
            await all_of.managers[0].create_session("a", session_id="s")
            await settle()
            session = await all_of.managers[1].get_session("s")
            await all_of.managers[1].cancel(session, "enough")
            assert (await all_of.managers[1].get_session("s")).status is SessionStatus.CANCELLED
            with pytest.raises(SessionBusy):
                await all_of.managers[1].cancel(session)

    run(main())


def test_a_question_is_answered_at_another_worker() -> None:
    async def main() -> None:
        async with workers(asking) as all_of:
            await all_of.managers[0].create_session("a", session_id="s")
            await settle()
            there = all_of.managers[1]
            session = await there.get_session("s")
            [question] = await there.questions(session)
            await there.answer(session, question.id, "this")
            await there.send(session, "too late, or not")
            session = await all_of.end(1, session)
            assert said(session)[-1] == "assistant: It is this"
            with pytest.raises(AlreadyAnswered):
                await there.answer(session, question.id, "this")
            with pytest.raises(UnknownQuestion):
                await there.answer(session, "another", "this")
            with pytest.raises(SessionBusy):
                await there.send(session, "x")
            assert await there.questions(session) == []

    run(main())


def test_of_a_session_without_turns_nothing_can_be_asked() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            session, manager = Session("new"), all_of.managers[0]
            with pytest.raises(SessionBusy):
                await manager.cancel(session)
            assert await manager.questions(session) == []

    run(main())


# To forget


def test_a_session_is_removed_at_another_worker() -> None:
    async def main() -> None:
        async with workers(silent) as all_of:
            session = await all_of.managers[0].create_session("a", session_id="s")
            running = session.run
            assert running is not None
            await settle()
            await all_of.managers[1].remove_session("s")
            assert running.outcome == Cancelled("deleted")
            for manager in all_of.managers:
                with pytest.raises(UnknownSession):
                    await manager.get_session("s")
                with pytest.raises(UnknownSession):
                    await manager.remove_session("s")
            assert not all_of.store._runs

    run(main())


def test_a_session_that_is_removed_at_two_workers_at_once_is_gone() -> None:
    async def main() -> None:
        async with workers(silent, 3) as all_of:
            await all_of.managers[0].create_session("a", session_id="s")
            await settle()
            results = await asyncio.gather(
                *(each.remove_session("s") for each in all_of.managers), return_exceptions=True
            )
            assert None in results
            assert {type(each) for each in results} <= {type(None), UnknownSession}
            assert not all_of.store._runs

    run(main())


def test_a_session_that_was_removed_and_made_anew_elsewhere_is_another_one() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            await all_of.turn(1, "b")
            await all_of.managers[1].remove_session("s")
            for number in range(3):
                await all_of.turn(1, f"{number}")
            session = await all_of.managers[0].get_session("s")
            assert said(session)[0] == "user: 0"
            assert len(session.history) == 6

    run(main())


def test_a_session_that_another_worker_uses_does_not_expire() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            for _ in range(10):
                await asyncio.sleep(TIMEOUT * 0.6)
                await all_of.managers[1].get_session("s")
            assert len(all_of.managers[0]) == 1
            await asyncio.sleep(3 * TIMEOUT)
            assert [len(manager) for manager in all_of.managers] == [0, 0]
            assert not all_of.store._runs

    run(main())


def test_a_session_with_a_turn_at_another_worker_does_not_expire() -> None:
    async def main() -> None:
        async def slow(turn: Turn) -> Any:
            await asyncio.sleep(5 * TIMEOUT)
            yield "at last"

        async with workers(slow) as all_of:
            session = await all_of.managers[0].create_session("a", session_id="s")
            await all_of.managers[1].get_session("s")
            await asyncio.sleep(4 * TIMEOUT)
            assert len(all_of.managers[1]) == 1
            assert said(await all_of.end(1, session)) == ["user: a", "assistant: at last"]

    run(main())


def test_beyond_the_limit_a_worker_forgets_what_another_one_uses_and_does_not_free_it() -> None:
    async def main() -> None:
        async with workers(parrot, max_idle_sessions=1) as all_of:
            await all_of.turn(0, "a", "s")
            await all_of.turn(1, "b", "s")
            await all_of.turn(0, "c", "other")
            await all_of.turn(0, "d", "third")
            assert list(all_of.managers[0]._sessions) == ["other", "third"]
            assert len(said(await all_of.managers[1].get_session("s"))) == 4

    run(main())


class Frozen:
    """A line that is cut when its worker is about to free the session."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.append = line.append
        line.append = self.freeze  # type: ignore[method-assign]

    async def freeze(self, key: str, entries: Any, **options: Any) -> int:
        if key == "session:s" and options.get("end") == DELETED:
            self.line.append = self.append  # type: ignore[method-assign]
            self.line.cut()
        return await self.append(key, entries, **options)


def test_a_worker_that_thaws_does_not_free_a_session_in_which_another_turn_has_begun() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            Frozen(all_of.lines[0])
            await asyncio.sleep(TIMEOUT + LEASE)
            assert not all_of.lines[0].whole.is_set()
            session = await all_of.turn(1, "b")
            all_of.lines[0].mend()
            await asyncio.sleep(1)
            session = await all_of.managers[1].get_session("s")
            assert said(session)[2:] == ["user: b", "assistant: b after 2"]
            assert said(await all_of.managers[0].get_session("s")) == said(session)

    run(main())


def test_who_removes_a_session_does_so_though_another_turn_has_begun() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            Frozen(all_of.lines[0])
            removing = asyncio.create_task(all_of.managers[0].remove_session("s"))
            await asyncio.sleep(LEASE + 1)
            await all_of.managers[1].create_session("b", session_id="s")
            all_of.lines[0].mend()
            await removing
            assert not all_of.store._runs

    run(main())


def test_what_cannot_be_freed_now_is_freed_later(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            all_of.lines[0].is_down = True
            await asyncio.sleep(1.5 * TIMEOUT)
            all_of.lines[0].is_down = False
            assert all_of.store._runs
            await asyncio.sleep(TIMEOUT)
            assert not all_of.store._runs

    run(main())
    assert "cannot be freed now" in caplog.text


def test_a_session_that_cannot_be_looked_at_now_is_looked_at_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with workers(silent) as all_of:
            session = await all_of.managers[0].create_session("a", session_id="s")
            await all_of.managers[1].get_session("s")
            all_of.lines[1].is_down = True
            await asyncio.sleep(1.5 * TIMEOUT)
            all_of.lines[1].is_down = False
            assert len(all_of.managers[1]) == 1
            await all_of.managers[0].cancel(session)

    run(main())
    assert "cannot be looked at now" in caplog.text


def test_a_session_freed_elsewhere_is_forgotten_when_it_would_expire() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            await all_of.managers[1].remove_session("s")
            assert len(all_of.managers[0]) == 1
            await asyncio.sleep(2 * TIMEOUT)
            assert len(all_of.managers[0]) == 0

    run(main())


def test_a_session_is_not_freed_while_another_worker_is_busy_with_it() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            await asyncio.sleep(TIMEOUT - 2)
            assert await all_of.store.claim("session:s", 3 * LEASE) is not None
            await asyncio.sleep(LEASE)
            assert len(all_of.managers[0]) == 1
            removing = asyncio.create_task(all_of.managers[0].remove_session("s"))
            await asyncio.sleep(LEASE)
            assert not removing.done()
            await removing

    run(main())


def test_a_worker_counts_the_turns_of_a_session_that_was_made_elsewhere_as_they_are() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            for _ in range(3):
                await all_of.turn(0, "a")
            await all_of.managers[0].remove_session("s")
            beginning = [each.create_session("b", session_id="s") for each in all_of.managers]
            results = await asyncio.gather(*beginning[::-1], return_exceptions=True)
            [session] = [each for each in results if isinstance(each, Session)]
            await all_of.end(0, session)
            session = await all_of.turn(0, "c")
            assert len([each for each in session.turns if each]) == 2
            assert said(session)[0] == "user: b"

    run(main())


def test_turns_are_counted_on_only_where_no_other_worker_has_begun_to() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            for _ in range(3):
                await all_of.turn(0, "a")
            await all_of.managers[0].remove_session("s")
            line = all_of.lines[0]
            create = line.create

            async def be_late(key: str, meta: bytes = b"") -> bool:
                line.create = create  # type: ignore[method-assign]
                await all_of.turn(1, "b")
                return await create(key, meta)

            line.create = be_late  # type: ignore[method-assign]
            session = await all_of.turn(0, "c")
            assert len(session.turns) == 2
            assert said(session)[2] == "user: c"

    run(main())


def test_a_session_that_is_forgotten_while_its_turn_goes_on_is_known_again_when_it_is_used() -> (
    None
):
    async def main() -> None:
        async with workers(parrot) as all_of:
            manager = all_of.managers[0]
            session = await manager.create_session("a", session_id="s")
            manager._drop(session)
            await all_of.end(1, session)
            assert len(manager) == 0
            assert said(await manager.get_session("s")) == ["user: a", "assistant: a after 0"]

    run(main())


def test_a_session_whose_first_turn_does_not_begin_leaves_no_log() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            create = all_of.lines[0].create

            async def fail(key: str, meta: bytes = b"") -> bool:
                if not key.startswith("session:"):
                    raise Unavailable("not now")
                return await create(key, meta)

            all_of.lines[0].create = fail  # type: ignore[method-assign]
            with pytest.raises(Unavailable):
                await all_of.managers[0].create_session("a", session_id="s")
            assert not all_of.store._runs
            assert len(all_of.managers[0]) == 0

    run(main())


# Requests that are repeated


def test_a_request_that_is_repeated_with_its_key_starts_nothing() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            one, two = all_of.managers
            first = await one.create_session("a", key="k")
            for manager in (one, two):
                again = await manager.create_session("a", key="k")
                assert (again.session_id, again.turns) == (first.session_id, first.turns)
            session = await all_of.end(1, first)
            assert len((await two.create_session("a", key="k")).turns) == 1
            await two.create_session("b", session_id=session.session_id)
            assert len((await one.create_session("a", key="k")).turns) == 2
            with pytest.raises(KeyReused):
                await two.create_session("b", key="k")
            with pytest.raises(KeyReused):
                await two.create_session("a", session_id="s", key="k")
            with pytest.raises(KeyReused):
                await two.create_session("a", [], key="k")
            others = [
                await one.create_session("a", principal="bob", key="k"),
                await one.create_session("a", key="K"),
            ]
            assert len({first.session_id, *(each.session_id for each in others)}) == 3

    run(main())


@pytest.mark.parametrize("session_id", [None, "s"])
def test_requests_with_one_key_at_once_are_one_turn(session_id: str | None) -> None:
    async def main() -> None:
        async with workers(parrot, 3) as all_of:
            requests = [
                each.create_session("a", session_id=session_id, key="k")
                for each in (*all_of.managers, *all_of.managers)
            ]
            sessions = await asyncio.gather(*requests)
            assert len({each.session_id for each in sessions}) == 1
            assert [len(each.turns) for each in sessions] == [1] * 6
            assert sum(runs.active_count for runs in all_of.runs) == 1

    run(main())


@given(seed=st.integers(0, 1_000_000), was_there=st.booleans())
@example(seed=222, was_there=False)
@example(seed=647, was_there=False)
@example(seed=222, was_there=True)
@example(seed=292, was_there=True)
def test_requests_with_one_key_are_one_turn_however_long_each_step_takes(
    seed: int, was_there: bool
) -> None:
    random = Random(seed)

    async def ask(all_of: Workers) -> Session:
        await asyncio.sleep(random.choice([0, 0.01, 0.05, 0.1, 0.2]))
        manager = random.choice(all_of.managers)
        return await manager.create_session("a", session_id="s", key="k")

    async def main() -> None:
        async with workers(talkative) as all_of:
            if was_there:  # and only one of the workers knows how many turns it had
                await all_of.turn(0)
                await all_of.managers[0].remove_session("s")
            for line in all_of.lines:
                line.delays = iter(random.choices([0, 0.001, 0.01, 0.02, 0.05], k=200))
            sessions = await asyncio.gather(*(ask(all_of) for _ in range(6)))
            assert len({tuple(each.turns) for each in sessions}) == 1
            assert said(await all_of.end(1, sessions[0])) == ["user: a", "assistant: a after 0"]

    run(main())


def test_a_repeated_request_waits_for_the_one_that_is_being_answered() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            line = all_of.lines[0]
            first = asyncio.create_task(all_of.managers[0].create_session("a", key="k"))
            append = line.append

            async def dawdle(key: str, entries: Any, **options: Any) -> int:
                await asyncio.sleep(3)
                return await append(key, entries, **options)

            line.append = dawdle  # type: ignore[method-assign]
            await settle()
            again = await all_of.managers[1].create_session("a", key="k")
            assert now() == pytest.approx(3, abs=0.2)
            assert (await first).turns == again.turns

    run(main())


@pytest.mark.parametrize("seconds", [0.5, 5])
def test_a_repeated_request_that_is_overtaken_by_the_first_is_the_same_turn(seconds: float) -> None:
    """It finds nothing of the first one, which then goes on, or ends, before it does more."""

    async def main() -> None:
        async with workers(talkative) as all_of:
            line = all_of.lines[1]
            read = line.read

            async def dawdle(key: str, after: int, limit: int = 256) -> Page:
                line.read = read  # type: ignore[method-assign]
                try:
                    return await read(key, after, limit)
                finally:
                    await asyncio.sleep(seconds)

            line.read = dawdle  # type: ignore[method-assign]
            again = asyncio.create_task(all_of.managers[1].create_session("a", key="k"))
            await settle()
            first = await all_of.managers[0].create_session("a", key="k")
            assert (await again).turns == first.turns
            session = await all_of.end(1, first)
            assert said(session) == ["user: a", "assistant: a after 0"]

    run(main())


def test_a_request_with_a_key_does_not_wait_for_the_turn_of_another_one() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.managers[0].create_session("a", session_id="s", key="k")
            with pytest.raises(SessionBusy):
                await all_of.managers[1].create_session("a", session_id="s", key="other")
            assert now() == 0

    run(main())


def test_a_repeated_request_does_not_wait_for_ever() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            await all_of.turn(0, "a")
            assert await all_of.store.claim("session:s", 1000) is not None
            with pytest.raises(SessionBusy):
                await all_of.managers[1].create_session("b", session_id="s", key="k")
            assert now() == pytest.approx(1 + LEASE, abs=0.2)

    run(main())


@pytest.mark.parametrize("lost", range(1, 5))
def test_a_request_that_failed_is_repeated_as_if_it_had_not_come(lost: int) -> None:
    """The answer of one of the calls is lost, and the client comes again."""

    async def main() -> None:
        async with workers(parrot) as all_of:
            line = all_of.lines[0]
            calls = 0
            append = line.append

            async def lose(key: str, entries: Any, **options: Any) -> int:
                nonlocal calls
                last = await append(key, entries, **options)
                calls += 1
                if calls == lost:
                    raise Unavailable("the answer was lost")
                return last

            line.append = lose  # type: ignore[method-assign]
            with suppress(Unavailable):
                await all_of.managers[0].create_session("a", session_id="s", key="k")
            session = await all_of.managers[1].create_session("a", session_id="s", key="k")
            session = await all_of.end(1, session)
            assert said(session)[-2:] == ["user: a", "assistant: a after 0"]
            assert len(session.turns) == 1

    run(main())


@pytest.mark.parametrize("is_written", [True, False])
def test_a_request_that_failed_as_the_store_went_away_is_begun_when_it_comes_again(
    is_written: bool,
) -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            line = all_of.lines[0]

            append = line.append

            async def fail(*asked: Any, **options: Any) -> int:
                if is_written:
                    await append(*asked, **options)
                line.is_down = True
                raise Unavailable("the store is away")

            line.append = fail  # type: ignore[method-assign]
            with pytest.raises(Unavailable):
                await all_of.managers[0].create_session("a", session_id="s", key="k")
            await asyncio.sleep(LEASE + 1)
            session = await all_of.managers[1].create_session("a", session_id="s", key="k")
            session = await all_of.end(1, session)
            assert said(session) == ["user: a", "assistant: a after 0"]
            line.append, line.is_down = append, False  # type: ignore[method-assign]

    run(main())


def test_a_request_whose_worker_died_is_answered_by_another_one() -> None:
    async def main() -> None:
        async with workers(parrot) as all_of:
            line = all_of.lines[0]
            append = line.append

            async def die(*_: Any, **__: Any) -> int:
                line.cut()
                await line.whole.wait()
                raise Fenced("too late")

            line.append = die  # type: ignore[method-assign]
            first = asyncio.create_task(all_of.managers[0].create_session("a", key="k"))
            await settle()
            again = asyncio.create_task(all_of.managers[1].create_session("a", key="k"))
            await asyncio.sleep(2 * LEASE)
            with suppress(SessionBusy):  # at the first attempt, perhaps
                await again
            session = await all_of.managers[1].create_session("a", key="k")
            session = await all_of.end(1, session)
            assert said(session) == ["user: a", "assistant: a after 0"]
            line.append = append  # type: ignore[method-assign]
            line.mend()
            with pytest.raises(SessionBusy):
                await first
            assert said(await all_of.managers[0].get_session(session.session_id)) == said(session)

    run(main())


def test_a_turn_that_finds_no_room_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with workers(silent, max_concurrent_sessions=1) as all_of:
            manager = all_of.managers[0]
            await manager.create_session("a", session_id="s")
            before = set(all_of.store._runs)
            with pytest.raises(TooManyRuns):
                await manager.create_session("b", session_id="t", key="k")
            assert set(all_of.store._runs) == before
            await all_of.managers[1].create_session("b", session_id="t", key="k")

    run(main())
