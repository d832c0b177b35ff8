"""The driver of ASGI applications: it calls one in this process, and time costs nothing.

All calls are made in one event loop, between the startup and the shutdown of the application's
lifespan, as a host would.
"""

import asyncio
import importlib
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import reduce
from typing import Any, TypeAlias, cast

from ..measure import silent_from
from ..options import Options
from ..transcript import Call, Record, Request, Subject
from ..wire.asgi import GRACE, ASGIApp, Connection, Plan
from ..wire.calls import call, ended, recorded, start
from ..wire.clock import VirtualLoop
from ..wire.leftovers import Watch
from ..wire.place import Pairs, ask
from .asgi_plans import Plans, lifespan
from .check import Progress, quiet

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

LIFESPAN_SECONDS = 60.0  # in which a startup or shutdown is to be answered
REAL_SECONDS = 2.0  # that a stream may take where time is real
REAL_MARGIN = 0.5  # seconds by which a heartbeat may be late there
ORIGIN = "http://127.0.0.1:8000"


def asgi(
    app: ASGIApp | str,
    options: Options | None = None,
    progress: Progress = quiet,
    *,
    path: str = "/",
    method: str = "GET",
    fields: Pairs = (),
    content: bytes = b"",
    websocket_path: str | None = None,
) -> Record:
    """Record what an ASGI application does under hosts of many kinds.

    It is given as a callable or as "module:name". The request that these arguments are has to be
    answered with an event stream; it may be made fifty times. An endless stream is watched for two
    heartbeats; it costs no time, unless no heartbeat comes: then it is watched again in real time.
    Raises `ValueError`, or what the import of the module raises.
    """
    options = options or Options()
    request = _request(path, method, (*options.headers, *fields), content)
    name = app if isinstance(app, str) else getattr(app, "__qualname__", type(app).__qualname__)
    record = Record(Subject(target=f"{name} {method} {path}", mode="asgi", options=options))
    session = _Session(
        _load(app) if isinstance(app, str) else app,
        Plans(
            request=request,
            heartbeat=options.heartbeat,
            is_universal=options.profile == "universal",
        ),
        record,
        progress,
    )
    _run(VirtualLoop, session.main(websocket_path or path))
    if session.silent_from is not None and not options.fast:
        _run(asyncio.new_event_loop, session.in_real_silence(options.heartbeat))
    if session.takes_little_time and (make_loop := _other_loop()) is not None:
        _run(make_loop, session.in_real_time())
    return record


def _other_loop() -> LoopFactory | None:
    """What makes another kind of event loop, if one is installed."""
    try:
        make_loop: LoopFactory = importlib.import_module("uvloop").new_event_loop
    except ImportError:  # as on Windows
        return None
    return make_loop


def _request(path: str, method: str, fields: Pairs, content: bytes) -> Request:
    fields = tuple(fields)
    request = ask(ORIGIN + path, method=method, fields=fields, content=content)
    if content and not any(name.lower() == b"content-type" for name, _ in request.fields):
        try:
            json.loads(content)
        except ValueError:
            return request
        return replace(request, fields=(*request.fields, (b"Content-Type", b"application/json")))
    return request


def _load(target: str) -> ASGIApp:
    module, _, name = target.partition(":")
    if not module or not name:
        raise ValueError(f'an application is named as "module:name": {target!r}')
    app: object = reduce(getattr, name.split("."), importlib.import_module(module))
    if not callable(app):
        raise ValueError(  # noqa: TRY004 - what it says is wrong, and not what it is
            f"{target} is no application, but {type(app).__name__}"
        )
    return cast("ASGIApp", app)


def _run(make_loop: LoopFactory, main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main)


class _Life:
    """The lifespan of the application, or what it does when it is offered one."""

    def __init__(self, app: ASGIApp) -> None:
        self._plan = lifespan()
        self._connection = Connection(self._plan)
        self.state = dict[str, Any]()
        scope = {**self._plan.scope, "state": self.state}
        self._task = start(app, scope, self._connection)

    async def begin(self) -> bool:
        """Start the application; whether requests may come."""
        await self._answered("lifespan.startup")
        return not self._connection.sent("lifespan.startup.failed")

    @property
    def is_supported(self) -> bool:
        return self._connection.sent("lifespan.startup.complete")

    async def end(self) -> Call:
        """Shut it down."""
        if not self._task.done() and self.is_supported:
            self._connection.put({"type": "lifespan.shutdown"})
            await self._answered("lifespan.shutdown")
            await asyncio.wait({self._task}, timeout=GRACE)
        return recorded(self._connection, await ended(self._task, self._connection), {})

    async def _answered(self, kind: str) -> None:
        types = (f"{kind}.complete", f"{kind}.failed")
        answer = asyncio.ensure_future(self._connection.until(*types, seconds=LIFESPAN_SECONDS))
        await asyncio.wait({self._task, answer}, return_when=asyncio.FIRST_COMPLETED)
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)


