"""The event log in Redis or Valkey, for workers on many machines: `redis://`.

It needs Redis 6.2 or any Valkey. What is acknowledged is as safe as the server makes it. With
`appendonly yes` and `appendfsync always` nothing is lost at a kill or a power cut. With `everysec`
a power cut may cost a second, and a kill too: while the disk is slow, the server puts off even the
write, for up to two seconds, and acknowledges all the same. A failover loses what the replica did
not have yet. Owners are then told `Diverged`, or `Missing`. Set `maxmemory-policy noeviction`: any
other lets the server forget.

Whatever the server refuses is `Unavailable`, a wrong password too: passwords are changed while we
run, and may be right again at the next attempt. The message says what the server said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import ceil, inf
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

from redis.asyncio.connection import Connection as TCPConnection
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

from ..errors import Closed, Diverged, Fenced, Missing, UsageError
from .base import Page, Wake
from .memory import OVERHEAD
from .redis_link import Connect, Connection
from .redis_listener import Listener
from .redis_pipe import Pipe
from .redis_scripts import APPEND, CLAIM, CREATE, READ, Script

OPTIONS = {  # what a URL may say; what else redis-py takes is ours to decide
    *("connection_class", "host", "port", "path", "db", "username", "password"),
    *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"),
}


class _Opened(NamedTuple):
    """Two connections, on the loop that they were opened on."""

    loop: asyncio.AbstractEventLoop
    pipe: Pipe
    listener: Listener


class RedisLog:
    """An `EventLog` of any number of workers. It has two connections, whatever it is asked.

    A run is freed `retain` seconds after its last append (`inf`: never), and of each run the newest
    `keep_bytes` are kept. A call fails as `Unavailable` if the server is silent for `timeout`
    seconds; where it was an append, nobody knows whether it was done: repeat it with `at`. One
    event loop at a time may use the log. All names on the server begin with `prefix`.
    """

    is_shared = True

    def __init__(
        self,
        connect: Connect,
        *,
        keep_bytes: int = 8 << 20,
        retain: float = 3600.0,
        prefix: str = "asgi_agent:",
        timeout: float = 2.0,
    ) -> None:
        if set(prefix) & set("{}"):
            raise UsageError(f"a prefix is without braces, which are a cluster's: {prefix!r}")
        self._connect = connect
        self._retain = b"" if retain == inf else _milliseconds(retain)
        self._bounds = (self._retain, b"%d" % keep_bytes, b"%d" % OVERHEAD)
        self._prefix = prefix
        self._timeout = timeout
        self._opened: _Opened | None = None

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        keep_bytes: int = 8 << 20,
        retain: float = 3600.0,
        prefix: str = "asgi_agent:",
        timeout: float = 2.0,
    ) -> Self:
        """The log at `redis://`, `rediss://` (TLS) or `unix://`. Raises `UsageError`."""
        connect = _connect_to(url)
        return cls(connect, keep_bytes=keep_bytes, retain=retain, prefix=prefix, timeout=timeout)

    async def create(self, run: str, meta: bytes = b"") -> bool:
        """Begin the log of `run`; see `EventLog`."""
        return bool(await self._run(CREATE, run, meta, self._retain))

    async def claim(self, run: str, ttl: float) -> int | None:
        """Own the run for `ttl` seconds; see `EventLog`. The epoch is no lower than the time."""
        epoch: int = await self._run(CLAIM, run, _milliseconds(ttl))
        if epoch < 0:
            raise _missing(run)
        return epoch or None

    async def append(
        self,
        run: str,
        entries: Sequence[bytes],
        *,
        at: int | None = None,
        epoch: int | None = None,
        ttl: float = 0,
        end: str | None = None,
    ) -> int:
        """Add the entries; see `EventLog`."""
        answer: int | list[Any] = await self._run(
            APPEND,
            run,
            b"" if at is None else b"%d" % at,
            b"" if epoch is None else b"%d" % epoch,
            _milliseconds(ttl) if ttl else b"",
            b"" if end is None else b"=" + end.encode(errors="surrogatepass"),
            *self._bounds,
            *entries,
        )
        match answer:
            case int():
                return answer
            case [b"fenced", newest]:
                raise Fenced(f"run {run} is owned under epoch {int(newest)}, not {epoch}")
            case [b"diverged", last]:
                raise Diverged(f"run {run} has {last} entries, not {at}")
            case [b"closed", reason]:
                raise Closed(f"run {run} has ended: {_end(reason)}")
            case _:
                raise _missing(run)

    async def read(self, run: str, after: int, limit: int = 256) -> Page:
        """Up to `limit` entries after `after`; see `EventLog`."""
        answer: list[Any] = await self._run(READ, run, b"%d" % after, b"%d" % limit)
        if not answer:
            raise _missing(run)
        start, last, end, lease, meta, *entries = answer
        if after >= last:
            start = after + 1  # the server counts with floats, and `after` is anybody's
        left = None if lease is None else inf if lease == b"inf" else int(lease) / 1000
        return Page(start, entries, last, _end(end), left, meta)

    async def watch(self, run: str, wake: Wake) -> Callable[[], Awaitable[None]]:
        """Call `wake` after each change; see `EventLog`. `wake` may not raise."""
        name = self._names(run)[0]
        if not await self._open().pipe.do(b"EXISTS", name):
            raise _missing(run)
        return await self._open().listener.watch(name, wake)

    async def close(self) -> None:
        """Close both connections. The log may be used again: it opens itself."""
        opened, self._opened = self._opened, None
        if opened is not None and opened.loop is asyncio.get_running_loop():
            await opened.pipe.close()
            await opened.listener.close()

    async def _run(self, script: Script, run: str, *arguments: bytes) -> Any:
        return await self._open().pipe.run(script, b"2", *self._names(run), *arguments)

    def _open(self) -> _Opened:
        loop = asyncio.get_running_loop()
        if self._opened is None or self._opened.loop is not loop:
            pipe = Pipe(self._connect, self._timeout)
            self._opened = _Opened(loop, pipe, Listener(self._connect, self._timeout))
        return self._opened

    def _names(self, run: str) -> tuple[bytes, bytes]:
        """The two keys of a run; what stands in braces is what a cluster places them by."""
        # Quoted, no name has braces; and an empty tag would be none, so it gets a name that
        # no other run can have.
        tag = quote(run, safe=":", errors="surrogatepass") or "%"
        name = f"{self._prefix}{{{tag}}}"
        return name.encode(), f"{name}:entries".encode()


def _connect_to(url: str) -> Connect:
    try:
        options: dict[str, Any] = dict(parse_url(url))
        path = urlsplit(url).path.strip("/")
        _check(options, is_path_known="path" in options or not path or path.isdecimal())
        make: Callable[..., Connection] = options.pop("connection_class", TCPConnection)
        # No timeouts but ours; RESP2 has one form of pub/sub in all versions of redis-py.
        options |= {"socket_timeout": None, "socket_connect_timeout": None, "protocol": 2}
        make(**options)
    except (ValueError, TypeError, RedisError) as error:
        raise UsageError(f"not the URL of a Redis: {error}") from None  # it may have a password
    return lambda: make(**options)


def _check(options: dict[str, Any], *, is_path_known: bool) -> None:
    if not is_path_known:
        raise ValueError("its path is not the number of a database")
    if unknown := options.keys() - OPTIONS:
        raise ValueError(f"it may not say {', '.join(sorted(unknown))}")


def _milliseconds(seconds: float) -> bytes:
    return b"inf" if seconds == inf else b"%d" % ceil(seconds * 1000)


def _end(reason: bytes | None) -> str | None:
    return None if reason is None else reason.decode(errors="surrogatepass").removeprefix("=")


def _missing(run: str) -> Missing:
    return Missing(f"no run {run} is kept")
