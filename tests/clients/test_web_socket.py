"""Bond's `connectAgent` and the lesson's `AgentWebSocket` with Node's WebSocket; and websockets."""

import asyncio
import json
import re
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.clients.conftest import Witness
from tests.clients.programs import run_javascript
from tests.serving import Served

NO_STATUS = 1005  # the client closes without a code; 1006 would be a broken connection
NORMAL = 1000


def test_b11_connect_agent_shows_the_words_and_the_tools_once_and_then_its_end(
    served: Served, witness: Witness
) -> None:
    ended = run_javascript(served, "connect_agent.js")

    assert ended.stdout == (
        f"\n[Running echo...]\nYou said: Hello! \n[Complete]\n[Closed: {NO_STATUS}]\n"
    )
    assert (ended.code, ended.stderr) == (0, "")
    assert witness()["begun"] == ["Hello!"]


def test_s1_agent_web_socket_cancels_an_answer_and_goes_on(
    served: Served, witness: Witness
) -> None:
    ended = run_javascript(served, "agent_web_socket.js")

    first, second, third = re.split("^Status: Thinking...\n", ended.stdout, flags=re.MULTILINE)[1:]
    assert " Calling echo...\nYou said: What is the weather in Tokyo? \n" in without_emoji(first)
    assert re.fullmatch(r"(on ){3,}\n\[Cancelled\]\n", second)
    assert without_emoji(third) == (
        f"\n Calling echo...\nYou said: Hello again! \n Complete\n[Closed: {NO_STATUS}]\n"
    )
    assert (ended.code, ended.stderr) == (0, "")
    assert witness()["ended"] == [
        "What is the weather in Tokyo?",
        "Speak for ever.",
        "Hello again!",
    ]


def test_websockets_holds_a_conversation_with_ws(served: Served) -> None:
    async def converse() -> None:
        async with connect(f"{served.ws_url}/ws") as socket:
            await socket.send('{"prompt": "My name is Alice."}')
            assert text(await turn(socket)) == "Nice to meet you, Alice."

            await socket.send('{"prompt": "What\'s my name?"}')
            *heard, done = await turn(socket)
            assert text(heard) == "Your name is Alice."
            assert [message["t"] for message in heard][-2:] == ["block_end", "complete"]
            assert done == {"t": "done"}
        assert socket.close_code == NORMAL

    asyncio.run(converse())


def test_websockets_cancels_before_the_agent_has_begun(served: Served) -> None:
    async def converse() -> None:
        async with connect(f"{served.ws_url}/ws") as socket:
            await socket.send('{"prompt": "Speak for ever."}')
            await socket.send('{"type": "cancel"}')
            *_, cancelled, _ = await turn(socket)
            assert cancelled["t"] == "cancelled"

            await socket.send('{"prompt": "Hello!"}')
            assert text(await turn(socket)) == "You said: Hello! "

    asyncio.run(converse())


def test_websockets_is_answered_while_the_agent_speaks(served: Served) -> None:
    async def converse() -> None:
        async with connect(f"{served.ws_url}/ws") as socket:
            await socket.send('{"prompt": "Speak for ever."}')
            await socket.recv()
            await (await socket.ping())
            await socket.send("no JSON")
            await socket.send('{"type": "cancel"}')
            heard = await turn(socket)
            assert {"t": "error", "error": "Invalid JSON"} in heard
            assert heard[-2]["t"] == "cancelled"
        assert socket.close_code == NORMAL

    asyncio.run(converse())


def test_websockets_leaves_while_the_agent_speaks_and_the_run_goes_on(
    served: Served, witness: Witness
) -> None:
    async def leave() -> None:
        async with connect(f"{served.ws_url}/ws/agent") as socket:
            await socket.send(
                '{"type": "message", "content": "Speak for ever.", "session_id": "left"}'
            )
            assert json.loads(await socket.recv()) == {"type": "status", "content": "Thinking..."}
        assert socket.close_code == NORMAL

    asyncio.run(leave())

    assert httpx.post(f"{served.url}/sessions/left/cancel").status_code == 202
    assert witness()["ended"] == ["Speak for ever."]
    assert "Traceback" not in served.output()


async def turn(socket: ClientConnection) -> list[dict[str, Any]]:
    """The messages of one turn."""
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while not heard or heard[-1]["t"] != "done":
            heard.append(json.loads(await socket.recv()))
    return heard


def text(messages: list[dict[str, Any]]) -> str:
    """What the agent says in these messages."""
    return "".join(message["c"] for message in messages if message["t"] == "text")


def without_emoji(printed: str) -> str:
    return re.sub(r"[^\x00-\x7f]+", "", printed)
