"""RFC 6455 put to the test on any server, clause by clause."""

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

from ..conversation import OFFERED, PROBE, messages
from ..transcript import Frame, Observation
from ..wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    RawFrame,
    close_code,
    close_payload,
    fragments,
)
from ..wire.websocket import Talk
from .ws_bench import TURN, Bench, Chat, Plan, is_pong

STALL = 1.0  # seconds: so long takes a server nothing that waits for us
IDLE = 65.0
MIB = 1 << 20
FLOOD = 32 * MIB
OVERSIZE = 64 * MIB
ANNOUNCED = 1 << 40  # no limit is as high as this
RCVBUF = 64 * 1024

FOREIGN = "https://cross-site.invalid"  # RFC 2606: nobody's
RESERVED_OPCODES = (*range(0x3, 0x8), *range(0xB, 0x10))
PINGS = (b"", b"hello", bytes(range(125)))
CLOSES = (
    *(close_payload(code) for code in (1000, 1001, 3000, 4999, None)),
    close_payload(1000, b"bye"),
    close_payload(1000, "é".encode() * 61),  # 124 bytes, and 125 may be
)
# 7.4.2: 0-999 "are not used"; 7.4.1: 1005, 1006 and 1015 "MUST NOT be set"; and the reserved ones
ILLEGAL_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)
BAD_UTF8 = (
    b"\xce\xba\xff\xce\xba",
    b"\xed\xa0\x80",  # a surrogate
    b"\xc0\xaf",  # longer than need be
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"caf\xc3",  # cut off
)
BAD_INPUT = (
    b"no JSON",
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b'{"type": "sse-conformance-unknown"}',
    b'{"t": 5, "type": 5, "prompt": {"a": []}}',
    b'{"prompt": "\\ud800"}',
    b'{"prompt": 1e999, "session_id": 5}',
    b"[" * 20_000,
    b'{"type": "cancel"}',  # and nothing is under way
)


def handshake(bench: Bench) -> None:
    """4.2.2: with nothing that the server could choose from, and with subprotocols."""
    bench.record.add("handshake", bench.talk().leave().handshake)
    fields = [("Sec-WebSocket-Protocol", ", ".join(OFFERED))]
    bench.record.add("handshake_offers", bench.talk(bench.request(fields=fields)).leave().handshake)


def bad_handshake(bench: Bench) -> None:
    """4.2.1: what the server has to refuse."""
    for request in (
        bench.request(without=["sec-websocket-key"]),
        bench.request(fields=[("Sec-WebSocket-Version", "12")]),
        bench.request(method="POST"),
    ):
        bench.record.add("bad_handshake", bench.talk(request).leave().handshake)


def talk(bench: Bench) -> None:
    """What a polite client does: say something, listen, close."""

    def plan(talk: Talk) -> None:
        talk.send(RawFrame(opcode=TEXT, payload=bench.message))
        listen(bench, talk)
        talk.send(RawFrame(opcode=CLOSE, payload=close_payload(1000)))
        talk.wait_for_end()

    bench.sample("talk", plan)


def unmasked(bench: Bench) -> None:
    """5.1: "The server MUST close the connection upon receiving a frame that is not masked"."""
    for opcode, payload in ((TEXT, bench.message), (PING, b"unmasked")):
        bench.offend("unmasked", RawFrame(opcode=opcode, payload=payload, masked=False))


def reserved(bench: Bench) -> None:
    """5.2: reserved bits and opcodes, of which nothing was negotiated."""
    for rsv in (RSV1, RSV2, RSV3):
        bench.offend("reserved", RawFrame(opcode=TEXT, payload=bench.message, rsv=rsv))
    for opcode in RESERVED_OPCODES:
        bench.offend("reserved", RawFrame(opcode=opcode, payload=b"reserved"))


def control(bench: Bench) -> None:
    """5.5: control frames that are too long, or fragmented."""
    for opcode in (PING, PONG):
        bench.offend("control", RawFrame(opcode=opcode, payload=bytes(126)))
        bench.offend("control", RawFrame(opcode=opcode, payload=b"part", fin=False))


