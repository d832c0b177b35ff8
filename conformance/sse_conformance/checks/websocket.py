"""RFC 6455: the handshake, and frames that have to be taken, answered or refused.

https://www.rfc-editor.org/rfc/rfc6455
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1

from ..conversation import OFFERED, PROBE, PROFILES, SAMPLES, Profile, messages
from ..options import Options
from ..registry import check
from ..transcript import Dialogue, Exchange, Frame, Head
from ..verdict import Outcome, broken, holds, noted, unknown, unstable, worst
from ..wire.frames import CLOSE, CONTINUATION, PING, PONG, close_code
from .seen import answer, items
from .websocket_seen import (
    ending,
    failed,
    has_left,
    in_hex,
    is_accepted,
    named,
    ours,
    pong_to,
    said,
    samples,
    sent_by_server,
    their_close,
    theirs,
    wrongs,
)

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # 1.3


@check("WS-01", "handshake", "handshake_offers")
def handshake(plain: Exchange, offers: Exchange) -> Outcome:
    if plain.head is None:
        return unknown(answer(plain))
    if plain.head.status != 101:
        return broken(answer(plain))
    faults = [*_handshake_faults(plain, plain.head), *_choice_faults(plain.head, ())]
    if offers.head is not None and offers.head.status == 101:
        faults += [*_handshake_faults(offers, offers.head), *_choice_faults(offers.head, OFFERED)]
    if faults:
        return broken("; ".join(dict.fromkeys(faults)))
    return holds(f"101, {plain.head.line('Sec-WebSocket-Accept')}")


def _handshake_faults(exchange: Exchange, head: Head) -> list[str]:
    """4.2.2, item 5: the status line, and the fields that have to be there."""
    faults: list[str] = []
    # "An |Upgrade| header field with value "websocket""; 4.1: compared without regard to case
    if (head.value("Upgrade") or "").strip().lower() != "websocket":
        faults.append(head.line("Upgrade"))
    if "upgrade" not in items(head, "Connection"):
        faults.append(head.line("Connection"))
    key = next(value for name, value in exchange.request.fields if name == b"Sec-WebSocket-Key")
    expected = b64encode(sha1(key + GUID, usedforsecurity=False).digest()).decode()
    if head.value("Sec-WebSocket-Accept") != expected:
        faults.append(f"{head.line('Sec-WebSocket-Accept')}, where {expected} is due")
    return faults


def _choice_faults(head: Head, offered: Sequence[str]) -> list[str]:
    faults: list[str] = []
    # 4.2.2: "The value chosen MUST be derived from the client's handshake"
    chosen = head.values("Sec-WebSocket-Protocol")
    if len(chosen) > 1 or any(value not in offered for value in chosen):
        shown = ", ".join(offered) or "none"
        faults.append(f"{head.line('Sec-WebSocket-Protocol')}, where {shown} is offered")
    # 9.1: "A server MUST NOT respond with any extension not requested by the client."
    if head.value("Sec-WebSocket-Extensions") is not None:
        faults.append(f"{head.line('Sec-WebSocket-Extensions')}, where none is requested")
    return faults


@check("WS-02", "bad_handshake*")
def bad_handshake(exchanges: tuple[Exchange, ...]) -> Outcome:
    return worst([_refusal(each) for each in exchanges])


def _refusal(exchange: Exchange) -> Outcome:
    names = {name.lower(): value for name, value in exchange.request.fields}
    version = names.get(b"sec-websocket-version", b"13").decode()
    what = f"version {version}" if version != "13" else "the method " + exchange.request.method
    if b"sec-websocket-key" not in names:
        what = "no Sec-WebSocket-Key"
    head = exchange.head
    if head is None:
        return noted(f"{what}: {answer(exchange)}")
    if head.status == 101:
        return broken(f"{what}: 101")
    # 4.2.2: "If this version does not match a version understood by the server, the server MUST
    # [...] send an appropriate HTTP error code (such as 426 Upgrade Required) and a
    # |Sec-WebSocket-Version| header field"
    if version != "13" and head.status >= 400 and "13" not in items(head, "Sec-WebSocket-Version"):
        return broken(f"{what}: {head.status}, {head.line('Sec-WebSocket-Version')}")
    # 4.2.1: "an appropriate HTTP error code"; or it was not taken for a handshake at all
    told = f"{what}: {head.status}"
    return holds(told) if 400 <= head.status < 500 else noted(told)


@check("WS-03", "talk*", "unmasked*")
def unmasked(talks: tuple[Dialogue, ...], dialogues: tuple[Dialogue, ...]) -> Outcome:
    return worst([*sent_by_server("WS-03", talks), failed(dialogues, {1002})])


@check("WS-04", "talk*", "reserved*")
def reserved(talks: tuple[Dialogue, ...], dialogues: tuple[Dialogue, ...]) -> Outcome:
    outcomes = [*sent_by_server("WS-04", talks), failed(dialogues, {1002})]
    # Another reader sees what we do not, as a length that is longer than need be.
    outcomes += [
        noted(f"wsproto: {each.fault}") for each in talks if each.fault and not wrongs(each)
    ]
    return worst(outcomes)


@check("WS-05", "talk*", "control*")
def control(talks: tuple[Dialogue, ...], dialogues: tuple[Dialogue, ...]) -> Outcome:
    return worst([*sent_by_server("WS-05", talks), failed(dialogues, {1002})])


@check("WS-06", "ping*", "ping_between*")
def ping(dialogues: tuple[Dialogue, ...], between: tuple[Dialogue, ...]) -> Outcome:
    return worst([_pongs(dialogues), _pongs(between), *map(_late_between, between)])


@check("WS-06", "ping_busy*")
def ping_while_busy(dialogues: tuple[Dialogue, ...], *, options: Options) -> Outcome:
    # 7.3: "Servers MAY close the WebSocket connection whenever desired."
    stayed = [each for each in dialogues if not has_left(each)]
    profile = PROFILES[options.profile]
    return worst([_pongs(stayed), *(_late(profile, each) for each in stayed)])


def _pongs(dialogues: Sequence[Dialogue]) -> Outcome:
    """Whether each ping has its pong, in at least one sample."""
    accepted = [each for each in dialogues if is_accepted(each)]
    missing = [_unanswered(each) for each in accepted]
    if not any(missing):
        return _all_pongs(accepted)
    lost = [each for each, ping in zip(accepted, missing, strict=True) if ping and has_left(each)]
    first = next(ping for ping in missing if ping)
    if lost:
        return broken(f"{first}, but with {ending(lost[0])}")
    if all(missing) and len(missing) >= SAMPLES:
        waited = ", ".join(f"{each.ended_at:.1f}" for each in accepted)
        return broken(f"{first} within {waited} s")
    return unstable(f"{first} in {sum(map(bool, missing))} of {len(missing)} samples")


def _all_pongs(accepted: Sequence[Dialogue]) -> Outcome:
    pings = sum(frame.opcode == PING for each in accepted for frame in ours(each))
    return holds(f"{pings} pings, each with its pong") if pings else unknown("no ping was sent")


def _unanswered(dialogue: Dialogue) -> str:
    """5.5.3: a Pong "must have identical "Application data" as found in" the Ping."""
    for frame in ours(dialogue):
        if frame.opcode == PING and pong_to(dialogue, frame.payload) is None:
            return f"{named(frame)} {frame.payload[:12]!r} is not answered with its pong"
    return ""


def _late_between(dialogue: Dialogue) -> Outcome:
    """5.5.2: "It SHOULD respond with Pong frame as soon as is practical."."""
    order = [frame.opcode for frame in dialogue.frames if frame.opcode in (CONTINUATION, PONG)]
    if order[:2] == [CONTINUATION, PONG]:
        return noted("the pong came when the message was complete, and not between its fragments")
    return unknown("no pong is late")


def _late(profile: Profile, dialogue: Dialogue) -> Outcome:
    pinged = [frame.at for frame in ours(dialogue) if frame.opcode == PING]
    ponged = [frame.at for frame in theirs(dialogue) if frame.opcode == PONG]
    done = [each.at for each in messages(theirs(dialogue)) if profile.kind_of(each) == "done"]
    if pinged and ponged and done and pinged[0] < done[0] < ponged[0]:
        seconds = ponged[0] - pinged[0]
        return noted(f"the pong came {seconds:.3f} s after the ping, when the turn was done")
    return unknown("no pong is late")


@check("WS-07", "talk*", "broken_fragments*")
def broken_fragments(talks: tuple[Dialogue, ...], dialogues: tuple[Dialogue, ...]) -> Outcome:
    return worst([*sent_by_server("WS-07", talks), failed(dialogues, {1002})])


@check("WS-07", "whole*", "fragmented*")
def fragmented(
    wholes: tuple[Dialogue, ...], dialogues: tuple[Dialogue, ...], *, options: Options
) -> Outcome:
    profile = PROFILES.get(options.profile)
    expected = _gist(wholes[0], profile)
    if not expected or any(_gist(each, profile) != expected for each in wholes):
        return unknown(f"the same message is not answered in the same way: {_told(wholes[-1])}")
    groups = list(samples(dialogues, lambda each: str([*map(_size, _data(each))])))
    outcomes = [_of_fragmentation(each, wholes[0], profile) for each in groups]
    return worst([holds(f"{len(groups)} fragmentations: {_told(wholes[0])}"), *outcomes])


def _of_fragmentation(group: list[Dialogue], whole: Dialogue, profile: Profile | None) -> Outcome:
    """What is answered to one fragmentation, in all its samples."""
    odd = [each for each in group if _gist(each, profile) != _gist(whole, profile)]
    if not odd:
        return holds(f"{_told(group[0])}")
    frames = _data(odd[0])
    evidence = f"{_told(odd[0])} answers {said(frames)}; and to it whole, {_told(whole)}"
    if all(each.end == "timeout" for each in odd) and len(odd) < SAMPLES:
        return unstable(evidence)
    return broken(evidence, in_hex(frames))


def _data(dialogue: Dialogue) -> list[Frame]:
    return [frame for frame in ours(dialogue) if frame.opcode < CLOSE]


def _size(frame: Frame) -> int:
    return len(frame.payload)


def _gist(dialogue: Dialogue, profile: Profile | None) -> list[object]:
    """What of an answer is the same each time: all of it, or how the turn ends."""
    answers = messages(theirs(dialogue))
    close = their_close(dialogue)
    code = [] if close is None else [close_code(close.payload)]
    if profile is None:
        return [*((each.is_text, each.data) for each in answers), *code]
    kinds = [profile.kind_of(each) for each in answers]
    return [*(kind for kind in kinds if kind not in ("delta", "aside")), *code]


def _told(dialogue: Dialogue) -> str:
    answers = messages(theirs(dialogue))
    if not answers:
        return ending(dialogue) if has_left(dialogue) else "nothing"
    return f"{len(answers)} messages, the last {answers[-1].data[:60]!r}"


@check("WS-08", "talk*", "bad_utf8*", "bad_reason*")
def bad_utf8(
    talks: tuple[Dialogue, ...], dialogues: tuple[Dialogue, ...], reasons: tuple[Dialogue, ...]
) -> Outcome:
    outcomes = [*sent_by_server("WS-08", [*talks, *reasons]), failed(dialogues, {1002, 1007})]
    for each in reasons:
        # The connection ends in any case; who does not read the reason need not refuse it.
        close = their_close(each)
        if close is not None and close_code(close.payload) not in (1002, 1007):
            outcomes.append(noted(f"a reason that is no UTF-8 is answered with {ending(each)}"))
    return worst(outcomes)


@check("WS-09", "close*")
def close(dialogues: tuple[Dialogue, ...]) -> Outcome:
    return _closing(dialogues)


@check("WS-09", "talk*")
def close_after_talk(dialogues: tuple[Dialogue, ...]) -> Outcome:
    return _closing(dialogues)


@check("WS-09", "close_busy*")
def close_while_busy(dialogues: tuple[Dialogue, ...]) -> Outcome:
    return _closing(dialogues)


def _closing(dialogues: Sequence[Dialogue]) -> Outcome:
    asked = [each for each in dialogues if _our_close(each)]  # who has left before owes nothing
    groups = list(samples(asked, lambda each: said(_our_close(each))))
    outcomes = [*sent_by_server("WS-09", dialogues), *map(_of_close, groups)]
    if not outcomes:
        return unknown("no Close was sent")
    return worst([holds(f"{len(groups)} closes, each answered and then closed"), *outcomes])


def _our_close(dialogue: Dialogue) -> list[Frame]:
    return [frame for frame in ours(dialogue) if frame.opcode == CLOSE]


def _of_close(group: list[Dialogue]) -> Outcome:
    """What became of one Close of ours, in all its samples."""
    sent = _our_close(group[0])
    what = said(sent)
    unanswered = [each for each in group if their_close(each) is None and each.end == "closed"]
    if unanswered:
        # 5.5.1: "the endpoint MUST send a Close frame in response"
        return broken(f"{what} is not answered: {ending(unanswered[0])}", in_hex(sent))
    stayed = [each for each in group if each.end == "timeout"]
    if len(stayed) >= SAMPLES:
        # 5.5.1: "The server MUST close the underlying TCP connection immediately"
        got = "answered" if their_close(stayed[0]) else "not answered"
        seconds = ", ".join(f"{each.ended_at:.1f}" for each in stayed)
        return broken(f"{what} is {got}, and the connection open for {seconds} s", in_hex(sent))
    if stayed:
        return unstable(f"after {what}, {len(stayed)} of {len(group)} connections stayed open")
    frame = their_close(group[0])
    # "When sending a Close frame in response, the endpoint typically echos the status code"
    if frame is None or close_code(frame.payload) != close_code(sent[0].payload):
        return noted(f"{what} is answered with {ending(group[0])}")
    return holds(f"{what} is answered with {ending(group[0])}")


@check("WS-10", "talk*", "illegal_close*")
def illegal_close(talks: tuple[Dialogue, ...], dialogues: tuple[Dialogue, ...]) -> Outcome:
    groups = list(samples(dialogues, lambda each: said(_our_close(each))))
    outcomes = [*sent_by_server("WS-10", [*talks, *dialogues]), *map(_of_illegal_close, groups)]
    return worst([holds(f"{len(groups)} illegal closes, none taken for legal"), *outcomes])


def _of_illegal_close(group: list[Dialogue]) -> Outcome:
    sent = _our_close(group[0])
    what = said(sent)
    stayed = [each for each in group if not has_left(each)]
    if len(stayed) >= SAMPLES:
        seconds = ", ".join(f"{each.ended_at:.1f}" for each in stayed)
        return broken(f"after {what}, the connection is still open after {seconds} s", in_hex(sent))
    if stayed:
        return unstable(f"after {what}, {len(stayed)} of {len(group)} connections stayed open")
    frame = their_close(group[0])
    if frame is not None and close_code(frame.payload) not in (1002, 1007):
        return noted(f"{what} is answered with {ending(group[0])}")
    return holds(f"{what}: {ending(group[0])}")


@check("WS-17", "foreign_origin")
def origin(dialogue: Dialogue, *, options: Options) -> Outcome:
    asked = [
        value.decode() for name, value in dialogue.handshake.request.fields if name == b"Origin"
    ]
    if not is_accepted(dialogue):
        head = dialogue.handshake.head
        told = answer(dialogue.handshake)
        return holds(f"Origin: {asked[0]}: {told}") if head else unknown(told)
    if pong_to(dialogue, PROBE) is None:
        told = f"Origin: {asked[0]}: 101, and then {ending(dialogue)}"
        return holds(told) if has_left(dialogue) else unknown(told)
    told = f"Origin: {asked[0]}: 101, and a ping is answered"
    # 10.2 is for "Servers that are not intended to process input from any web page".
    return noted(told) if options.origin is None else broken(told)
