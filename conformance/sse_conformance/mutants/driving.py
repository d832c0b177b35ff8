"""Mutants that are servers: each is served in a thread, driven by the plans that matter to it."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias, TypeVar

from pydantic import TypeAdapter

from ..drivers.producing import Producer
from ..options import Options
from ..script import Capabilities
from ..transcript import Record, Subject
from .golden import Golden
from .registry import defect_of, mutant
from .serving import in_process

G = TypeVar("G", bound=Golden)
Plan: TypeAlias = Callable[[Producer, Record], None]

# Twice as quick as for strangers: here nobody's network is in between.
QUICK = Options(time_scale=0.5)


def live(
    requirement: str, *plans: Plan, heartbeat: float = 15.0, options: Options = QUICK
) -> Callable[[type[G]], type[G]]:
    """Register a server, whose docstring tells its defect, as a mutant driven by these plans."""

    def register(server: type[G]) -> type[G]:
        def record() -> Record:
            return driven(server(heartbeat=heartbeat), *plans, options=options)

        mutant(requirement, defect_of(server), server().serve)(record)
        return server

    return register


def driven(server: Golden, *plans: Plan, options: Options = QUICK) -> Record:
    """What these plans record of the server."""
    with server.served() as url:
        return recorded(f"{url}/emit", server, *plans, options=options)


def recorded(url: str, server: Golden, *plans: Plan, options: Options) -> Record:
    """The same, of a server that is served already."""
    about = TypeAdapter(Capabilities).validate_python(server.about())
    claimed = replace(options, claims=options.claims | about.capabilities)
    producer = Producer(url=url, options=claimed, about=about)
    record = Record(Subject(target=url, mode="emit", options=claimed))
    for plan in plans:
        plan(producer, record)
    return record


def of_process(server: type[Golden], plan: Plan, time_scale: float = 0.2) -> Record:
    """The same, of a server in a process of its own, which the plan may look at, and end."""
    with in_process(server.__module__, server.__name__) as (url, pid):
        options = replace(QUICK, pid=pid, time_scale=time_scale)
        return recorded(f"{url}/emit", server(), plan, options=options)
