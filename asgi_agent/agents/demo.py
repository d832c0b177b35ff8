"""The agent that answers when no other is given: it has no model, no key and no network.

It chooses a skill by the words of the prompt, and says what the skill says at the pace of a model.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import aclosing

from ..events import AgentEvent, Text, Thinking, ToolDelta
from . import skills
from .base import Agent, Turn
from .calculator import FUNCTIONS
from .skills import MY_NAME, NOTE, Skill, Speech, plain

PACE = 0.02  # seconds from one word to the next


def make_demo(pace: float = PACE) -> Agent:
    """The agent at another pace: so many seconds from one word to the next."""

    async def demo(turn: Turn) -> Speech:
        skill, match = _choose(plain(turn.prompt))
        async with aclosing(skill(turn, match)) as speech:
            async for said in speech:
                for piece in _pieces(said):
                    yield piece
                    if isinstance(piece, Text | Thinking | ToolDelta):
                        await asyncio.sleep(pace)

    return demo


demo = make_demo()


def _pieces(said: AgentEvent | str) -> Iterator[AgentEvent]:
    """What a model says at a time: a word, and the space after it."""
    match said:
        case str():
            yield from map(Text, _WORD.findall(said))
        case Thinking(content=content):
            yield from map(Thinking, _WORD.findall(content))
        case _:
            yield said


def _choose(prompt: str) -> tuple[Skill, re.Match[str]]:
    """The first skill for such a prompt."""
    return next((skill, found) for pattern, skill in _SKILLS if (found := pattern.search(prompt)))


def _like(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_WORD = re.compile(r"\S+\s*|\s+")

# Possessive: a prompt that is no expression is found to be none at the first attempt.
_ARITHMETIC = (
    r"(?=\D*\d)(?:[\d\s.,+\-*/%()^!×÷−]"  # noqa: RUF001 - the signs
    r"|\b(?:plus|minus|times|divided by|to the power of|of|pi|e)\b"
    rf"|\b(?:{'|'.join(FUNCTIONS)})\b)++"
)

_SKILLS: tuple[tuple[re.Pattern[str], Skill], ...] = (
    (NOTE, skills.take_note),
    (_like(r"\b(?:delete|clear|remove) (?:all )?(?:my |the )?notes\b"), skills.delete_notes),
    (_like(r"\b(?:my|list|show)\b.*\bnotes\W*$"), skills.list_notes),
    (_like(r"\bwhat(?:'s| is) my name\b|\bwho am i\b"), skills.recall_name),
    (MY_NAME, skills.greet),
    (_like(r"\bwhat (?:did|have) i (?:just )?(?:ask|sa[iy]|tell|told)"), skills.recall_prompt),
    (_like(r"\bwhat(?:'s| is) the (?:time|date)\b"), skills.tell_time),
    (_like(r"\bwhat (?:time|day|date) is\b"), skills.tell_time),
    (
        _like(
            r"^convert (?P<quantity>[+-]?[\d.]+) ?(?P<unit>[^\W\d]+|°\w)"
            r"(?: (?:to|into|in) (?P<target>[^\s!]+))?\W*$"
        ),
        skills.convert,
    ),
    (_like(r"^(?:calculate|compute|evaluate) (?P<expression>.+)$"), skills.calculate),
    (
        _like(rf"^(?:what(?:'s| is| are) |how much is )?(?P<expression>{_ARITHMETIC})$"),
        skills.calculate,
    ),
    (_like(r"^(?:(?:hello|hi|hey|help)\b|what can you do|who are you)|^$"), skills.introduce),
    (_like(r"^.*$"), skills.look_up),
)
