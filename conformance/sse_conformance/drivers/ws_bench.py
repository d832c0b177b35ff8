"""What the plans for a WebSocket work with: connections, patience, and where to write it down."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import TypeAlias

from ..conversation import PROBE, PROFILES, SAMPLES, Account, Assembly, Profile
from ..options import Options
from ..transcript import Dialogue, Frame, Record, Request
from ..wire.frames import CLOSE, PING, PONG, TEXT, RawFrame, close_payload
from ..wire.place import Pairs
from ..wire.websocket import Talk, opening

PATIENCE = 3.0  # seconds; these are times `time_scale`
QUIET = 0.3  # of silence: a server that answers at all has answered
TURN = 20.0  # the longest that we listen to one turn of an agent, or to anything

GREETING = '{"sse-conformance": "hello, é € 😀"}'.encode()


@dataclass(frozen=True, slots=True)
class Bench:
    """One server, and what is recorded of it."""

    url: str
    options: Options
    record: Record
    until: float = inf  # then nothing more is begun

    @property
    def is_late(self) -> bool:
        return perf_counter() > self.until

    @property
    def patience(self) -> float:
        return self.seconds(PATIENCE)

    @property
    def quiet(self) -> float:
        return self.seconds(QUIET)

    @property
    def profile(self) -> Profile | None:
        return PROFILES.get(self.options.profile)

    @property
    def message(self) -> bytes:
        """One that the server has reason to answer, if we know of any."""
        return self.profile.prompt("é, €, 😀: 2 + 2?") if self.profile else GREETING

    def seconds(self, seconds: float) -> float:
        return seconds * self.options.time_scale

    def request(
        self,
        *,
        method: str = "GET",
        fields: Pairs = (),
        without: Collection[str] = (),
        origin: str | None = None,
    ) -> Request:
        """An opening handshake, with what the user wants in each request."""
        origin = origin or self.options.origin
        given = [*self.options.headers, *([("Origin", origin)] if origin else []), *fields]
        return opening(self.url, method=method, fields=given, without=without)

    def talk(self, request: Request | None = None, *, rcvbuf: int | None = None) -> Talk:
        """A new connection."""
        return Talk(self.url, request or self.request(), self.patience, rcvbuf=rcvbuf)

    def keep(
        self, name: str, plan: Callable[[Talk], None], request: Request | None = None
    ) -> Dialogue:
        """Record one connection on which the plan is carried out."""
        talk = self.talk(request)
        if talk.is_open:
            plan(talk)
        if talk.is_open and not talk.has_closed:
            talk.send(RawFrame(opcode=CLOSE, payload=close_payload(1000)))
        dialogue = talk.leave()
        self.record.add(name, dialogue)
        return dialogue

    def sample(self, name: str, plan: Callable[[Talk], None]) -> None:
        """The same, and again where something was awaited in vain."""
        for _ in range(SAMPLES):
            if self.keep(name, plan).end != "timeout" or self.is_late:
                return

    def offend(self, name: str, *offence: RawFrame) -> None:
        """Send what fails the connection, and at once a ping: and see whether that is answered."""

        def plan(talk: Talk) -> None:
            talk.send(*offence, RawFrame(opcode=PING, payload=PROBE))
            answer = talk.wait(lambda frame: frame.opcode == CLOSE or is_pong(frame, PROBE))
            if answer is None:
                talk.give_up()
            elif answer.opcode == CLOSE:
                talk.wait(lambda frame: False, self.quiet)  # for the end

        self.sample(name, plan)


Plan: TypeAlias = Callable[[Bench], None]


def is_pong(frame: Frame, payload: bytes) -> bool:
    """Whether this answers the ping that carried that."""
    return frame.opcode == PONG and frame.payload == payload


class Chat:
    """One connection with an agent, and how the conversation stands."""

    def __init__(self, talk: Talk, profile: Profile) -> None:
        self.talk = talk
        self.profile = profile
        self.account = Account(profile)
        self.heard = 0  # messages of the server's
        self._assembly = Assembly()
        self._seen = 0

    def prompt(self, text: str) -> None:
        self.say(self.profile.prompt(text))

    def cancel(self) -> None:
        self.say(self.profile.cancellation)

    def say(self, *texts: bytes) -> None:
        """Send these messages at once."""
        self.send(*(RawFrame(opcode=TEXT, payload=text) for text in texts))

    def send(self, *frames: RawFrame) -> None:
        """Send these frames at once."""
        self.talk.send(*frames)
        self._catch_up()

    def wait(self, is_enough: Callable[[], bool], seconds: float) -> bool:
        """Listen until it is enough. False if the time or the connection ends before."""
        deadline = perf_counter() + seconds
        self._catch_up()
        while not is_enough():
            if not self.talk.listen(deadline - perf_counter()):
                return False
            self._catch_up()
        return True

    def wait_for_words(self, seconds: float) -> bool:
        """Listen until the server has said something more."""
        self._catch_up()
        heard = self.heard
        return self.wait(lambda: self.heard > heard, seconds)

    def settle(self, seconds: float, quiet: float) -> None:
        """Listen until all is answered, and then whether it is silent for so long.

        If it is not answered in time, the end is "timeout".
        """
        if not self.wait(lambda: self.account.is_settled, seconds):
            self.talk.give_up()
        self.wait(lambda: False, quiet)

    def _catch_up(self) -> None:
        for frame in self.talk.frames[self._seen :]:
            said = self._assembly.feed(frame)
            if said is not None:
                self.account.hear(said)
                self.heard += not said.sent
        self._seen = len(self.talk.frames)
