"""What the checks of WebSockets look for in a dialogue, and how they tell what they have seen."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from ..conversation import PROBE, SAMPLES, is_utf8, messages
from ..transcript import Dialogue, Frame
from ..verdict import Outcome, broken, holds, noted, unknown, unstable, worst
from ..wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MAX_CONTROL,
    NAMES,
    PING,
    PONG,
    TEXT,
    RawFrame,
    close_code,
)

CONTROL = 0x8  # 5.5: "opcodes where the most significant bit of the opcode is 1"
DATA = (CONTINUATION, TEXT, BINARY)


def is_accepted(dialogue: Dialogue) -> bool:
    """Whether there was a WebSocket at all."""
    return dialogue.handshake.status == 101


def theirs(dialogue: Dialogue) -> list[Frame]:
    """The server's frames."""
    return [frame for frame in dialogue.frames if not frame.sent]


def ours(dialogue: Dialogue) -> list[Frame]:
    """The client's."""
    return [frame for frame in dialogue.frames if frame.sent]


def their_close(dialogue: Dialogue) -> Frame | None:
    """The server's first Close."""
    return next((frame for frame in theirs(dialogue) if frame.opcode == CLOSE), None)


def has_left(dialogue: Dialogue) -> bool:
    """Whether the server has closed the connection, or said that it does."""
    return dialogue.end in ("closed", "reset") or their_close(dialogue) is not None


def ending(dialogue: Dialogue) -> str:
    """Evidence: how the server has ended the connection."""
    frame = their_close(dialogue)
    if frame is None:
        return "reset" if dialogue.end == "reset" else "closed without a Close"
    code = close_code(frame.payload)
    return f"Close {'without a code' if code is None else code}"


def named(frame: Frame) -> str:
    """What a frame is, and what is odd about it."""
    name = NAMES.get(frame.opcode, f"opcode-0x{frame.opcode:X}")
    bits = [f"RSV{bit}" for bit, mask in ((1, 4), (2, 2), (3, 1)) if frame.rsv & mask]
    odd = [*bits, *([] if frame.fin else ["without FIN"]), *([] if frame.masked else ["unmasked"])]
    size = len(frame.payload)
    code = close_code(frame.payload) if frame.opcode == CLOSE else None
    what = f"of {size} bytes" if code is None else f"{code}"
    return " ".join([f"{name} frame {what}" if code is None else f"{name} {what}", *odd])


def said(frames: Iterable[Frame]) -> str:
    """What was sent, and what it begins with."""
    shown = [f"{named(frame)} {frame.payload[:12]!r}" for frame in frames]
    return ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "")


def in_hex(frames: Iterable[Frame]) -> str:
    """How to see it again: the bytes to send after the handshake, with a mask of zeros."""
    encoded = (
        RawFrame(
            opcode=frame.opcode,
            payload=frame.payload,
            fin=frame.fin,
            rsv=frame.rsv,
            masked=frame.masked,
        ).encode(key=bytes(4))
        for frame in frames
    )
    data = b"".join(encoded)
    return f"after the handshake send {data[:64].hex(' ')}" + (" ..." if len(data) > 64 else "")


def offence(dialogue: Dialogue) -> tuple[Frame, ...]:
    """What we have sent before the probing ping."""
    sent: list[Frame] = []
    for frame in ours(dialogue):
        if frame.opcode == PING and frame.payload == PROBE:
            break
        sent.append(frame)
    return tuple(sent)


def samples(
    dialogues: Iterable[Dialogue], key: Callable[[Dialogue], str]
) -> Iterator[list[Dialogue]]:
    """Those of which the key is the same, together; without those that were not accepted."""
    groups: dict[str, list[Dialogue]] = {}
    for dialogue in dialogues:
        if is_accepted(dialogue):
            groups.setdefault(key(dialogue), []).append(dialogue)
    yield from groups.values()


