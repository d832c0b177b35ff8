"""What became of one call: how it ended, what it has left behind, and the response that it was."""

import asyncio
import contextvars
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..transcript import Call, End, Exchange, Head, Request
from .asgi import GRACE, ASGIApp, Connection, Plan, Scope, shown
from .clock import Clock, VirtualLoop
from .leftovers import Leftovers, Watch
from .messages import fields_of

SHARED = {"state"}  # the application keeps there what it likes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ended. Kept as text: an exception would keep alive all that it has passed."""

    outcome: Literal["returned", "raised", "cancelled", "hung"]
    at: float
    error: str = ""
    relation: str = ""  # of the error to those that `send` has raised


async def call(app: ASGIApp, plan: Plan, watch: Watch | None = None) -> Call:
    """Call the application as planned. With a watch, it is seen what the call leaves behind."""
    clock = _clock()
    if clock is not None:
        clock.waited, clock.hurried = 0.0, False
    scope, original = _scope(plan), _scope(plan)
    if watch is not None:
        watch.mark()
    connection = Connection(plan)
    ending = await _supervise(app, scope, connection)
    left = Leftovers() if watch is None else await watch.left()
    facts: dict[str, object] = {
        "relation": ending.relation,
        "left": connection.left,
        "left_at": connection.left_at,
        "struck_at": connection.struck_at,
        "late_sends": connection.late_sends,
        "overlaps": connection.overlaps,
        "scope_changes": list(_changes(original, scope)),
        "scope_additions": sorted(map(str, scope.keys() - original.keys())),
        "message_changes": list(connection.mutated()),
        "tasks": list(left.tasks),
        "generators": list(left.generators),
        "collected": list(left.collected),
        "unhandled": list(left.unhandled),
        "lingered": left.lingered,
        "hurried": clock is not None and clock.hurried,
    }
    return recorded(connection, ending, facts)


async def _supervise(app: ASGIApp, scope: Scope, connection: Connection) -> Ending:
    loop = asyncio.get_running_loop()
    task = start(app, scope, connection)
    stimulus = connection.plan.stimulus
    timers = [loop.call_later(connection.plan.window, connection.leave, "window")]
    if stimulus is not None and stimulus.at is not None:
        timers.append(loop.call_later(stimulus.at, connection.strike))
    await asyncio.wait({task, connection.turn}, return_when=asyncio.FIRST_COMPLETED)
    is_cancelled = stimulus is not None and stimulus.kind == "cancel" and not connection.left
    if is_cancelled and not task.done():
        task.cancel()
    await asyncio.wait({task}, timeout=GRACE)
    for timer in timers:
        timer.cancel()
    return await ended(task, connection)


def start(app: ASGIApp, scope: Scope, connection: Connection) -> asyncio.Task[None]:
    """Begin the call: a task of its own, in a context of its own."""

    async def run() -> None:
        try:
            await app(scope, connection.receive, connection.send)
        except SystemExit as error:  # it would end us
            raise RuntimeError(f"SystemExit({error.code!r})") from error

    name = f"call {connection.plan.name}"
    return asyncio.get_running_loop().create_task(run(), name=name, context=contextvars.Context())


async def ended(task: asyncio.Task[None], connection: Connection) -> Ending:
    """How it ended; if it has not, it is cancelled, as a host does in the end."""
    at = connection.now()
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE)
        return Ending(outcome="hung", at=at)
    if task.cancelled():
        return Ending(outcome="cancelled", at=at)
    error = task.exception()
    if error is None:
        return Ending(outcome="returned", at=at)
    relation = _relation(error, connection.raised)
    connection.raised.clear()  # their tracebacks lead to all that the application had
    return Ending(outcome="raised", at=at, error=shown(error), relation=relation)


def recorded(connection: Connection, ending: Ending, facts: dict[str, object]) -> Call:
    """The call as it is kept."""
    plan = connection.plan
    return Call(
        plan=plan.name,
        scope=str(plan.scope["type"]),
        messages=tuple(connection.messages),
        outcome=ending.outcome,
        error=ending.error,
        ended_at=ending.at,
        facts=facts,
        exchange=_exchange(connection, ending) if plan.scope["type"] == "http" else None,
    )


def _exchange(connection: Connection, ending: Ending) -> Exchange:
    plan = connection.plan
    is_head = plan.scope["method"] == "HEAD"
    # RFC 9110, 9.3.2: "the server MUST NOT send content in the response" to HEAD, and so the hosts
    # drop it; whether the response ended is seen all the same.
    body = () if is_head else tuple(connection.pieces)
    end: End = plan.end
    fault = ""
    if connection.is_complete:
        end = "complete"
    elif connection.left == "limit":
        end = "limit"
    elif not connection.left:
        end = "closed"
        fault = f"the application has {ending.outcome} before the end of its response"
    return Exchange(
        request=request_of(plan),
        head=_head(connection, ending),
        body=body,
        end=end,
        ended_at=ending.at if end in ("complete", "closed") else connection.left_at or ending.at,
        fault=fault,
        clock="real" if _clock() is None else "virtual",
    )


def _head(connection: Connection, ending: Ending) -> Head | None:
    http = str(connection.plan.scope["http_version"])
    if connection.start is None:
        if connection.left:
            return None
        # Nothing was sent, and the application has ended: all hosts answer that with 500.
        fields = ((b"content-type", b"text/plain; charset=utf-8"),)
        return Head(at=ending.at, status=500, http=http, fields=fields)
    at, message = connection.start
    status = message.get("status")
    return Head(
        at=at,
        status=status if isinstance(status, int) else 500,
        http=http,
        fields=fields_of(message),
    )


def request_of(plan: Plan) -> Request:
    """The request that the scope and the messages are."""
    scope = plan.scope
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    return Request(
        method=scope["method"],
        target=scope["path"] + query.decode("latin-1"),
        fields=tuple(scope["headers"]),
        content=b"".join(given.message.get("body", b"") for given in plan.inbox),
        http="1.0" if scope["http_version"] == "1.0" else "1.1",
    )


def _relation(error: BaseException, ours: list[OSError]) -> str:
    if any(error is each for each in ours):
        return "same"
    if any(each is one for each in _chain(error) for one in ours):
        return "chained"
    return "other"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what has caused it, what it came in place of, and what it is a group of."""
    waiting: list[BaseException] = [error]
    seen = set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += filter(None, (each.__cause__, each.__context__))
            waiting += getattr(each, "exceptions", ())


def _scope(plan: Plan) -> Scope:
    """A copy of its own; but `state` is "a shallow copy of the namespace"."""
    copied: Scope = {
        key: dict(value) if key == "state" else copy.deepcopy(value)
        for key, value in plan.scope.items()
    }
    return copied


def _changes(original: Scope, scope: Scope) -> Iterator[str]:
    for key in original.keys() - SHARED:
        if key not in scope:
            yield f"scope[{key!r}] was {original[key]!r} and is gone"
        elif scope[key] != original[key]:
            yield f"scope[{key!r}] was {shown(original[key])} and is {shown(scope[key])}"


def _clock() -> Clock | None:
    loop = asyncio.get_running_loop()
    return loop.clock if isinstance(loop, VirtualLoop) else None
