"""Litestar: python with_litestar.py."""

from importlib.metadata import version

import contract
import uvicorn
from litestar import HttpMethod, Litestar, Request, Response, route
from litestar.response import ServerSentEvent, ServerSentEventMessage


@route("/", http_method=[HttpMethod.GET, HttpMethod.POST], status_code=200)
async def emit(request: Request) -> Response:
    query = request.scope["query_string"].decode()
    try:
        script = contract.read(request.method, query, await request.body())
    except contract.RefusedError as refused:
        return Response({"error": ascii(str(refused))}, status_code=400)
    if script is None:
        about = contract.about("litestar", version("litestar"))
        return Response(contract.counts if contract.is_stats(query) else about)
    return ServerSentEvent(event(op) async for op in contract.operations(script))


def event(op):
    return ServerSentEventMessage(**{"data": None, **op})


app = Litestar([emit], openapi_config=None, request_max_body_size=contract.LONGEST)

if __name__ == "__main__":
    uvicorn.run(app, port=contract.PORT, log_level="warning")
