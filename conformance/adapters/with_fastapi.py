"""FastAPI's own server-sent events: python with_fastapi.py."""

from importlib.metadata import version
from typing import Annotated, Any

import contract
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import ValidationError

app = FastAPI(openapi_url=None)


class NotAStreamError(Exception):
    """The request is answered with this, and no stream begins."""

    def __init__(self, content: dict[str, Any], status: int = 200) -> None:
        self.response = JSONResponse(content, status_code=status)


@app.exception_handler(NotAStreamError)
async def no_stream(request: Request, error: NotAStreamError) -> JSONResponse:
    return error.response


async def script_of(request: Request) -> list[dict[str, Any]]:
    try:
        script = contract.read(request.method, request.url.query, await request.body())
        for op in script or ():
            event(op)
    except (contract.RefusedError, ValidationError, UnicodeError) as error:
        raise NotAStreamError({"error": ascii(str(error))}, 400) from error
    if script is None:
        about = contract.about("fastapi", version("fastapi"))
        stats = contract.is_stats(request.url.query)
        raise NotAStreamError(contract.counts if stats else about)
    return script


def event(op: dict[str, Any]) -> ServerSentEvent:
    fields = {name: op[name] for name in ("event", "id", "retry", "comment") if name in op}
    return ServerSentEvent(raw_data=op.get("data"), **fields)


@app.api_route("/", methods=["GET", "POST"], response_class=EventSourceResponse)
async def emit(script: Annotated[list[dict[str, Any]], Depends(script_of)]):
    async for op in contract.operations(script):
        yield event(op)


if __name__ == "__main__":
    uvicorn.run(app, port=contract.PORT, log_level="warning")
