"""Bond's server under its own names: what was written for it runs, and means the same."""

import asyncio
import json
from typing import Any, get_type_hints

import pytest

from asgi_agent import Thinking, ToolExec, ToolResult, Turn
from asgi_agent.compat import bond
from asgi_agent.compat.bond import (
    AskRequest,
    HealthResponse,
    ServerConfig,
    Session,
    SessionManager,
    SessionResponse,
    SessionStatus,
    create_bond_server,
)
from asgi_agent.testing import Server, run


class Assistant:
    """An agent that is an object with a name, as Bond's are."""

    name = "assistant"

    async def __call__(self, turn: Turn) -> Any:
        for word in ("Paris ", "is ", "the ", "capital."):
            yield word
            await asyncio.sleep(0.05)


def test_everything_that_is_named_is_there() -> None:
    for name in bond.__all__:
        assert getattr(bond, name).__name__ == name


def test_a_server_is_made_of_an_agent_and_perhaps_a_config() -> None:
    async def main() -> None:
        for app in (
            create_bond_server(Assistant()),
            create_bond_server(Assistant(), config=ServerConfig(max_concurrent_sessions=1)),
        ):
            async with Server(app) as server:
                response = await server.request("GET", "/health")
                assert response.json() == {"status": "healthy", "agent_name": "assistant"}

    run(main())


def test_the_routes_the_bodies_and_the_events_are_bond_s() -> None:
    async def main() -> None:
        async with Server(create_bond_server(Assistant())) as server:
            asked = await server.request("POST", "/ask", json={"prompt": "?", "session_id": None})
            body = asked.json()
            assert list(body) == ["session_id", "stream_url"]
            stream = await server.request("GET", body["stream_url"])
            assert [(event.event, json.loads(event.data)) for event in stream.events()] == [
                ("block_start", {"kind": "text", "idx": 0}),
                ("text", {"content": "Paris "}),
                ("text", {"content": "is "}),
                ("text", {"content": "the "}),
                ("text", {"content": "capital."}),
                ("block_end", {"kind": "text", "idx": 0}),
                ("complete", {"data": "Paris is the capital."}),
            ]

    run(main())


def test_b1_no_text_is_said_twice() -> None:
    async def main() -> None:
        async with (
            Server(create_bond_server(Assistant())) as server,
            server.websocket("/ws") as session,
        ):
            await session.send_json({"prompt": "?"})
            said = ""
            while (message := await session.receive_json())["t"] != "done":
                said += message.get("c", "")
            assert said == "Paris is the capital."

    run(main())


@pytest.mark.parametrize("gap", [None, 0.0, 0.05, 0.3])
def test_b2_every_word_of_a_long_answer_arrives_and_is_in_the_whole(gap: float | None) -> None:
    words = [f"w{number} " for number in range(20)]

    async def agent(turn: Turn) -> Any:
        for word in words:
            yield word
            if gap is not None:
                await asyncio.sleep(gap)

    async def main() -> None:
        async with Server(create_bond_server(agent)) as server:
            asked = await server.request("POST", "/ask", json={"prompt": "?"})
            stream = await server.request("GET", asked.json()["stream_url"])
            told = [(event.event, json.loads(event.data)) for event in stream.events()]
            assert [data["content"] for name, data in told if name == "text"] == words
            assert told[-1] == ("complete", {"data": "".join(words)})

    run(main())


def test_b16_a_tool_is_told_when_it_begins_and_thinking_while_it_lasts() -> None:
    async def agent(turn: Turn) -> Any:
        yield Thinking("Hm.")
        await asyncio.sleep(1)
        yield ToolExec("1", "slow", {})
        await asyncio.sleep(1.5)
        yield ToolResult("1", "slow", "done")

    async def main() -> None:
        async with Server(create_bond_server(agent)) as server:
            asked = await server.request("POST", "/ask", json={"prompt": "?"})
            began = asyncio.get_running_loop().time()
            heard: dict[str, float] = {}
            async with server.stream("GET", asked.json()["stream_url"]) as stream:
                async for event in stream.events():
                    heard[event.event] = asyncio.get_running_loop().time() - began
            times = [heard[name] for name in ("thinking", "tool_exec", "tool_result")]
            assert times == pytest.approx([0, 1, 2.5])

    run(main())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "0.0.0.0"),
        ("port", 8000),
        ("session_timeout_seconds", 3600),
        ("max_concurrent_sessions", 100),
    ],
)
def test_the_settings_have_bond_s_names_and_defaults(name: str, value: Any) -> None:
    assert getattr(ServerConfig(), name) == value


def test_the_config_tells_stream_urls() -> None:
    assert ServerConfig(cors_origins=["*"]).get_stream_url("s") == "/stream/s"


def test_the_models_have_bond_s_fields() -> None:
    assert set(AskRequest.model_fields) == {"prompt", "session_id"}
    assert set(SessionResponse.model_fields) == {"session_id", "stream_url"}
    assert set(HealthResponse.model_fields) == {"status", "agent_name"}


def test_sessions_have_bond_s_names() -> None:
    assert {"pending", "streaming", "completed", "error", "expired"} <= set(SessionStatus)
    for method in ("create_session", "get_session", "remove_session", "cleanup_expired"):
        assert asyncio.iscoroutinefunction(getattr(SessionManager, method))
    assert isinstance(SessionManager.active_count, property)
    assert "return" in get_type_hints(SessionManager.get_session)
    assert Session.__name__ == "Session"
