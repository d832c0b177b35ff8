"""Anthropic Messages over HTTP: who waits, who is refused, and what is left of it."""

import json
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.agents import Agent
from asgi_agent.events import ClientTool
from asgi_agent.testing import Server, run
from tests.endpoints.serving_agents import app_of, asking, failing, parrot


async def create(server: Server, *messages: Any, **asked: Any) -> Any:
    body = {"messages": list(messages), "max_tokens": 1, **asked}
    return await server.request("POST", "/v1/messages", json=body)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


async def asking_leave(turn: Turn) -> Any:
    yield "Yes." if await turn.approve("c", "delete", {}) else "No."


async def located(turn: Turn) -> Any:
    """Asks for two things at once, and for neither again where it is told the conversation."""
    if turn.history:
        yield json.dumps(turn.history[-1]["content"])
        return
    yield ClientTool("1", "where", {})
    yield ClientTool("2", "when", {})
    place = await anext(aiter(turn.inbox))
    time = await anext(aiter(turn.inbox))
    yield f"{place['value']}, {time['value']}."


@pytest.mark.parametrize(
    ("agent", "said"), [(parrot, "hi"), (asking_leave, "No."), (asking, "Which city?")]
)
def test_a_message_is_told_and_nothing_is_left_of_it(agent: Agent, said: str) -> None:
    async def main() -> None:
        app = app_of(agent, name="bird")
        async with Server(app) as server:
            message = (await create(server, user("hi"))).json()
            assert (message["content"], message["model"]) == (
                [{"type": "text", "text": said}],
                "bird",
            )
            assert message["stop_reason"] == "end_turn"
            assert len(app.service.sessions) == 0

    run(main())


@pytest.mark.parametrize("beside", ["", "Hurry!"])
def test_both_answers_come_at_once_unless_the_client_says_something_else(beside: str) -> None:
    async def main() -> None:
        async with Server(app_of(located)) as server:
            asked = (await create(server, user("hi"))).json()
            results = [
                {"type": "tool_result", "tool_use_id": each["id"], "content": each["name"]}
                for each in asked["content"]
            ]
            words = [{"type": "text", "text": beside}] if beside else []
            talk = [user("hi"), {"role": "assistant", "content": asked["content"]}]
            told = (await create(server, *talk, user([*results, *words]))).json()
            said = told["content"][0]["text"]
            assert said == ('"when"' if beside else "where, when.")

    run(main())


@pytest.mark.parametrize("stream", [True, False])
def test_a_failure_is_an_error_and_tells_nothing_of_its_cause(stream: bool) -> None:
    async def main() -> None:
        async with Server(app_of(failing)) as server:
            response = await create(server, user("hi"), stream=stream)
            assert response.status == (200 if stream else 500)
            last = json.loads(response.events()[-1].data) if stream else response.json()
            error = {"type": "api_error", "message": "The agent failed."}
            assert last == {"type": "error", "error": error}

    run(main())


def test_a_request_that_is_not_understood_is_refused_in_its_own_words() -> None:
    async def main() -> None:
        async with Server(app_of(parrot)) as server:
            response = await create(server)
            assert response.status == 400
            assert response.json()["error"]["type"] == "invalid_request_error"
            assert (await server.request("GET", "/v1/messages")).json()["type"] == "error"

    run(main())
