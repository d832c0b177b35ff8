"""sse-starlette: python with_sse_starlette.py."""

from importlib.metadata import version

import contract
import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def emit(request):
    try:
        script = contract.read(request.method, request.url.query, await request.body())
    except contract.RefusedError as refused:
        return JSONResponse({"error": str(refused)}, status_code=400)
    if script is None:
        about = contract.about("sse-starlette", version("sse-starlette"))
        return JSONResponse(contract.counts if contract.is_stats(request.url.query) else about)
    return EventSourceResponse(ServerSentEvent(**op) async for op in contract.operations(script))


app = Starlette(routes=[Route("/", emit, methods=["GET", "POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=contract.PORT, log_level="warning")