class _Session:
    """All that is done with one application."""

    def __init__(self, app: ASGIApp, plans: Plans, record: Record, progress: Progress) -> None:
        self._app = app
        self._plans = plans
        self._record = record
        self._progress = progress
        self.takes_little_time = False
        self.silent_from: float | None = None  # where no heartbeat has come, in virtual time

    async def main(self, websocket_path: str) -> None:
        """Make all calls, on a virtual clock."""
        life = _Life(self._app)
        watch = Watch()
        if await life.begin():
            if life.is_supported:
                self._plans = replace(self._plans, state=life.state)
            await self._calls(watch, websocket_path)
        watch.close()
        self._record.add("call", await life.end())

    async def in_real_time(self) -> None:
        """Make one call, on the event loop that runs."""
        plan = replace(self._plans.plain("uvloop"), window=2 * REAL_SECONDS)
        async with self._living() as is_there:
            if is_there:
                self._keep(await call(self._app, plan))

    async def in_real_silence(self, heartbeat: float) -> None:
        """Make calls in which a heartbeat is due: an application may read the clock itself."""
        self._progress(f"waiting for a heartbeat: {heartbeat:g} s, in real time")
        window = (self.silent_from or 0.0) + 1.2 * heartbeat + REAL_MARGIN
        plan = replace(self._plans.plain("real"), window=window)
        async with self._living() as is_there:
            for each in await asyncio.gather(*(call(self._app, plan) for _ in range(3 * is_there))):
                self._keep(each, "get_real")

    @asynccontextmanager
    async def _living(self) -> AsyncGenerator[bool, None]:
        """While the application's lifespan lasts: whether it has begun."""
        life = _Life(self._app)
        yield await life.begin()
        await life.end()

    async def _calls(self, watch: Watch, websocket_path: str) -> None:
        plain = await call(self._app, self._plans.plain(), watch)
        self._keep(plain, "get")
        for _ in range(2):
            self._keep(await call(self._app, self._plans.plain("again"), watch), "get_again")
        self.takes_little_time = _takes_little_time(plain)
        seen = plain.exchange
        self.silent_from = None if seen is None else silent_from(seen, self._plans.heartbeat)
        for name, plan in self._plans.methods():
            self._keep(await self._seen(plan, watch), name)
        for plan in (*self._plans.undisturbed(), *self._plans.disturbed(plain)):
            self._keep(await self._seen(plan, watch), *_NAMES.get(plan.name, ()))
        concurrent = [call(self._app, self._plans.plain("concurrent")) for _ in range(2)]
        for each in await asyncio.gather(*concurrent):
            self._keep(each)
        self._keep(await self._seen(self._plans.unknown(), watch))
        for plan in self._plans.websockets(websocket_path):
            self._keep(await self._seen(plan, watch))

    async def _seen(self, plan: Plan, watch: Watch) -> Call:
        """Make the call. What it leaves behind counts only if another one leaves the same again.

        So what is begun once for all requests, such as a watchdog of the whole application, is no
        leftover of the request that happened to be the first.
        """
        self._progress(f"calling the application: {plan.name}")
        seen = await call(self._app, plan, watch)
        if seen.facts["tasks"] or seen.facts["generators"]:
            seen = await call(self._app, plan, watch)
        return seen

    def _keep(self, seen: Call, *names: str) -> None:
        self._record.add("call", seen)
        if seen.exchange is not None:
            for name in names:
                self._record.add(name, seen.exchange)


_NAMES = {
    "http10": ("get_http10",),
    "http2": ("get_http2",),
    "accept-json": ("accept_json",),
}


def _takes_little_time(plain: Call) -> bool:
    return (
        plain.exchange is not None
        and plain.exchange.end == "complete"
        and plain.ended_at <= REAL_SECONDS
        and not plain.facts["hurried"]
    )
