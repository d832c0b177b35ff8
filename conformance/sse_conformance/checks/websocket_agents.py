"""What is asked of a WebSocket beyond its frames: limits, input, silence, and an agent's turns."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

from ..conversation import PROBE, PROFILES, SAMPLES, Profile, account_of, fault_of, messages
from ..options import Options
from ..registry import check
from ..transcript import Dialogue, Observation
from ..verdict import Outcome, broken, holds, noted, unknown, worst
from ..wire.frames import PING, close_code
from .websocket_seen import (
    ending,
    has_left,
    in_hex,
    is_accepted,
    offence,
    pong_to,
    said,
    samples,
    their_close,
    theirs,
)

MIB = 1 << 20
TOO_BIG = 1009
UNEXPECTED = 1011  # "it encountered an unexpected condition"
KEPT = 16 * MIB  # no kernel holds as much for one connection
IDLE_PING = 30.0  # seconds
CANCEL = 1.0  # seconds: so long may an agent that is cancelled speak on


@check("WS-11", "oversize")
def oversize(seen: Observation) -> Outcome:
    facts = seen.facts
    taken = f"{facts['taken'] / MIB:.0f} MiB of a message that announces {facts['announced']:.0f}"
    if not facts["is_open"]:
        code = facts["code"]
        end = f"Close {code:.0f}" if code else "closed without a Close"
        told = f"{end} after {taken} bytes"
        return holds(told) if code in (0, TOO_BIG) else noted(told)
    if facts["taken"] < facts["offered"]:
        return noted(f"{taken} bytes are taken, and then no more; the connection stays open")
    return broken(f"{taken} bytes are taken, and more would be")


@check("WS-12", "binary*")
def binary(dialogues: tuple[Dialogue, ...], *, options: Options) -> Outcome:
    return _inputs(dialogues, options)


@check("WS-13", "bad_input*")
def bad_input(dialogues: tuple[Dialogue, ...], *, options: Options) -> Outcome:
    return _inputs(dialogues, options)


def _inputs(dialogues: Sequence[Dialogue], options: Options) -> Outcome:
    groups = list(samples(dialogues, lambda each: said(offence(each)[:1])))
    outcomes = [_of_input(each, options) for each in groups]
    if not outcomes:
        return unknown("no connection was accepted")
    return worst([holds(f"{len(groups)} messages: {_reactions(groups)}"), *outcomes])


def _of_input(group: Sequence[Dialogue], options: Options) -> Outcome:
    """What became of one message, in all its samples."""
    sent = offence(group[0])[:1]
    what, again = said(sent), in_hex(sent)
    for each in group:
        close = their_close(each)
        code = close_code(close.payload) if close else None
        if code == UNEXPECTED or (has_left(each) and close is None):
            return broken(f"{what} is answered with: {ending(each)}", again)
        if close is not None and not (code in (1003, 1007, 1008, 1009) or (code or 0) >= 3000):
            return noted(f"{what} is answered with {ending(each)}, which does not say why")
    if any(messages(theirs(each)) or has_left(each) for each in group):
        return holds(f"{what}: {_reaction(group[-1])}")
    if all(pong_to(each, PROBE) is None for each in group):
        return noted(f"after {what}, nothing comes within {group[-1].ended_at:.1f} s, and no pong")
    if options.profile in PROFILES:
        return noted(f"{what} is not answered")
    return holds(f"{what}: {_reaction(group[-1])}")


def _reactions(groups: Sequence[Sequence[Dialogue]]) -> str:
    counted = Counter(_reaction(group[-1]) for group in groups)
    return ", ".join(f"{count} times {reaction}" for reaction, count in counted.items())


def _reaction(dialogue: Dialogue) -> str:
    if has_left(dialogue):
        return ending(dialogue)
    return "a message" if messages(theirs(dialogue)) else "nothing"


@check("WS-14", "idle")
def idle(dialogue: Dialogue, *, options: Options) -> Outcome:
    if not is_accepted(dialogue):
        return unknown("no connection was accepted")
    limit = IDLE_PING * options.time_scale
    times = [0.0, *(frame.at for frame in theirs(dialogue)), dialogue.ended_at]
    longest = max(later - earlier for earlier, later in pairwise(times))
    pings = sum(frame.opcode == PING for frame in theirs(dialogue))
    told = f"{pings} pings in {dialogue.ended_at:.1f} s, the longest silence {longest:.1f} s"
    if has_left(dialogue):
        return holds(f"{told}; a peer that answers none is left, with {ending(dialogue)}")
    if longest > limit:
        return broken(f"{told}, and {limit:.0f} s may be")
    return noted(f"{told}; a peer that answers none is not left") if pings else holds(told)


# ── turns ───────────────────────────────────────────────────────────────────────────────────


@check("WS-15", "turns*")
def turns(dialogues: tuple[Dialogue, ...], *, options: Options) -> Outcome:
    return _in_order(dialogues, PROFILES[options.profile])


@check("WS-15", "programs*")
def programs(dialogues: tuple[Dialogue, ...], *, options: Options) -> Outcome:
    return _in_order(dialogues, PROFILES[options.profile])


@check("WS-15", "cancel*")
def cancelled(dialogues: tuple[Dialogue, ...], *, options: Options) -> Outcome:
    profile = PROFILES[options.profile]
    gone_on = [_gone_on(profile, each) for each in dialogues if is_accepted(each)]
    counted = [seconds for seconds in gone_on if seconds is not None]
    outcomes = [_in_order(dialogues, profile)]
    if not counted:
        outcomes.append(unknown("each turn was done before it could be cancelled"))
    elif median_low(counted) > CANCEL * options.time_scale and len(counted) >= SAMPLES:
        told = ", ".join(f"{seconds:.1f}" for seconds in counted)
        outcomes.append(broken(f"the turn goes on for {told} s after it was cancelled"))
    return worst(outcomes)


def _gone_on(profile: Profile, dialogue: Dialogue) -> float | None:
    """For how long a turn went on after its cancellation; None if it was done already."""
    heard = messages(dialogue.frames)
    at = next((each.at for each in heard if each.sent and profile.is_cancellation(each)), None)
    if at is None or has_left(dialogue):
        return None
    before = account_of(profile, (each for each in heard if each.at < at))
    after = [each.at for each in heard if each.at > at and profile.kind_of(each) == "done"]
    if before.is_settled:
        return None
    return (after[0] if after else dialogue.ended_at) - at


def _in_order(dialogues: Sequence[Dialogue], profile: Profile) -> Outcome:
    accepted = [each for each in dialogues if is_accepted(each)]
    for each in accepted:
        if fault := fault_of(profile, each):
            return broken(f"{fault}; said was: {_told(profile, each)}")
    accounts = [account_of(profile, messages(each.frames)) for each in accepted]
    terminals = Counter(name for account in accounts for name in account.terminals)
    if not terminals:
        return unknown("no turn was done while we listened")
    told = ", ".join(f"{count} {name}" for name, count in terminals.items())
    return holds(f"{terminals.total()} turns, each with one end: {told}")


def _told(profile: Profile, dialogue: Dialogue) -> str:
    """The conversation in short: what we said after ">", and how often each thing was answered."""
    words: list[str] = []
    for each in messages(dialogue.frames):
        word = f"> {each.data[:40].decode(errors='replace')}"
        if not each.sent:
            word = profile.type_of(each) or "?"
        if not words or words[-1] != word:
            words.append(word)
    return " | ".join(words[-20:])


@check("WS-16", "flood")
def flood(seen: Observation) -> Outcome:
    facts = seen.facts
    taken, answered = (f"{facts[name] / MIB:.1f} MiB" for name in ("taken", "answered"))
    if not facts["is_open"]:
        return unknown(f"the server has closed the connection after {taken}")
    if facts["is_stalled"]:
        return holds(f"{taken} were taken from who did not listen, and then no more")
    if facts["taken"] < facts["offered"]:
        return unknown(f"only {taken} were taken in all that time")
    if facts["answered"] > KEPT:
        return broken(f"{taken} were taken from who did not listen, and {answered} kept for them")
    return unknown(f"{taken} were taken, and {answered} answered: too little to tell")
