"""What the demonstration agent can do: each skill is an agent for one kind of prompt.

A skill gets the turn, and the match of the pattern that chose it. What it says is computed: by a
tool that it runs, from the session's history, or from what the client answers.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import datetime
from typing import TypeAlias

from ..errors import UsageError
from ..events import AgentEvent, Thinking, ToolDelta, ToolExec, ToolResult
from .base import Message, Turn
from .tools import call, unit_named, units_like

Speech: TypeAlias = AsyncGenerator[AgentEvent | str, None]
Skill: TypeAlias = Callable[[Turn, re.Match[str]], Speech]

LONGEST_PROMPT = 1000  # characters that are looked at
LONGEST_QUOTE = 400  # characters that are said again

ABILITIES = (
    "I am the demonstration agent of asgi_agent. I have no model, but I have tools. Ask me: "
    "What is 12 * (3 + 4)? What time is it? Convert 10 km. How do I resume a stream? "
    "Or tell me: My name is Alice. Note: buy milk. Delete my notes."
)
NO_NOTES = "You have no notes. Say, for example: Note: buy milk."
DELETED = "Your notes are deleted."

MY_NAME = re.compile(r"\b(?i:my name is) ([^\W\d_][\w'-]*(?: [A-Z][\w'-]*)*)")
NOTE = re.compile(r"^(?i:note): ?(.+)")

_IN_SYMBOLS = (
    (re.compile(r"(\d) ?% of\b", re.IGNORECASE), r"\1 / 100 *"),
    (re.compile(r"\bplus\b", re.IGNORECASE), "+"),
    (re.compile(r"\bminus\b", re.IGNORECASE), "-"),
    (re.compile(r"\btimes\b", re.IGNORECASE), "*"),
    (re.compile(r"\bdivided by\b", re.IGNORECASE), "/"),
    (re.compile(r"\bto the power of\b", re.IGNORECASE), "**"),
)


async def calculate(turn: Turn, match: re.Match[str]) -> Speech:
    """Compute what the prompt says, be it in words or in symbols."""
    expression = match["expression"]
    for words, symbols in _IN_SYMBOLS:
        expression = words.sub(symbols, expression)
    yield Thinking(f"{expression} is arithmetic, and a calculator is surer than memory.")
    said = ToolExec("call_1", "calculator", {"expression": expression})
    for delta in written(said):
        yield delta
    yield said  # before the tool runs: whatever comes of it, it is known that it was tried
    result = await call(said)
    yield result
    if result.is_error:
        yield f"I cannot calculate {expression}: {result.result}."
    else:
        yield f"{expression} is {result.result}."


async def tell_time(turn: Turn, match: re.Match[str]) -> Speech:
    """Say the date and time, and whose clock that is."""
    yield Thinking("The clock knows.")
    said = ToolExec("call_1", "clock", {})
    for delta in written(said):
        yield delta
    yield said
    result = await call(said)
    yield result
    now = datetime.fromisoformat(result.result)
    yield f"By the clock of this server it is {now:%H:%M} ({now.tzinfo}) "
    yield f"on {now:%A}, {now.day} {now:%B %Y}."


async def convert(turn: Turn, match: re.Match[str]) -> Speech:
    """Convert a quantity to another unit. Ask to which one, if the prompt does not say."""
    quantity, unit, target = match["quantity"], match["unit"], match["target"]
    if target is None:
        yield Thinking("The prompt does not say to which unit, so I ask.")
        try:
            schema = {"type": "string", "enum": units_like(unit)}
        except UsageError as error:
            yield f"I cannot convert {quantity} {unit}: {error}."
            return
        target = str(await turn.ask("To which unit?", schema))
    said = ToolExec("call_1", "convert", {"quantity": f"{quantity} {unit}", "to": target})
    for delta in written(said):
        yield delta
    yield said
    result = await call(said)
    yield result
    if result.is_error:
        yield f"I cannot convert {quantity} {unit}: {result.result}."
    else:
        yield f"{quantity} {unit_named(unit)} is {result.result}."


async def look_up(turn: Turn, match: re.Match[str]) -> Speech:
    """Answer with the passages of the documentation that are about the prompt."""
    yield Thinking("I do not know this by myself, so I search the documentation.")
    said = ToolExec("call_1", "documentation", {"query": match[0]})
    for delta in written(said):
        yield delta
    yield said
    result = await call(said)
    yield result
    if not result.result:
        yield f"The documentation says nothing about that. {ABILITIES}"
        return
    yield "The documentation says:"
    for passage in result.result:
        yield f"\n\n{excerpt(passage['text'])}\n({passage['source']})"


async def greet(turn: Turn, match: re.Match[str]) -> Speech:
    """Answer one who says a name. There is nothing to keep: the session's history keeps it."""
    yield f"Nice to meet you, {match[1]}."


