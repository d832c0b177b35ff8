"""Servers of WebSockets, and agents on them, with one defect each."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache, partial

from ..drivers.ws import plans, ws
from ..options import Options
from ..transcript import Dialogue, Frame, Record, changed
from ..wire.frames import CONTINUATION, PING, TEXT, RawFrame
from .http import Asked, Fields, Refused
from .registry import Recording, mutant
from .serving import in_thread
from .websocket_server import Failed, Peer

OPTIONS = Options(
    profile="agent", origin="https://a.example", time_scale=0.15, budget=1.0, derandomize=True
)
COSTLY = {"programs", "turns", "cancel", "flood"}  # and in question for some mutants only


def recorded(peer: type[Peer], *more: str, only: Collection[str] = ()) -> Record:
    """What is recorded of this server: by the quick plans and those named, or by some only."""
    options = replace(OPTIONS, slow=True)
    quick = {plan.__name__ for plan in plans(OPTIONS)} - COSTLY
    with in_thread(peer.connect) as url:
        return ws(f"{url}/ws", options, only=only or {*quick, *more})


@cache
def sound() -> Record:
    """What the quick plans record of the sound server; and how it is when nobody says anything."""
    record = recorded(Peer)
    return changed(record, "idle", [_idle(record, pings=(20.0, 40.0))])


def _idle(record: Record, pings: Collection[float]) -> Dialogue:
    """A minute of silence, with pings at these times."""
    frames = [Frame(at=at, sent=False, opcode=PING, payload=b"") for at in pings]
    talk = next(item for item in record.all("talk") if isinstance(item, Dialogue))
    scale = OPTIONS.time_scale
    frames = [replace(frame, at=frame.at * scale) for frame in frames]
    return replace(talk, frames=tuple(frames), end="left", ended_at=65.0 * scale)


def live(
    requirement: str, defect: str, *more: str, only: Collection[str] = ()
) -> Callable[[type[Peer]], type[Peer]]:
    """Register a server with one defect, and the plans that are carried out on it."""

    def register(peer: type[Peer]) -> type[Peer]:
        recording: Recording = partial(recorded, peer, *more, only=only)
        mutant(requirement, defect, peer.serve_forever)(recording)
        return peer

    return register


@live("WS-01", "selects a subprotocol that is not offered")
class OwnSubprotocol(Peer):
    """Speaks its own, whatever is offered."""

    def accept_fields(self, asked: Asked) -> Fields:
        fields = super().accept_fields(asked)
        if asked.value("sec-websocket-protocol"):
            fields.append(("Sec-WebSocket-Protocol", "chat"))
        return fields


@live("WS-02", "accepts version 12")
class AnyVersion(Peer):
    """Does not look at the version."""

    def check_version(self, asked: Asked) -> None:
        return


@live("WS-02", "refuses version 12, and does not say which it knows")
class SilentVersion(Peer):
    """Refuses like any other bad request."""

    def check_version(self, asked: Asked) -> None:
        try:
            super().check_version(asked)
        except Refused as refused:
            raise Refused(400, str(refused)) from refused


@live("WS-03", "takes frames that are not masked")
class Unmasked(Peer):
    """Does not look at the mask bit."""

    def has_mask(self, frame: RawFrame) -> bool:
        return True


@live("WS-03", "masks its own frames")
class Masking(Peer):
    """Thinks that it is a client."""

    async def put(self, frame: RawFrame) -> None:
        await super().put(replace(frame, masked=True))


@live("WS-04", "ignores RSV1")
class Rsv1(Peer):
    """Takes what may be compressed as it is."""

    def has_known_bits(self, frame: RawFrame) -> bool:
        return frame.rsv in (0, 4)


@live("WS-05", "answers a ping of 126 bytes")
class LongPing(Peer):
    """Has no limit to control frames."""

    def is_control(self, frame: RawFrame, size: int) -> bool:
        return frame.fin


@live("WS-06", "answers no ping while it is busy", only=("handshake", "ping", "ping_busy"))
class BusyPing(Peer):
    """Drops them."""

    async def take_ping(self, payload: bytes) -> None:
        if not self.unanswered:
            await super().take_ping(payload)


@live("WS-07", "takes each fragment for a message")
class FragmentIsMessage(Peer):
    """Does not wait for the rest."""

    async def take_data(self, frame: RawFrame) -> None:
        if frame.opcode != CONTINUATION and frame.fin and self.kind is None:
            return await super().take_data(frame)
        if (frame.opcode == CONTINUATION) != (self.kind is not None):
            raise Failed(1002, "out of order")
        kind = self.kind or frame.opcode
        self.kind = None if frame.fin else kind
        return await self.take_message(kind, frame.payload)


@live("WS-08", "replaces what is no UTF-8")
class Replacing(Peer):
    """Never raises."""

    def decode(self, data: bytes) -> str:
        return data.decode(errors="replace")


@live("WS-09", "sends a message after its Close")
class AfterClose(Peer):
    """Has something left to say."""

    async def close(self, payload: bytes) -> None:
        await super().close(payload)
        await self.wire.write(RawFrame(opcode=TEXT, payload=b"bye", masked=False).encode())


@live("WS-09", "does not close the connection", only=("handshake", "talk"))
class Staying(Peer):
    """Waits for the client to do so."""

    async def take_close(self, payload: bytes) -> None:
        await super().take_close(payload)
        await self.wire.gone()


@live("WS-10", "echoes any code")
class Echoing(Peer):
    """Does not look at it."""

    def is_legal_close(self, payload: bytes) -> bool:
        return True


@live("WS-11", "takes a message of any length", "oversize")
class Unlimited(Peer):
    """Buffers what it is sent."""

    limit = 1 << 62


@live("WS-12", "fails on a binary message")
class TextOnly(Peer):
    """Closes with 1011."""

    async def take_binary(self) -> None:
        raise Failed(1011, "unexpected")


@live("WS-13", "fails on what is no JSON", "turns")
class JSONOnly(Peer):
    """Closes with 1011."""

    async def refuse(self, text: str) -> None:
        raise Failed(1011, "unexpected")


class Silent(Peer):
    """Has nothing to say by itself."""

    async def keep_alive(self) -> None:
        return


@mutant("WS-14", "never pings", Silent.serve_forever)
def never_pings() -> Record:
    """The sound server's record, without its pings."""
    return changed(sound(), "idle", [_idle(sound(), pings=())])


@live("WS-15", "ends a cancelled turn twice", "turns", "cancel")
class TwoEnds(Peer):
    """Has two places that write the end."""

    async def end(self, how: str) -> None:
        await super().end(how)
        if how == "cancelled":
            await super().end("complete")


@live("WS-15", "speaks on when it is cancelled", only=("handshake", "talk", "ping_busy", "cancel"))
class Deaf(Peer):
    """Says in the end that it was cancelled."""

    async def answer(self, words: list[str]) -> None:
        for word in [*words] * 8:
            await self.say(t="text", c=f"{word} ")
            await asyncio.sleep(self.pace)
        await self.end("cancelled" if self.is_cancelled else "complete")


@live("WS-16", "keeps whatever the client does not read", "flood")
class Unbounded(Peer):
    """Does not wait for who reads slowly."""

    async def put(self, frame: RawFrame) -> None:
        self.wire.write_now(frame.encode())


@live("WS-17", "lets every page in")
class AnyOrigin(Peer):
    """Does not look at the origin."""

    def check_origin(self, asked: Asked) -> None:
        return
