"""Servers that let the wrong pages read, or not the right ones."""

from ..transcript import Record
from .alter import driven
from .golden import Golden
from .http import Asked, Fields, Wire
from .registry import mutant

QUICK = 0.03  # seconds between events
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials"


class AnotherOrigin(Golden):
    """Lets one origin read, whoever asks."""

    def cors_fields(self, asked: Asked) -> Fields:
        if asked.method == "OPTIONS":
            return super().cors_fields(asked)
        return [(ALLOW_ORIGIN, "https://b.example"), ("Vary", "Origin")]


@mutant("COR-01", "names another origin", AnotherOrigin().serve)
def another_origin() -> Record:
    return driven(AnotherOrigin(events=3, interval=QUICK))


class CredentialsForAll(Golden):
    """Allows credentials to everyone at once."""

    def cors_fields(self, asked: Asked) -> Fields:
        return [(ALLOW_ORIGIN, "*"), (ALLOW_CREDENTIALS, "true")]


@mutant("COR-02", "says * and true", CredentialsForAll().serve)
def credentials_for_all() -> Record:
    return driven(CredentialsForAll(events=3, interval=QUICK))


class NoVary(Golden):
    """Does not say that the answer depends on the origin."""

    def cors_fields(self, asked: Asked) -> Fields:
        return [field for field in super().cors_fields(asked) if field[0] != "Vary"]


@mutant("COR-03", "does not vary", NoVary().serve)
def no_vary() -> Record:
    return driven(NoVary(events=3, interval=QUICK))


class NoLastEventID(Golden):
    """Does not let a page say which event was the last."""

    def preflight_fields(self, asked: Asked, methods: tuple[str, ...]) -> Fields:
        fields = super().preflight_fields(asked, methods)
        return [field for field in fields if field[0] != "Access-Control-Allow-Headers"]


@mutant("COR-04", "does not allow Last-Event-ID", NoLastEventID().serve)
def no_last_event_id() -> Record:
    return driven(NoLastEventID(events=3, interval=QUICK))


class PreflightRuns(Golden):
    """Takes a preflight for the request itself."""

    async def options(self, asked: Asked, wire: Wire, methods: tuple[str, ...]) -> bool:
        if asked.value("access-control-request-method") == "POST":
            return await self.passive(asked, wire)
        return await super().options(asked, wire, methods)


@mutant("COR-05", "runs for a preflight", PreflightRuns().serve)
def preflight_runs() -> Record:
    return driven(PreflightRuns(events=3, interval=QUICK))


class LetsStrangersIn(Golden):
    """Returns whatever origin it gets, and allows credentials."""

    def cors_fields(self, asked: Asked) -> Fields:
        origin = asked.value("origin") or "null"
        return [(ALLOW_ORIGIN, origin), (ALLOW_CREDENTIALS, "true"), ("Vary", "Origin")]


@mutant("COR-06", "lets strangers in", LetsStrangersIn().serve)
def lets_strangers_in() -> Record:
    return driven(LetsStrangersIn(events=3, interval=QUICK))
