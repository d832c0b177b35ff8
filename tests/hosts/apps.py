"""The applications that the tests of this directory serve: one agent that does what it is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from asgi_agent import AgentApp, Complete, ServerConfig, Turn, create_app
from asgi_agent.asgi import (
    ASGIApp,
    EventStream,
    JSONResponse,
    Receive,
    Scope,
    Send,
    WebSocket,
    lifespan,
)
from asgi_agent.errors import ClientDisconnected
from asgi_agent.events import AgentEvent
from asgi_agent.sse import Event

Said = AsyncGenerator[AgentEvent | str, None]

SECRET = "secret internals: db password=hunter2"
PIECE = "x" * (1 << 16)

noted: list[str] = []  # what has become of each turn: "begun", "cancelled", "ended"


async def agent(turn: Turn) -> Said:
    """Does what the first word of the prompt says, and notes how it goes."""
    noted.append(f"begun {turn.session_id}")
    verb, _, rest = turn.prompt.partition(" ")
    speak = VERBS.get(verb, echo)
    try:
        async for said in speak(turn, rest):
            yield said
    except asyncio.CancelledError:
        noted.append(f"cancelled {turn.session_id}")
        raise
    finally:
        noted.append(f"ended {turn.session_id}")


async def echo(turn: Turn, _: str) -> Said:
    """Says the prompt."""
    yield "You said: "
    await asyncio.sleep(0)
    yield turn.prompt


async def remember(turn: Turn, _: str) -> Said:
    """Says all that it knows of the conversation."""
    for message in turn.history:
        await asyncio.sleep(0.001)  # everybody's turns are under way at once
        yield f"{message['content']}\n"
    yield turn.prompt


async def count(_: Turn, rest: str) -> Said:
    """Says the numbers, ten at a time."""
    for number in range(int(rest)):
        yield f"{number} "
        if number % 10 == 0:
            await asyncio.sleep(0.001)


async def rush(_: Turn, rest: str) -> Said:
    """Says the numbers without ever waiting."""
    for number in range(int(rest)):
        yield f"{number} "


async def flood(_: Turn, rest: str) -> Said:
    """Says so many MB without ever waiting; the final output is not all that again."""
    for _piece in range((int(rest) << 20) // len(PIECE)):
        yield PIECE
    yield Complete("dry")


async def babble(_: Turn, _rest: str) -> Said:
    """Never waits, and never ends."""
    while True:
        yield "on and on "


async def tick(_: Turn, _rest: str) -> Said:
    """Never ends, and waits between its words."""
    while True:
        yield "tick "
        await asyncio.sleep(0.01)


async def wait(_: Turn, _rest: str) -> Said:
    """Says a word, and then nothing for a minute."""
    yield "Wait. "
    await asyncio.sleep(60)


async def fail(_: Turn, _rest: str) -> Said:
    """Begins well."""
    yield "So far, so good."
    await asyncio.sleep(0)
    raise RuntimeError(SECRET)


VERBS = {each.__name__: each for each in (remember, count, rush, flood, babble, tick, wait, fail)}


async def pour(scope: Scope) -> AsyncGenerator[Event, None]:
    """Events without an agent, a run or a log behind them; it never waits, and never ends."""
    try:
        while True:
            yield Event("on and on")
    finally:
        noted.append(f"ended {scope['path']}")


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """The parts that work alone."""
    if scope["type"] == "http":
        await EventStream(pour)(scope, receive, send)
        return
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    listening = asyncio.create_task(listen(socket))
    try:
        while True:
            await socket.send_text("on and on")
    except ClientDisconnected:
        noted.append(f"ended {scope['path']}")
    finally:
        await listening


async def listen(socket: WebSocket) -> None:
    """Whatever the client says, until it has left."""
    with suppress(ClientDisconnected):
        while True:
            await socket.receive()


APPS: dict[str, ASGIApp] = {
    "": create_app(agent),
    "/bare": bare,
    "/cancelling": create_app(agent, ServerConfig(on_disconnect="cancel")),
    "/small": create_app(agent, ServerConfig(max_concurrent_sessions=3)),
    "/impatient": create_app(agent, ServerConfig(patience=1.0)),
    "/listed": create_app(agent, ServerConfig(cors_origins=["https://good.example"])),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The agent with several settings, each under its prefix; /witness tells what was noted."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send, shutdown=end)
    elif scope["path"] == "/witness":
        await JSONResponse(noted)(scope, receive, send)
    else:
        prefix = f"/{scope['path'].split('/')[1]}"
        root = prefix if prefix in APPS else ""
        await APPS[root]({**scope, "root_path": root}, receive, send)


async def end() -> None:
    """End every run."""
    await asyncio.gather(*(app.drain(0) for app in APPS.values() if isinstance(app, AgentApp)))


impatient = create_app(agent, ServerConfig(drain_seconds=1))
