"""What was said until the end of a response: for a client that goes on from there.

A session remembers messages, not responses. Each of its turns has added one message of a user, its
prompt; others of a user, which a client has told before a prompt, have the number of the turn.
"""

from collections.abc import Sequence

from ..agents import Message
from ..events import TERMINAL, Approval, BlockEnd, ClientTool, Entry, Question, Text
from ..sessions import Session

QUESTIONS = frozenset({Question.type, Approval.type, ClientTool.type})


def end_of_response(said: Sequence[Entry], after: int) -> Entry | None:
    """The question with which the response ends that begins after this entry; None: its run's end.

    This is for dialects whose responses end with the first question: see `Encoder.is_whole`.
    """
    return next((each for each in said if each.seq > after and each.type in QUESTIONS), None)


def is_continued(said: Sequence[Entry], end: Entry | None) -> bool:
    """Whether the run said more after this question, and did not only end."""
    if end is None:
        return False
    silent = {BlockEnd.type, *TERMINAL}
    return any(each.seq > end.seq and each.type not in silent for each in said)


def branch(
    session: Session, turn: int, said: Sequence[Entry], end: Entry | None
) -> Sequence[Message]:
    """The conversation up to the end of a response of this turn, whose run has `said` so much."""
    prompts = [index for index, each in enumerate(session.history) if _is_prompt(each)]
    later = len(session.turns) - turn
    if end is None:
        return session.history[: _first(prompts, later, len(session.history))]
    text = "".join(each for entry in said if entry.seq <= end.seq for each in _text(entry))
    before = session.history[: prompts[-later - 1] + 1] if later < len(prompts) else []
    return [*before, {"role": "assistant", "content": text}] if text else before


def mark(messages: Sequence[Message], turn: int) -> list[Message]:
    """The messages, as what a client has told before the prompt of this turn."""
    return [{**each, "turn": turn} if each["role"] == "user" else each for each in messages]


def joined(history: Sequence[Message], added: Sequence[Message]) -> list[Message]:
    """Both; but instructions, which clients repeat with every request, only once."""
    new = [each for each in added if each["role"] != "system" or each not in history]
    return [*history, *new]


def _is_prompt(message: Message) -> bool:
    return message["role"] == "user" and "turn" not in message


def _first(prompts: Sequence[int], count: int, end: int) -> int:
    """Where the last `count` prompts begin; 0 if they are not all remembered any more."""
    if count == 0:
        return end
    return prompts[-count] if count <= len(prompts) else 0


def _text(entry: Entry) -> list[str]:
    match entry.event:
        case Text(content) | Question(_, content):
            return [content]
        case _:
            return []
