"""No agent: a chat room, to show `WebSocket` alone. Run: uvicorn examples.websocket_chat:app.

Whatever one client says, all hear.
"""

from contextlib import suppress

from asgi_agent.asgi import JSONResponse, Receive, Scope, Send, WebSocket, lifespan
from asgi_agent.errors import BodyTooLarge, ClientDisconnected

room: set[WebSocket] = set()


async def say(text: str) -> None:
    for member in list(room):
        with suppress(ClientDisconnected):  # it is about to leave the room by itself
            await member.send_text(text)


async def chat(member: WebSocket) -> None:
    await member.accept()
    room.add(member)
    try:
        while True:
            try:
                message = await member.receive()
            except BodyTooLarge as error:
                await member.send_text(f"* {error}")
            else:
                await say(message if isinstance(message, str) and message else "* ?")
    except ClientDisconnected:
        pass
    finally:
        room.discard(member)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await chat(WebSocket(scope, receive, send))
    else:
        await JSONResponse({"error": "a WebSocket is served here"}, 426)(scope, receive, send)
