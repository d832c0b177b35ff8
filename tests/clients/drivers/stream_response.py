"""python -m tests.clients.drivers.stream_response PROMPT: the printed function, called once.

The printed client finds a server at localhost:8000. SERVED is the URL of the real one.
"""

import asyncio
import os
import sys
from functools import partial

import httpx

from tests.clients.printed.stream_response import stream_response


class ToServed(httpx.AsyncHTTPTransport):
    """What httpx uses by itself, but with all requests going to the real server."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        served = httpx.URL(os.environ["SERVED"])
        request.url = request.url.copy_with(host=served.host, port=served.port)
        return await super().handle_async_request(request)


if __name__ == "__main__":
    httpx.AsyncClient = partial(httpx.AsyncClient, transport=ToServed())
    asyncio.run(stream_response(sys.argv[1]))
