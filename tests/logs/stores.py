"""Every event log there is, opened fresh, with a way to let its time pass."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import TypeAlias

from asgi_agent.logs import EventLog, MemoryLog, SQLiteLog
from asgi_agent.logs.redis import RedisLog
from tests.logs.valkey import KINDS, own_prefix, shared


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
        log = SQLiteLog(f"{directory}/log.db", clock=lambda: now, retain=FOREVER)
        try:
            yield Store(log, pass_time)
        finally:
            await log.close()


FOREVER = 1e8  # seconds

# What a server would do at that time, were it already then.
PASS_TIME = """\
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local lease = redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, 'lease')
  if tonumber(lease) and lease ~= 'inf' then redis.call('HINCRBY', key, 'lease', -ARGV[2]) end
  redis.call('PEXPIRE', key, redis.call('PTTL', key) - ARGV[2])
end
"""


@asynccontextmanager
async def open_redis(kind: str) -> AsyncIterator[Store]:
    server = shared(kind)
    prefix = own_prefix()

    async def pass_time(seconds: float) -> None:
        server.admin.eval(PASS_TIME, 0, prefix, str(int(seconds * 1000)))

    log = RedisLog.from_url(server.url, prefix=prefix, retain=FOREVER)
    try:
        yield Store(log, pass_time)
    finally:
        await log.close()


Open: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]

STORES: dict[str, Open] = {
    "memory:": open_memory,
    "sqlite:": open_sqlite,
    **{kind: partial(open_redis, kind) for kind in KINDS},
}
