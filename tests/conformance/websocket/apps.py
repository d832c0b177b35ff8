"""What the suite is pointed at, under real hosts: an echo, and an agent of ours."""

from typing import Any

from asgi_agent import ServerConfig, create_app
from asgi_agent.agents.demo import make_demo


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Say back what is said; HTTP is answered with 426."""
    if scope["type"] == "lifespan":
        raise NotImplementedError  # "If an exception is raised [...] the server must continue"
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 426, "headers": []})
        await send({"type": "http.response.body"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text, data = message.get("text"), message.get("bytes")
        kind, content = ("bytes", data) if text is None else ("text", text)
        await send({"type": "websocket.send", kind: content})


agent = create_app(make_demo(0.01), ServerConfig(cors_origins=["https://a.example"]))