def ping(bench: Bench) -> None:
    """5.5.2: pings of several sizes, one after another; and one between two fragments."""

    def plan(talk: Talk) -> None:
        for payload in PINGS:
            if not _ping(talk, payload):
                return

    def between(talk: Talk) -> None:
        first, second = fragments(bench.message[:1], bench.message[1:])
        talk.send(first, RawFrame(opcode=PING, payload=b"between"))
        is_late = talk.wait(lambda frame: is_pong(frame, b"between")) is None
        talk.send(second)
        if is_late and talk.wait(lambda frame: is_pong(frame, b"between")) is None:
            talk.give_up()

    bench.sample("ping", plan)
    bench.sample("ping_between", between)


def fragmented(bench: Bench) -> None:
    """5.4: one message, whole and in all sorts of fragments, and how each is answered."""
    whole = RawFrame(opcode=TEXT, payload=bench.message)
    wholes = [bench.keep("whole", saying(bench, [whole])) for _ in range(2)]
    least = min(count_answers(each.frames) for each in wholes)
    for frames in fragmentations(bench.message):
        bench.sample("fragmented", saying(bench, frames, least))

    def byte_by_byte(talk: Talk) -> None:
        talk.send_slowly(whole)
        listen(bench, talk, least)

    bench.sample("fragmented", byte_by_byte)


def saying(bench: Bench, frames: list[RawFrame], least: int = 0) -> Callable[[Talk], None]:
    """The plan to send these, one after another, and to hear what is answered."""

    def plan(talk: Talk) -> None:
        for frame in frames:
            talk.send(frame)
        listen(bench, talk, least)

    return plan


def fragmentations(message: bytes) -> list[list[RawFrame]]:
    """Ways to cut a text message: "A sender MAY create fragments of any size" (5.4)."""
    ping = RawFrame(opcode=PING, payload=b"between")
    singles = fragments(*(message[n : n + 1] for n in range(len(message))))
    inside = next((n for n, byte in enumerate(message) if byte >= 0x80), 0) + 1
    return [
        [each for frame in singles for each in (frame, ping)][:-1],
        # 5.6: "a particular text frame might include a partial UTF-8 sequence"
        fragments(message[:inside], message[inside:]),
        fragments(b"", message, b""),
    ]


def broken_fragments(bench: Bench) -> None:
    """5.4: a continuation of nothing, and a message inside another one."""
    begun = RawFrame(opcode=TEXT, payload=b"begun", fin=False)
    bench.offend("broken_fragments", RawFrame(opcode=CONTINUATION, payload=b"of nothing"))
    bench.offend("broken_fragments", RawFrame(opcode=CONTINUATION, payload=b"of", fin=False))
    for opcode in (TEXT, BINARY):
        bench.offend("broken_fragments", begun, RawFrame(opcode=opcode, payload=b"inside"))


def bad_utf8(bench: Bench) -> None:
    """8.1: in text, within a frame and over two; and in the reason of a Close."""
    for payload in BAD_UTF8:
        bench.offend("bad_utf8", RawFrame(opcode=TEXT, payload=payload))
    bench.offend("bad_utf8", *fragments(b"caf\xc3", b"("))
    _close(bench, "bad_reason", close_payload(1000, b"bye\xff"))


def close(bench: Bench) -> None:
    """5.5.1: with all codes that a client may send, and without any."""
    for payload in CLOSES:
        _close(bench, "close", payload)


def illegal_close(bench: Bench) -> None:
    """7.4: with codes that nobody may send, and with half a code."""
    for payload in (*map(close_payload, ILLEGAL_CODES), b"\x03"):
        _close(bench, "illegal_close", payload)


def binary(bench: Bench) -> None:
    """A binary message, to a server that may know text only."""
    _input(bench, "binary", RawFrame(opcode=BINARY, payload=b"\x00\xff\x00\xff"))


def bad_input(bench: Bench) -> None:
    """Text that means nothing to an agent, or nothing now."""
    for text in BAD_INPUT:
        _input(bench, "bad_input", RawFrame(opcode=TEXT, payload=text))


def origin(bench: Bench) -> None:
    """10.2: a handshake as the page of another site would make it."""

    def plan(talk: Talk) -> None:
        _ping(talk, PROBE)

    bench.keep("foreign_origin", plan, bench.request(origin=FOREIGN))


