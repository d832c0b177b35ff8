"""An agent beside the routes of a framework. Run: uvicorn examples.mounted_in_starlette:app.

The agent is at http://127.0.0.1:8000/agent/; the URLs it tells its clients begin with /agent too.
"""

from collections.abc import AsyncGenerator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asgi_agent import AgentEvent, Turn, create_app


async def agent(turn: Turn) -> AsyncGenerator[AgentEvent | str, None]:
    yield f"You said: {turn.prompt}"


async def homepage(request: Request) -> PlainTextResponse:
    return PlainTextResponse("The agent is at /agent/.")


app = Starlette(routes=[Route("/", homepage), Mount("/agent", create_app(agent))])