def failed(dialogues: Sequence[Dialogue], codes: Collection[int]) -> Outcome:
    """Whether each offence has failed the connection: 7.1.7.

    The server "SHOULD send a Close frame with an appropriate status code", "MAY omit" it, and has
    to close the connection: any end of it will do, and one with another code is told.
    """
    found = [_of_one(each, codes) for each in samples(dialogues, lambda each: said(offence(each)))]
    if not found:
        return unknown("no connection was accepted")
    ends = Counter(ending(each) for each in dialogues if has_left(each))
    told = ", ".join(f"{count} times {end}" for end, count in ends.items())
    return worst([holds(f"{len(found)} offences: {told}"), *found])


def _of_one(group: Sequence[Dialogue], codes: Collection[int]) -> Outcome:
    """What became of one offence, in all its samples."""
    frames = offence(group[0])
    what, again = said(frames), in_hex(frames)
    for each in group:
        pong = pong_to(each, PROBE)
        if pong is not None:
            at = f"{pong.at:.3f} s"
            return broken(f"after {what}, a ping is still answered ({at})", again)
    stayed = [each for each in group if not has_left(each)]
    if len(stayed) >= SAMPLES:
        seconds = ", ".join(f"{each.ended_at:.1f}" for each in stayed)
        return broken(f"after {what}, the connection is still open after {seconds} s", again)
    if stayed:
        return unstable(f"after {what}, {len(stayed)} of {len(group)} connections stayed open")
    close = their_close(group[0])
    code = close_code(close.payload) if close else None
    if close is not None and (code is None or code not in codes):
        return noted(f"after {what}: {ending(group[0])}")
    return holds(f"after {what}: {ending(group[0])}")


def pong_to(dialogue: Dialogue, payload: bytes) -> Frame | None:
    """The server's pong that carries this."""
    pongs = (each for each in theirs(dialogue) if each.opcode == PONG)
    return next((each for each in pongs if each.payload == payload), None)


# ── what a server may not send ──────────────────────────────────────────────────────────────


def wrongs(dialogue: Dialogue) -> dict[str, str]:
    """What is wrong with the server's frames: the requirement, and the first evidence."""
    found: dict[str, str] = {}
    is_in_message = has_closed = False
    for frame in theirs(dialogue):
        for requirement in _wrong_with(frame):
            found.setdefault(requirement, _at(frame))
        if frame.opcode in DATA:
            if (frame.opcode == CONTINUATION) != is_in_message:
                found.setdefault("WS-07", _at(frame))
            is_in_message = not frame.fin
            if has_closed:
                # 5.5.1: "The application MUST NOT send any more data frames after sending a
                # Close frame."
                found.setdefault("WS-09", f"{_at(frame)}, after its Close")
        has_closed = has_closed or frame.opcode == CLOSE
    for message in messages(theirs(dialogue)):
        if message.is_text and not is_utf8(message.data):
            found.setdefault("WS-08", f"text {message.data[:40]!r} after {message.at:.3f} s")
    return found


def _wrong_with(frame: Frame) -> Iterator[str]:
    if frame.masked:  # 5.1: "A server MUST NOT mask any frames that it sends to the client."
        yield "WS-03"
    if frame.rsv or frame.opcode not in NAMES:  # 5.2; and we have offered no extension
        yield "WS-04"
    if frame.opcode & CONTROL and (len(frame.payload) > MAX_CONTROL or not frame.fin):
        yield "WS-05"
    if frame.opcode == CLOSE:
        if not is_utf8(frame.payload[2:]):
            yield "WS-08"
        if len(frame.payload) == 1 or is_illegal(close_code(frame.payload)):
            yield "WS-10"


def is_illegal(code: int | None) -> bool:
    """Whether nobody may send it: 7.4.1 and 7.4.2; without those that may be given a meaning."""
    return code is not None and (code < 1000 or code in (1005, 1006, 1015))


def _at(frame: Frame) -> str:
    return f"the server's {named(frame)} after {frame.at:.3f} s"


def sent_by_server(requirement: str, dialogues: Iterable[Dialogue]) -> list[Outcome]:
    """`broken`, if the server itself has sent what this requirement forbids."""
    found = (wrongs(each).get(requirement) for each in dialogues)
    return [broken(evidence) for evidence in found if evidence is not None][:1]