def flood(bench: Bench) -> None:
    """Speak, and do not listen: who answers has to stop listening too, or to keep it all."""
    talk = bench.talk(rcvbuf=RCVBUF)
    talk.answers = False
    talk.patience = bench.seconds(STALL)
    until = perf_counter() + bench.seconds(TURN)
    frame = RawFrame(opcode=TEXT, payload=b"x" * RCVBUF).encode()
    sent = taken = 0
    while sent < FLOOD and sent == taken and perf_counter() < until:
        taken += talk.send_bytes(frame)
        sent += len(frame)
    is_open = talk.is_open
    answered = talk.pour_out(bench.seconds(STALL), bench.seconds(TURN), FLOOD * 2)
    facts = {
        "offered": float(FLOOD),
        "taken": float(taken),
        "answered": float(answered),
        "is_open": float(is_open),
        "is_stalled": float(taken < sent),
    }
    talk.leave()
    bench.record.add("flood", Observation(what="flood", facts=facts))


def oversize(bench: Bench) -> None:
    """10.4: announce a message that is too long for anybody, and begin to send it."""
    talk = bench.talk()
    until = perf_counter() + bench.seconds(TURN)
    # The key is zeros, for which "transformed" and "original" are the same.
    talk.send_bytes(RawFrame(opcode=TEXT).encode(length=ANNOUNCED, key=bytes(4)))
    sent = taken = 0
    code = None
    while code is None and taken == sent < OVERSIZE and perf_counter() < until:
        taken += talk.send_bytes(b"x" * MIB)
        sent += MIB
        code = talk.wait(lambda frame: frame.opcode == CLOSE, 0.001)
    code = code or talk.wait(lambda frame: frame.opcode == CLOSE)
    facts = {
        "announced": float(ANNOUNCED),
        "offered": float(OVERSIZE),
        "taken": float(taken),
        "code": float((close_code(code.payload) or 0) if code else 0),
        "is_open": float(talk.is_open and code is None),
    }
    talk.leave()
    bench.record.add("oversize", Observation(what="oversize", facts=facts))


def idle(bench: Bench) -> None:
    """Say nothing, and answer no ping."""

    def plan(talk: Talk) -> None:
        talk.answers = False
        talk.wait(lambda frame: False, bench.seconds(IDLE))

    bench.keep("idle", plan)


RFC_6455: Sequence[Plan] = (
    *(handshake, bad_handshake, talk, ping, unmasked, reserved, control, fragmented),
    *(broken_fragments, bad_utf8, close, illegal_close, binary, bad_input, origin),
)


def listen(bench: Bench, talk: Talk, least: int = 0) -> None:
    """Hear out what is answered: to the end of the turn, or until it is silent.

    If there is less than that, the end is "timeout".
    """
    if bench.profile is not None:
        Chat(talk, bench.profile).settle(bench.seconds(TURN), 0.0)
        return
    if least and talk.wait(lambda frame: count_answers(talk.frames) >= least) is None:
        talk.give_up()
    talk.hear_out(bench.quiet)


def count_answers(frames: Iterable[Frame]) -> int:
    """How many messages the server has sent."""
    return len(messages(frame for frame in frames if not frame.sent))


def _ping(talk: Talk, payload: bytes) -> bool:
    """Send a ping and wait for its pong; false if something else comes of it."""
    talk.send(RawFrame(opcode=PING, payload=payload))
    answer = talk.wait(lambda frame: frame.opcode == CLOSE or is_pong(frame, payload))
    if answer is None:
        talk.give_up()
    return answer is not None and answer.opcode != CLOSE


def _close(bench: Bench, name: str, payload: bytes) -> None:
    def plan(talk: Talk) -> None:
        talk.send(RawFrame(opcode=CLOSE, payload=payload))
        talk.wait_for_end()

    bench.sample(name, plan)


def _input(bench: Bench, name: str, frame: RawFrame) -> None:
    """Send it, hear what is said to it, and ask whether the server is still there."""

    def plan(talk: Talk) -> None:
        talk.send(frame)
        answer = talk.wait(lambda frame: frame.opcode in (TEXT, BINARY, CLOSE), bench.quiet)
        if answer is not None and answer.opcode == CLOSE:
            talk.wait_for_end()
        else:
            _ping(talk, PROBE)

    bench.sample(name, plan)
