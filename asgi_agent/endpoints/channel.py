"""One WebSocket, many requests: each has its response, under a key, and all go on at once."""

import asyncio
import logging
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

from ..asgi import WebSocket
from ..dialects.exchange import (
    Abort,
    Action,
    CancelTurn,
    ChannelDialect,
    FollowTurn,
    RemoveSession,
    StartTurn,
)
from ..errors import BadRequest, ClientDisconnected, LogError, TooManyRuns, UnknownSession
from .connection import Connection
from .exchange import FAILED, Exchanges, Telling
from .service import Service

log = logging.getLogger("asgi_agent")

RESPONSES_AT_ONCE = 16
BROKEN = 4500  # a close code of ours, after HTTP's 500 Internal Server Error


class Channel:
    """The requests of one WebSocket connection, in one dialect."""

    def __init__(
        self,
        service: Service,
        exchanges: Exchanges,
        socket: WebSocket,
        dialect: ChannelDialect,
        principal: Any,
    ) -> None:
        self._service = service
        self._exchanges = exchanges
        self._socket = socket
        self._dialect = dialect
        self._principal = principal
        self._responses: dict[str, asyncio.Task[None]] = {}
        self._tellings: dict[str, Telling] = {}
        self._cancelled: set[str] = set()  # the keys of turns to be cancelled once they have begun
        self._connection = Connection(socket, service.config.ping_seconds)

    async def serve(self) -> None:
        """Accept the connection, and serve it until either side ends it."""
        await self._connection.serve(
            self._listen,
            partial(self._connection.ping, self._dialect.ping),
            self._end_with_server,
            others=self._responses.values,
        )

    async def _listen(self) -> None:
        while True:
            try:
                key, action = self._parse(await self._socket.receive())
            except BadRequest as error:
                await self._connection.send(self._dialect.refuse(None, error))
            else:
                await self._begin(key, action)

    def _parse(self, message: str | bytes) -> tuple[str, Action | Abort]:
        if isinstance(message, bytes):
            raise BadRequest("Expected a text message")
        return self._dialect.parse(message)

    async def _begin(self, key: str, action: Action | Abort) -> None:
        if isinstance(action, Abort):
            await self._abort(key, action)
            return
        await self._finish(key)
        if key in self._responses:
            await self._connection.send(
                self._dialect.refuse(key, "This request is being answered.")
            )
        elif len(self._responses) >= RESPONSES_AT_ONCE:
            await self._connection.send(self._dialect.refuse(key, "Too many requests at once."))
        else:
            task = asyncio.create_task(self._respond(key, action))
            self._responses[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))

    async def _finish(self, key: str) -> None:
        """Let a response end whose last frames the client may have read: the key is free then."""
        task, telling = self._responses.get(key), self._tellings.get(key)
        if task is not None and (task.done() or (telling is not None and telling.is_over)):
            await asyncio.wait({task})
            self._forget(key, task)

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if self._responses.get(key) is task:
            del self._responses[key]
            self._tellings.pop(key, None)
            self._cancelled.discard(key)

    async def _abort(self, key: str, action: Abort) -> None:
        task, telling = self._responses.get(key), self._tellings.get(key)
        if task is None:
            return
        if not action.cancel:
            task.cancel()
        elif telling is None:
            self._cancelled.add(key)
        else:  # its last frames tell that it was cancelled
            await self._cancel(telling)

    async def _cancel(self, telling: Telling) -> None:
        place = telling.place
        with suppress(UnknownSession):  # it has ended, and was forgotten
            await self._exchanges.cancel(CancelTurn(session_id=place.session_id, turn=place.turn))

    async def _respond(self, key: str, action: Action) -> None:
        try:
            await self._act(key, action)
        except ClientDisconnected:
            pass  # the others notice it too
        except (BadRequest, TooManyRuns) as error:
            await self._fail(key, str(error))
        except LogError:
            log.exception("The event log failed")
            await self._fail(key, "The event log cannot be reached.")
        except Exception:
            log.exception("A response failed")
            await self._fail(key, FAILED)

    async def _act(self, key: str, action: Action) -> None:
        match action:
            case StartTurn():
                await self._tell(key, await self._exchanges.start(action, self._principal))
            case FollowTurn():
                telling = await self._exchanges.follow(action)
                if telling is None:
                    await self._send_all(self._dialect.closed(key))
                else:
                    await self._tell(key, telling)
            case CancelTurn():
                await self._exchanges.cancel(action)
            case RemoveSession(session_id, content):
                await self._service.sessions.remove_session(session_id)
                await self._connection.send(str(content))
            case reply:
                await self._connection.send(str(reply.content))

    async def _tell(self, key: str, telling: Telling) -> None:
        self._tellings[key] = telling
        if key in self._cancelled:
            await self._cancel(telling)
        await self._send_all(self._dialect.opened(key))
        async with aclosing(self._exchanges.frames(telling)) as frames:
            async for some in frames:
                await self._send_all(self._dialect.messages(key, some))
        await self._send_all(self._dialect.closed(key))

    async def _fail(self, key: str, why: str) -> None:
        """Tell the client: where the response has begun, by its end."""
        telling = self._tellings.get(key)
        try:
            if telling is None:
                await self._connection.send(self._dialect.refuse(key, why))
            else:
                await self._send_all(self._dialect.messages(key, telling.cut_off(why)))
                await self._send_all(self._dialect.closed(key))
        except ClientDisconnected:
            pass
        except Exception:  # nothing more can be told, and silence looks like work
            log.exception("A response failed, and its failure could not be told")
            await self._socket.close(BROKEN, FAILED)

    async def _end_with_server(self) -> None:
        await self._service.runs.drained.wait()
        while self._responses:
            await asyncio.wait(self._responses.values())
        await self._connection.restart()

    async def _send_all(self, messages: list[str]) -> None:
        for message in messages:
            await self._connection.send(message)
