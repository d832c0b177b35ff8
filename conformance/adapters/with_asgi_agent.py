"""asgi_agent's EventStream: python with_asgi_agent.py."""

from importlib.metadata import version

import contract
import uvicorn

from asgi_agent.asgi import EventStream, JSONResponse, read_body
from asgi_agent.errors import BodyTooLarge, InvalidField
from asgi_agent.sse import Comment, Event


async def app(scope, receive, send):
    response = await respond(scope, receive)
    await response(scope, receive, send)


async def respond(scope, receive):
    if scope["type"] != "http":
        return EventStream(())  # which answers lifespan, and refuses WebSocket
    method, query = scope["method"], scope["query_string"].decode()
    if method not in ("GET", "HEAD", "POST"):
        allow = [(b"allow", b"GET, HEAD, POST")]
        return JSONResponse({"error": "not here"}, status=405, headers=allow)
    try:
        body = await read_body(scope, receive, contract.LONGEST) if method == "POST" else b""
        script = contract.read(method, query, body)
        for op in script or ():
            made(op)
    except (contract.RefusedError, InvalidField, BodyTooLarge) as error:
        return JSONResponse({"error": str(error)}, status=400)
    if script is None:
        about = contract.about("asgi_agent", version("asgi-agent"))
        return JSONResponse(contract.counts if contract.is_stats(query) else about)
    return EventStream(made(op) async for op in contract.operations(script))


def made(op):
    if "comment" in op:
        return Comment(op["comment"])
    if "data" not in op:
        return b""  # what is not an event
    return Event(op["data"], op.get("event", "message"), op.get("id"), op.get("retry"))


if __name__ == "__main__":
    uvicorn.run(app, port=contract.PORT, log_level="warning")
