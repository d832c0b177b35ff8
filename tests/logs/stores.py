"""Every event log there is, opened fresh, with a way to let its time pass."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TypeAlias

from asgi_agent.logs import EventLog, MemoryLog, SQLiteLog


@dataclass(frozen=True, slots=True)
class Store:
    """One event log, which nobody else uses."""

    log: EventLog
    pass_time: Callable[[float], Awaitable[None]]  # seconds, on the clock of the store


@asynccontextmanager
async def open_memory() -> AsyncIterator[Store]:
    now = 1000.0

    async def pass_time(seconds: float) -> None:
        nonlocal now
        now += seconds

    yield Store(MemoryLog(clock=lambda: now), pass_time)


@asynccontextmanager
async def open_sqlite() -> AsyncIterator[Store]:
    now = 1000.0

    async def pass_time(seconds: float) -> None:
        nonlocal now
        now += seconds

    with TemporaryDirectory() as directory:
        log = SQLiteLog(f"{directory}/log.db", clock=lambda: now)
        try:
            yield Store(log, pass_time)
        finally:
            await log.close()


Open: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]

STORES: dict[str, Open] = {"memory:": open_memory, "sqlite:": open_sqlite}
