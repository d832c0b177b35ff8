"""What was said until the end of a response: for a client that goes on from there.

A session remembers messages, not responses. Each of its turns has added a message of the user, its
prompt, and mostly one of the agent. What else a client has told before a prompt has the number of
the turn, so that the turns can be told apart.
"""

from collections.abc import Sequence

from ..agents import Message
from ..dialects.exchange import QUESTIONS
from ..events import TERMINAL, BlockEnd, Entry, Question, Text
from ..sessions import Session


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


def branch(session: Session, turn: int, said: Sequence[Entry], end: Entry | None) -> list[Message]:
    """The conversation up to the end of a response of this turn, whose run has `said` so much."""
    prompts = [at for at, each in enumerate(session.history) if _is_prompt(each)]
    later = len(session.turns) - turn
    if end is None:
        return _before(session.history, prompts, later)
    text = "".join(each for entry in said if entry.seq <= end.seq for each in _text(entry))
    answer: list[Message] = [{"role": "assistant", "content": text}] if text else []
    known = later < len(prompts)
    return [*_plain(session.history[: prompts[-later - 1] + 1] if known else ()), *answer]


def mark(messages: Sequence[Message], turn: int) -> list[Message]:
    """The messages, as what a client has told before the prompt of this turn."""
    return [{**each, "turn": turn} for each in messages]


def joined(history: Sequence[Message], added: Sequence[Message]) -> list[Message]:
    """Both; but instructions, which clients repeat with every request, only once."""
    told = [each["content"] for each in history if each["role"] == "system"]
    return [*history, *(e for e in added if e["role"] != "system" or e["content"] not in told)]


def _is_prompt(message: Message) -> bool:
    return message["role"] == "user" and "turn" not in message


def _before(history: Sequence[Message], prompts: Sequence[int], later: int) -> list[Message]:
    """The history without its last turns; nothing where not even their prompts are remembered."""
    end = prompts[-later] if later <= len(prompts) else 0
    while end and "turn" in history[end - 1]:
        end -= 1
    return _plain(history[:end])


def _plain(messages: Sequence[Message]) -> list[Message]:
    """The messages for another session, of which they are no turn."""
    return [{key: each[key] for key in each if key != "turn"} for each in messages]


def _text(entry: Entry) -> list[str]:
    match entry.event:
        case Text(content) | Question(_, content):
            return [content]
        case _:
            return []
