"""What is said on a WebSocket, message by message, and how one converses with an agent there.

RFC 6455 knows messages only; what they mean is a profile's. A server whose profile is not known is
asked nothing but what the RFC says.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from .transcript import Dialogue, Frame
from .wire.frames import BINARY, CONTINUATION, TEXT

SAMPLES = 3  # what has been awaited in vain is awaited again: one sample proves nothing
OFFERED = ("sse-conformance.invalid", "v2.sse-conformance.invalid")  # subprotocols
PROBE = b"are you still there?"  # the ping that tells whether an offence was suffered


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message, put together from its frames."""

    at: float  # when it was complete
    sent: bool
    data: bytes
    is_text: bool


class Assembly:
    """Puts messages together from the frames of both sides."""

    def __init__(self) -> None:
        self._parts: dict[bool, list[Frame]] = {True: [], False: []}  # ours, and the server's

    def feed(self, frame: Frame) -> Said | None:
        """The message that this frame completes."""
        if frame.opcode not in (CONTINUATION, TEXT, BINARY):
            return None
        parts = self._parts[frame.sent]
        parts.append(frame)
        if not frame.fin:
            return None
        data = b"".join(part.payload for part in parts)
        is_text = parts[0].opcode == TEXT
        parts.clear()
        return Said(at=frame.at, sent=frame.sent, data=data, is_text=is_text)


def messages(frames: Iterable[Frame]) -> list[Said]:
    """The messages that are complete, in the order of their ends."""
    assembly = Assembly()
    return [said for frame in frames if (said := assembly.feed(frame)) is not None]


def is_utf8(data: bytes) -> bool:
    """RFC 6455, 8.1."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


Kind: TypeAlias = Literal["delta", "terminal", "error", "done", "aside", "strange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How an agent is asked, and how it answers: each message is a JSON object with a type.

    To a prompt it says any number of things, then one that is terminal, then that it is done. An
    error is terminal where a turn is under way; else it refuses a message, and nothing follows.
    """

    prompt_key: str
    cancel: Mapping[str, str]
    type_key: str
    terminals: frozenset[str]  # but for the error
    cancelled: str  # the terminal of a turn that was cancelled
    error: str
    done: str
    asides: frozenset[str]  # that may come at any time
    short: str = "What is 2 + 2?"
    long: str = "Tell me all that you know of event streams, from the first line to the last."

    def prompt(self, text: str) -> bytes:
        """The message that asks this."""
        return json.dumps({self.prompt_key: text}, ensure_ascii=False).encode()

    @property
    def cancellation(self) -> bytes:
        """The message that cancels the turn that is under way."""
        return json.dumps(dict(self.cancel)).encode()

    def type_of(self, said: Said) -> str:
        """The type that a message names; "" if it names none."""
        value = parsed(said).get(self.type_key)
        return value if isinstance(value, str) else ""

    def kind_of(self, said: Said) -> Kind:
        """What a message of the server's is for."""
        if not said.is_text:
            return "delta"  # sound, an image
        name = self.type_of(said)
        kinds: dict[str, Kind] = {self.error: "error", self.done: "done", "": "strange"}
        kinds |= dict.fromkeys(self.terminals, "terminal")
        kinds |= dict.fromkeys(self.asides, "aside")
        return kinds.get(name, "delta")

    def is_prompt(self, said: Said) -> bool:
        """Whether a message of ours asks something."""
        asked = parsed(said)
        return self.type_key not in asked and bool(asked.get(self.prompt_key))

    def is_cancellation(self, said: Said) -> bool:
        return parsed(said) == dict(self.cancel)


PROFILES: Mapping[str, Profile] = {
    "agent": Profile(
        prompt_key="prompt",
        cancel={"type": "cancel"},
        type_key="t",
        terminals=frozenset({"complete", "cancelled"}),
        cancelled="cancelled",
        error="error",
        done="done",
        asides=frozenset({"ping"}),
    )
}


def parsed(said: Said) -> dict[str, Any]:
    """The JSON object that the message is; empty if it is none."""
    try:
        value = json.loads(said.data)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


@dataclass(slots=True)
class Account:
    """How a conversation stands: the model that what is said is held against."""

    profile: Profile
    asked: int = 0  # prompts
    cancels: int = 0
    nonsense: int = 0  # messages that are neither
    done: int = 0  # turns
    refused: int = 0  # messages
    errors: int = 0  # since the last turn: one may be terminal, all others refuse something
    is_speaking: bool = False  # a turn is under way, for certain
    terminal: str = ""  # of that turn
    terminals: list[str] = field(default_factory=list[str])  # of the turns that are done
    fault: str = ""  # the first

    @property
    def is_settled(self) -> bool:
        """All that was asked may have been answered: an error may answer a prompt, or not."""
        answered = self.done + self.refused + self.errors
        return answered >= self.asked and not self.is_speaking

    def hear(self, said: Said) -> None:
        """Take account of one message more."""
        if not said.sent:
            self._hear_server(said)
        elif self.profile.is_prompt(said):
            self.asked += 1
        elif self.profile.is_cancellation(said):
            self.cancels += 1
        else:
            self.nonsense += 1

    def _hear_server(self, said: Said) -> None:
        kind, name = self.profile.kind_of(said), self.profile.type_of(said)
        if kind == "aside":
            return
        if kind == "strange":
            self._blame(said, f"no {self.profile.type_key!r} in {said.data[:60]!r}")
        elif kind == "error":
            self._hear_error(said)
        elif self.done >= self.asked:
            self._blame(said, f"{name!r}, and nothing is asked that is not answered")
        elif kind == "done":
            self._hear_done(said)
        elif self.terminal:
            self._blame(said, f"{name!r} after {self.terminal!r}, in the same turn")
        else:
            self.is_speaking = True
            self.terminal = name if kind == "terminal" else ""

    def _hear_error(self, said: Said) -> None:
        self.errors += 1
        if self.done + self.refused + self.errors > self.asked + self.cancels + self.nonsense:
            self._blame(said, "an error, and nothing is asked that is not answered")

    def _hear_done(self, said: Said) -> None:
        if not self.terminal and not self.errors:
            self._blame(said, f"{self.profile.done!r}, and nothing terminal before it")
        self.refused += self.errors - (not self.terminal and bool(self.errors))
        self.terminals.append(self.terminal or self.profile.error)
        self.done += 1
        self.errors, self.is_speaking, self.terminal = 0, False, ""

    def _blame(self, said: Said, fault: str) -> None:
        self.fault = self.fault or f"after {said.at:.3f} s: {fault}"


def account_of(profile: Profile, said: Iterable[Said]) -> Account:
    """How the conversation stands after all this."""
    account = Account(profile)
    for each in said:
        account.hear(each)
    return account


def fault_of(profile: Profile, dialogue: Dialogue) -> str:
    """What is wrong with a conversation that was heard to its end; "" if nothing is."""
    account = account_of(profile, messages(dialogue.frames))
    is_cut = not account.is_settled and dialogue.end in ("closed", "reset")
    if is_cut and not account.fault and not account.nonsense:  # which may have been too much
        return f"after {dialogue.ended_at:.3f} s: {dialogue.end} in the midst of a turn"
    return account.fault
