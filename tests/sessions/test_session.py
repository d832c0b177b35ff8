"""What a worker makes of the log of a session, whatever it is told twice, late or not at all."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from asgi_agent.errors import UnknownSession
from asgi_agent.events import Cancelled, Complete, Error, Terminal
from asgi_agent.logs import Page
from asgi_agent.runs import Ending
from asgi_agent.sessions import Session, SessionStatus
from asgi_agent.sessions.session import USED, begun, created, ended

META = b'{"created_at": 5}'


def page(start: int, *entries: bytes, last: int | None = None, meta: bytes = META) -> Page:
    newest = start + len(entries) - 1 if last is None else last
    return Page(start, entries, newest, None, None, meta)


def a_turn(turn: int, run_id: str = "", prompt: str = "") -> bytes:
    return begun(turn, run_id or f"run{turn}", prompt or f"{turn}?", None)


def its_end(turn: int, outcome: Terminal | None = None) -> bytes:
    return ended(turn, Ending(outcome or Complete(None), f"{turn}!"))


def reading(*pages: Page, former_turns: int = 0) -> Session:
    """A session that has read these pages."""

    async def main() -> Session:
        session = Session("s", former_turns=former_turns)
        for each in pages:
            session.read(each)
        return session

    return asyncio.run(main())


def contents(session: Session) -> list[str]:
    return [each["content"] for each in session.history]


def test_a_session_is_what_its_log_tells() -> None:
    session = reading(page(1, a_turn(1), its_end(1), a_turn(2)))
    assert session.turns == ["run1", "run2"]
    assert contents(session) == ["1?", "1!", "2?"]
    assert (session.prompt, session.status, session.seen) == ("2?", SessionStatus.STREAMING, 3)
    assert session.created_at == 5
    assert session.key == "session:s"


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        (Complete("x"), SessionStatus.COMPLETED, None),
        (Cancelled("x"), SessionStatus.CANCELLED, None),
        (Error("No.", "x"), SessionStatus.ERROR, "No."),
    ],
)
def test_its_status_is_that_of_its_latest_turn(
    outcome: Terminal, status: SessionStatus, error: str | None
) -> None:
    session = reading(page(1, a_turn(1), its_end(1, outcome)))
    assert (session.status, session.error) == (status, error)


@pytest.mark.parametrize(
    "entries",
    [
        [a_turn(1), a_turn(1, "other", "other"), its_end(1)],
        [a_turn(1), its_end(1), its_end(1, Error("late", "x"))],
        [a_turn(1), its_end(1), a_turn(1, "other", "other")],
        [a_turn(1), USED, its_end(1), USED],
    ],
)
def test_what_is_told_twice_counts_once(entries: Sequence[bytes]) -> None:
    session = reading(page(1, *entries))
    assert session.turns == ["run1"]
    assert contents(session) == ["1?", "1!"]
    assert session.status is SessionStatus.COMPLETED


def test_an_end_that_is_told_late_does_not_end_the_next_turn() -> None:
    session = reading(page(1, a_turn(1), its_end(1), a_turn(2), its_end(1)))
    assert session.status is SessionStatus.STREAMING
    assert contents(session) == ["1?", "1!", "2?"]


def test_what_is_kept_no_longer_leaves_no_hole_in_the_history() -> None:
    session = reading(page(1, a_turn(1), its_end(1)), page(5, a_turn(3), its_end(3)))
    assert contents(session) == ["3?", "3!"]
    assert session.turns == [None, None, "run3"]


def test_a_log_that_begins_with_an_end_counts_its_turn() -> None:
    session = reading(page(6, its_end(3), a_turn(4)))
    assert contents(session) == ["3!", "4?"]
    assert session.turns == [None, None, None, "run4"]


OTHER = b'{"created_at": 6}'
ANEW: dict[str, Callable[[], list[Page]]] = {
    "shorter": lambda: [page(3, last=1), page(1, a_turn(1, "new", "new"))],
    "of another name": lambda: [
        page(3, a_turn(2, "x"), meta=OTHER),
        page(1, a_turn(1, "new", "new"), its_end(1), a_turn(2, "x"), meta=OTHER),
    ],
}


@pytest.mark.parametrize("how", ANEW)
def test_a_log_that_is_another_one_is_read_from_its_beginning(how: str) -> None:
    first, second = ANEW[how]()

    async def main() -> None:
        session = Session("s")
        assert session.read(page(1, a_turn(1), its_end(1)))
        assert not session.read(first)
        assert (session.seen, session.history) == (0, [])
        assert session.read(second)
        assert session.turns[0] == "new"
        assert contents(session)[0] == "new"

    asyncio.run(main())


def test_an_empty_log_of_the_same_name_is_all_that_there_is() -> None:
    session = reading(page(1, a_turn(1), its_end(1)), page(1, meta=OTHER))
    assert (session.seen, session.turns, session.status) == (0, [], SessionStatus.PENDING)


def test_turns_of_a_former_session_are_counted_on() -> None:
    session = reading(page(1, a_turn(3)), former_turns=2)
    assert session.turns == [None, None, "run3"]


def test_no_two_logs_begin_alike() -> None:
    assert created() != created()


def test_a_page_may_be_a_part() -> None:
    async def main() -> None:
        session = Session("s")
        assert not session.read(page(1, a_turn(1), last=2))
        assert session.read(page(2, its_end(1)))

    asyncio.run(main())


def test_a_turn_is_found_by_its_run_as_long_as_that_is_kept() -> None:
    session = reading(page(1, a_turn(1), its_end(1), a_turn(2)))
    assert [session.turn_of("run1"), session.turn_of("run2")] == [1, 2]
    with pytest.raises(UnknownSession, match="kept no longer"):
        session.turn_of("run3")
