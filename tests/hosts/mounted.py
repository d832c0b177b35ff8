"""The agent of apps.py at /agent inside frameworks, each of which has its own idea of a mount."""

from fastapi import FastAPI, Request, Response
from litestar import Litestar, asgi
from starlette.applications import Starlette
from starlette.middleware.base import RequestResponseEndpoint
from starlette.routing import Mount

from asgi_agent import create_app
from asgi_agent.asgi import Receive, Scope, Send
from tests.hosts.apps import agent

app = create_app(agent)

in_starlette = Starlette(routes=[Mount("/agent", app)])

in_fastapi = FastAPI()
# As many have it behind a proxy that strips /api, by an argument that is deprecated by now.
in_fastapi.root_path = "/api"
in_fastapi.mount("/agent", app)


@in_fastapi.middleware("http")
async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Stands between the host and the agent, as many applications have it."""
    return await call_next(request)


@asgi("/agent", is_mount=True, copy_scope=False)
async def handler(scope: Scope, receive: Receive, send: Send) -> None:
    """Litestar takes a function only."""
    await app(scope, receive, send)


in_litestar = Litestar([handler])
