"""aiohttp-sse, which has no comments of one's own: python with_aiohttp_sse.py."""

from contextlib import aclosing
from importlib.metadata import version

import contract
from aiohttp import web
from aiohttp_sse import sse_response


async def emit(request):
    try:
        script = contract.read(request.method, request.query_string, await request.read())
    except contract.RefusedError as refused:
        return web.json_response({"error": ascii(str(refused))}, status=400)
    if script is None:
        about = contract.about("aiohttp-sse", version("aiohttp-sse"), without="comment")
        stats = contract.is_stats(request.query_string)
        return web.json_response(contract.counts if stats else about)
    async with (
        sse_response(request, allow_all_methods=True) as response,
        aclosing(contract.operations(script)) as operations,
    ):
        async for op in operations:
            if "data" in op:
                await response.send(**op)
    return response


app = web.Application(client_max_size=contract.LONGEST)
app.router.add_get("/", emit, allow_head=False)
app.router.add_post("/", emit)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=contract.PORT, print=None, handler_cancellation=True)