async def recall_name(turn: Turn, match: re.Match[str]) -> Speech:
    """Say the name that was said last."""
    yield Thinking("That is a matter of what was said before.")
    names = [found[1] for prompt in _prompts(turn) for found in MY_NAME.finditer(plain(prompt))]
    yield f"Your name is {names[-1]}." if names else "You have not told me your name."


async def recall_prompt(turn: Turn, match: re.Match[str]) -> Speech:
    """Say what the user said before this."""
    *before, _ = _prompts(turn)
    yield f"Before this, you said: {excerpt(before[-1])}" if before else "This is the beginning."


async def take_note(turn: Turn, match: re.Match[str]) -> Speech:
    """Confirm a note. As a name, it is kept by the session's history."""
    yield f'Noted: "{match[1]}".'


async def list_notes(turn: Turn, match: re.Match[str]) -> Speech:
    """Say the notes of this session."""
    notes = _notes(turn)
    yield "\n".join(["Your notes:", *(f"- {note}" for note in notes)]) if notes else NO_NOTES


async def delete_notes(turn: Turn, match: re.Match[str]) -> Speech:
    """Delete the notes of this session, if the user approves of it."""
    notes = _notes(turn)
    if not notes:
        yield NO_NOTES
        return
    said = ToolExec("call_1", "delete_notes", {"notes": notes})
    for delta in written(said):
        yield delta
    if await turn.approve(said.id, said.name, said.args, f"Delete your notes ({len(notes)})?"):
        yield said
        yield ToolResult(said.id, said.name, "deleted")
        yield DELETED
    else:
        yield ToolResult(said.id, said.name, "not approved", is_error=True)
        yield "Your notes are kept."


async def introduce(turn: Turn, match: re.Match[str]) -> Speech:
    """Say what to ask."""
    yield f"Hello! {ABILITIES}"


def _notes(turn: Turn) -> list[str]:
    """The notes that the history holds. That we said they are deleted is their deletion."""
    notes = list[str]()
    for message in turn.history:
        text = plain(_text(message))
        if message["role"] == "user" and (match := NOTE.search(text)):
            notes.append(match[1])
        elif message["role"] == "assistant" and text == plain(DELETED):
            notes.clear()
    return notes


def _prompts(turn: Turn) -> list[str]:
    """What the user has said in this session. The last is the prompt."""
    history = [_text(message) for message in turn.history if message["role"] == "user"]
    return [*history, turn.prompt]


def _text(message: Message) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content)  # parts, as OpenAI has them


def plain(text: str) -> str:
    """The text as the patterns expect it: on one line, and without the mark at its end."""
    return " ".join(text[:LONGEST_PROMPT].replace("\u2019", "'").split()).rstrip(" =?.")


def excerpt(text: str) -> str:
    """The text, or as many of its words as may be said again."""
    if len(text) <= LONGEST_QUOTE:
        return text
    return f"{text[:LONGEST_QUOTE].rpartition(' ')[0]} ..."


def written(said: ToolExec) -> Iterator[ToolDelta]:
    """The call as a model writes it: the name, then the arguments piece by piece."""
    yield ToolDelta(said.id, said.name, "")
    for piece in re.findall(r"\S+\s*", json.dumps(said.args)):
        yield ToolDelta(said.id, "", piece)
