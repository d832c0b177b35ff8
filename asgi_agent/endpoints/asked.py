"""What a run has said, and what of it wants an answer: pure functions of its entries."""

from collections.abc import Mapping
from dataclasses import replace

from ..dialects.exchange import QUESTIONS, Answer, Place
from ..errors import UnknownSession
from ..events import Entry, entry
from ..logs import Page
from ..sessions import Session


def place_of(session: Session, turn: int, after: int = 0) -> Place:
    """Where a response of this turn begins. Raises `UnknownSession` if it is kept no longer."""
    run_id = session.turns[turn - 1] if 1 <= turn <= len(session.turns) else None
    if run_id is None:
        raise UnknownSession("This turn is kept no longer.")
    return Place(session.session_id, turn, run_id, after)


def entries_of(gap: bytes | None, page: Page) -> list[Entry]:
    """The entries of the page, after the event that tells of a gap, which has no number."""
    told = [] if gap is None else [entry(0, gap)]
    return [*told, *(entry(seq, kept) for seq, kept in enumerate(page.entries, page.start))]


def is_latest(page: Page) -> bool:
    """Whether the run has said nothing beyond this page."""
    return page.through >= page.last


def to_question(told: list[Entry], page: Page) -> tuple[list[Entry], list[Entry]]:
    """What may end the response, up to the last question, and what the agent said beyond it.

    A response ends right after a question, because the next one begins there.
    """
    ends = [index for index, each in enumerate(told, 1) if each.type in QUESTIONS]
    if page.is_end or not ends:
        return told, []
    return told[: ends[-1]], told[ends[-1] :]


def named(answer: Answer, questions: dict[str, int]) -> Answer:
    """The answer; to what was asked last, if it does not say to what."""
    return answer if answer.id else replace(answer, id=next(reversed(questions), ""))


def is_asked(answer: Answer, place: Place, questions: Mapping[str, int]) -> bool:
    """Whether this run has asked what is answered."""
    return (
        answer.session_id == place.session_id
        and answer.run_id in (None, place.run_id)
        and answer.id in questions
    )


def prompt_of(session: Session) -> object:
    """What the turn that is under way was asked."""
    asked = (each["content"] for each in reversed(session.history) if each["role"] == "user")
    return next(asked, "")
