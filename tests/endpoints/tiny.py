"""The tiniest dialect there can be, and an application that speaks nothing else."""

import json
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, cast

from asgi_agent import AgentApp
from asgi_agent.asgi import Receive, Scope, Send, WebSocket, locate
from asgi_agent.dialects.encoder import PartsEncoder
from asgi_agent.dialects.exchange import (
    Abort,
    Action,
    Answer,
    CancelTurn,
    FollowTurn,
    Frame,
    Pause,
    Place,
    Received,
    RemoveSession,
    Reply,
    StartTurn,
    last_answered,
)
from asgi_agent.dialects.parts import Asked, Call, Delta, Over, Part, Said
from asgi_agent.endpoints.channel import Channel
from asgi_agent.endpoints.exchange import Exchanges
from asgi_agent.endpoints.service import Request
from asgi_agent.errors import BadRequest
from asgi_agent.events import Approval, Entry


class Tiny(PartsEncoder):
    """Tells each part in a word or two.

    `fails_at` is a word that it cannot tell; `refuses` approvals; its pauses may be `is_final`; it
    `asks_once`: what has its answer is not asked again.
    """

    headers: Sequence[tuple[bytes, bytes]] = ((b"x-tiny", b"1"),)

    def __init__(
        self,
        *,
        fails_at: str = "",
        refuses: bool = False,
        is_final: bool = False,
        asks_once: bool = False,
    ) -> None:
        super().__init__()
        self.told: list[str] = []
        self._fails_at = fails_at
        self._refuses = refuses
        self._is_final = is_final
        self._asked = False
        self._asks_once = asks_once

    def begin(self, place: Place) -> list[Frame]:
        return self._say(f"begin {place.turn} {place.after}")

    def tell(self, part: Part) -> list[Frame]:  # noqa: PLR0911 - a table
        match part:
            case Delta(_, _, content):
                return self._say(content)
            case Call(call_id, _, _, "client") if self._asks_once and not self.asks(call_id):
                return self._say(f"answered {call_id}")
            case Call(call_id, _, _, "client"):
                self._asked = True
                return self._say(f"call {call_id}")
            case Asked(Approval(approval_id)) if self._refuses:
                self._refused.append(approval_id)
                return []
            case Asked(event):
                self._asked = True
                return self._say(f"asked {event.id}")
            case Said(event):
                return self._say(event.type)
            case Over(event):
                return self._say(event.type)
            case _:
                return []

    def pause(self) -> Pause | None:
        return Pause(self._say("pause"), self._is_final) if self._asked else None

    def cut_off(self, failure: str) -> list[Frame]:
        return self._say(failure)

    def whole(self) -> tuple[int, Any]:
        return 200, self.told

    def _say(self, word: str) -> list[Frame]:
        if word == self._fails_at:
            raise RuntimeError("this word cannot be told")
        self.told.append(word)
        return [Frame(word)]


def action_of(asked: Any) -> Action:
    """What the request wants: `do`, and the arguments of the action and its encoder."""
    if not isinstance(asked, dict):
        raise BadRequest("Expected an object")
    wanted = cast(dict[str, Any], asked)
    kind = wanted.pop("do", "start")
    names = ("fails_at", "refuses", "is_final", "asks_once")
    options = {key: wanted.pop(key) for key in names if key in wanted}
    encoder = Tiny(**options)
    match kind:
        case "start":
            answers = [Answer(*each) for each in wanted.pop("answers", ())]
            return StartTurn(encoder=encoder, answers=answers, **wanted)
        case "follow":
            if wanted.pop("after_words", False):
                wanted["after"] = after_words
            elif wanted.get("after", 0) is None:
                wanted["after"] = last_answered
            return FollowTurn(encoder=encoder, **wanted)
        case "cancel":
            tells = wanted.pop("tells", False)
            return CancelTurn(encoder=encoder if tells else None, **wanted)
        case "remove":
            return RemoveSession(**wanted)
        case _:
            return Reply(wanted.get("content"), wanted.get("status", 200))


def after_words(said: Sequence[Entry], waiting: Collection[str]) -> int:
    """Where what still waits was asked; else at the end."""
    return len(said) - len(waiting)


def parse(received: Received) -> Action:
    return action_of(json.loads(received.body or b"{}") or dict(received.query))


class TinyChannel:
    """The same over a WebSocket: `key:word`, and the key alone when it is over."""

    ping: str | None = "ping"

    def parse(self, text: str) -> tuple[str, Action | Abort]:
        try:
            asked = json.loads(text)
        except ValueError:
            raise BadRequest("Invalid JSON") from None
        if not isinstance(asked, dict):
            raise BadRequest("Expected an object")
        wanted = cast(dict[str, Any], asked)
        key = wanted.pop("key", "")
        if wanted.get("do") == "abort":
            return key, Abort(cancel=wanted.get("cancel", False))
        return key, action_of(wanted)

    def opened(self, key: str) -> list[str]:
        return [f"{key}:opened"]

    def messages(self, key: str, frames: Sequence[Frame]) -> list[str]:
        return [f"{key}:{frame.data}" for frame in frames]

    def closed(self, key: str) -> list[str]:
        return [key]

    def refuse(self, key: str | None, error: BadRequest | str) -> str:
        return f"{key}!{error}"


class QuietChannel(TinyChannel):
    """The same, for clients that cannot bear a ping."""

    ping = None


class TinyApp:
    """`app`, in the tiny dialect."""

    def __init__(self, app: AgentApp, channel: TinyChannel | None = None) -> None:
        self.app = app
        self.service = app.service
        self._exchanges = Exchanges(app.service)
        self._channel = channel or TinyChannel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                request = Request(scope, receive, locate(scope))
                answer = partial(self._exchanges.answer, parse=parse)
                routes = {"POST": answer, "GET": answer}
                response = await self.app._answer(request, routes, tell_error)
                await response(scope, receive, send)
            case "websocket":
                socket = WebSocket(scope, receive, send, max_message_bytes=10_000)
                channel = Channel(self.service, self._exchanges, socket, self._channel, "me")
                await channel.serve()
            case _:
                await self.app(scope, receive, send)


def tell_error(status: int, error: Exception | str) -> tuple[int, Any]:
    return status, {"refused": str(error)}
