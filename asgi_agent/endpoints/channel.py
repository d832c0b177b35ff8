"""One WebSocket, many requests: each has its response, under a key, and all go on at once."""

import asyncio
import logging
from contextlib import aclosing, suppress
from typing import Any

from ..asgi import WebSocket, silence
from ..dialects.exchange import (
    Abort,
    Action,
    CancelTurn,
    ChannelDialect,
    FollowTurn,
    RemoveSession,
    Reply,
    StartTurn,
)
from ..errors import BadRequest, ClientDisconnected, LogError, TooManyRuns
from .conversation import RESTARTING
from .exchange import FAILED, Exchanges, Telling
from .service import Service

log = logging.getLogger("asgi_agent")

RESPONSES_AT_ONCE = 16


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

    async def serve(self) -> None:
        """Accept the connection, and serve it until either side ends it."""
        with suppress(ClientDisconnected):
            await self._socket.accept()
            await self._exchange()

    async def _exchange(self) -> None:
        work = (self._listen, self._ping, self._end_with_server)
        tasks = [asyncio.create_task(each()) for each in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks += self._responses.values()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._socket.close()
        for task in tasks:
            with suppress(asyncio.CancelledError, ClientDisconnected):
                task.result()  # raises what should not have happened

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            try:
                key, action = self._parse(message)
            except BadRequest as error:
                await self._send(self._dialect.refuse(None, error))
            else:
                await self._begin(key, action)

    def _parse(self, message: str | bytes) -> tuple[str, Action | Abort]:
        if isinstance(message, bytes):
            raise BadRequest("Expected a text message")
        return self._dialect.parse(message)

    async def _begin(self, key: str, action: Action | Abort) -> None:
        if isinstance(action, Abort):
            await self._abort(key, action)
        elif key in self._responses:
            await self._send(self._dialect.refuse(key, "This request is being answered."))
        elif len(self._responses) >= RESPONSES_AT_ONCE:
            await self._send(self._dialect.refuse(key, "Too many requests at once."))
        else:
            task = asyncio.create_task(self._respond(key, action))
            self._responses[key] = task
            task.add_done_callback(lambda _: self._responses.pop(key, None))

    async def _abort(self, key: str, action: Abort) -> None:
        telling = self._tellings.get(key)
        if action.cancel and telling is not None:  # its last frames tell that it was cancelled
            place = telling.place
            await self._exchanges.cancel(CancelTurn(session_id=place.session_id, turn=place.turn))
        elif key in self._responses:
            self._responses[key].cancel()

    async def _respond(self, key: str, action: Action) -> None:
        try:
            await self._act(key, action)
        except ClientDisconnected:
            pass  # the others notice it too
        except (BadRequest, TooManyRuns) as error:
            await self._refuse(key, str(error))
        except LogError:
            log.exception("The event log failed")
            await self._refuse(key, "The event log cannot be reached.")
        except Exception:
            log.exception("A response failed")
            await self._fail(key)
        finally:
            self._tellings.pop(key, None)

    async def _act(self, key: str, action: Action) -> None:
        match action:
            case StartTurn():
                await self._tell(key, await self._exchanges.start(action, self._principal))
            case FollowTurn():
                telling = await self._exchanges.follow(action)
                if action.only_active and not telling.session.is_active:
                    await self._send_all(self._dialect.closed(key))
                else:
                    await self._tell(key, telling)
            case CancelTurn():
                await self._exchanges.cancel(action)
            case RemoveSession(session_id, content):
                await self._service.sessions.remove_session(session_id)
                await self._send(str(content))
            case Reply(content):
                await self._send(str(content))

    async def _tell(self, key: str, telling: Telling) -> None:
        self._tellings[key] = telling
        await self._send_all(self._dialect.opened(key))
        async with aclosing(self._exchanges.frames(telling)) as frames:
            async for some in frames:
                await self._send_all(self._dialect.messages(key, some))
        await self._send_all(self._dialect.closed(key))

    async def _refuse(self, key: str, why: str) -> None:
        with suppress(ClientDisconnected):
            await self._send(self._dialect.refuse(key, why))

    async def _fail(self, key: str) -> None:
        telling = self._tellings.get(key)
        if telling is None:
            await self._refuse(key, FAILED)
            return
        with suppress(ClientDisconnected):
            await self._send_all(self._dialect.messages(key, telling.cut_off(FAILED)))
            await self._send_all(self._dialect.closed(key))

    async def _ping(self) -> None:
        due = asyncio.Event()
        with silence(self._service.config.ping_seconds).broken_by(due.set) as self._heard:
            while True:
                await due.wait()
                due.clear()
                if self._dialect.ping is not None:
                    await self._send(self._dialect.ping)

    async def _end_with_server(self) -> None:
        await self._service.runs.drained.wait()
        while self._responses:
            await asyncio.wait(self._responses.values())
        await self._socket.close(RESTARTING, "the server is shutting down")

    async def _send_all(self, messages: list[str]) -> None:
        for message in messages:
            await self._send(message)

    async def _send(self, message: str) -> None:
        self._heard()
        await self._socket.send_text(message)
