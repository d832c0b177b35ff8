"""What a user may say about the subject, and about how it is looked at."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Times are in seconds."""

    heartbeat: float = 15.0  # the longest silence of a stream
    time_scale: float = 1.0  # for slow machines and networks: all our patience times this
    fast: bool = False  # look for 5 s at most, and so at no heartbeat
    budget: float = 30.0  # for generated examples, all requirements together
    derandomize: bool = False  # the same examples each time
    of_host: frozenset[str] = frozenset()  # ids of what is known to be the host program's doing
    claims: frozenset[str] = frozenset()  # the practices that the subject says it keeps
    profile: str = "sse"  # or "agent", ...: practices that come together
    origin: str | None = None  # an origin from which the stream may be read
    headers: tuple[tuple[str, str], ...] = ()  # of every request
    slow: bool = False  # also what takes minutes
    load: bool = False  # also what opens a hundred connections
    pid: int | None = None  # of the server, to look at its memory and to end it
    own_target: bool = False  # we may also attack it, though it is not on this machine

    def __post_init__(self) -> None:
        for name, seconds in (("heartbeat", self.heartbeat), ("time scale", self.time_scale)):
            if not 0 < seconds < inf:
                raise ValueError(f"a {name} is more than nothing, and finite: {seconds}")
        if not 0 <= self.budget < inf:
            raise ValueError(f"a budget is not negative, and finite: {self.budget}")
        if any(name.lower() == "accept-encoding" for name, _ in self.headers):
            raise ValueError("Accept-Encoding is the suite's own: it reads streams as they are")
