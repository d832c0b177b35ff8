"""The SDKs of A2A: a2a-sdk and @a2a-js/sdk."""

import asyncio
import json
from collections.abc import AsyncIterable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from a2a.client import Client, ClientConfig, create_client
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    TaskState,
)
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError
from google.protobuf import json_format, struct_pb2

from tests.clients.programs import run_javascript
from tests.serving import HOSTS, Served, serve


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve("tests.clients.ag_ui_apps:app", request.param) as served:
        yield served


def message(*, text: str = "", data: Any = None, task: str = "") -> SendMessageRequest:
    value = json_format.ParseDict(data, struct_pb2.Value())
    part = Part(text=text) if text else Part(data=value)
    said = Message(message_id=str(uuid4()), role=Role.ROLE_USER, parts=[part], task_id=task)
    return SendMessageRequest(message=said)


async def read(responses: AsyncIterable[StreamResponse]) -> tuple[str, list[str], str]:
    """The text, the states and the ID of the task."""
    text, states, task = "", list[str](), ""
    async for response in responses:
        if response.HasField("artifact_update"):
            text += "".join(part.text for part in response.artifact_update.artifact.parts)
        elif response.HasField("status_update"):
            states.append(TaskState.Name(response.status_update.status.state)[11:])
        else:
            task = response.task.id
    return text, states, task


def talk(served: Served, conversation: Any, *, streaming: bool = True) -> None:
    async def main() -> None:
        config = ClientConfig(streaming=streaming)
        async with await create_client(served.url, client_config=config) as client:
            await conversation(client)

    asyncio.run(main())


def test_python_reads_text_and_tools(served: Served) -> None:
    async def conversation(client: Client) -> None:
        text, states, task = await read(client.send_message(message(text="What is the weather?")))
        assert (text, states[0], states[-1]) == ("It is 18 °C.", "WORKING", "COMPLETED")

        whole = await client.get_task(GetTaskRequest(id=task))
        assert whole.artifacts[0].parts[0].text == "It is 18 °C."
        again = await read(client.subscribe(SubscribeToTaskRequest(id=task)))
        assert again == (text, states, task)

    talk(served, conversation)


@pytest.mark.parametrize(("approved", "answer"), [(True, "Done."), (False, "I leave it as it is.")])
def test_python_is_asked_for_leave(served: Served, approved: bool, answer: str) -> None:
    async def conversation(client: Client) -> None:
        _, states, task = await read(client.send_message(message(text="Clear my disk.")))
        assert states[-1] == "INPUT_REQUIRED"
        yes_or_no = message(data={"approved": approved}, task=task)
        text, states, same = await read(client.send_message(yes_or_no))
        assert (text, states[-1], same) == (answer, "COMPLETED", task)

    talk(served, conversation)


def test_python_is_told_that_the_agent_failed(served: Served) -> None:
    async def conversation(client: Client) -> None:
        text, states, _ = await read(client.send_message(message(text="Fail.")))
        assert (text, states[-1]) == ("So far, so good. ", "FAILED")

    talk(served, conversation)


def test_python_cancels(served: Served) -> None:
    async def conversation(client: Client) -> None:
        stream = client.send_message(message(text="Speak for ever."))
        task = (await anext(aiter(stream))).task.id
        cancelled = await client.cancel_task(CancelTaskRequest(id=task))
        assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
        assert (await read(stream))[1][-1] == "CANCELED"

    talk(served, conversation)


def test_python_may_wait_for_the_whole_task(served: Served) -> None:
    async def conversation(client: Client) -> None:
        [response] = [each async for each in client.send_message(message(text="Hello!"))]
        assert response.task.artifacts[0].parts[0].text == "You said: Hello!"

    talk(served, conversation, streaming=False)


def test_python_makes_exceptions_of_errors(served: Served) -> None:
    async def conversation(client: Client) -> None:
        _, _, task = await read(client.send_message(message(text="Hello!")))
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(CancelTaskRequest(id=task))
        with pytest.raises(TaskNotFoundError):
            await client.get_task(GetTaskRequest(id="unknown"))

    talk(served, conversation)


def test_javascript_holds_a_conversation(served: Served) -> None:
    said = [
        {"text": "What is the weather?"},
        {"text": "Clear my disk."},
        {"data": {"approved": True}},
    ]
    ended = run_javascript(served, "a2a.mjs", json.dumps(said))
    assert (ended.code, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    states = found["states"]

    weather, asked, allowed = found["told"]
    assert text_of(weather) == "It is 18 °C."
    assert weather[-1]["value"]["status"]["state"] == states["TASK_STATE_COMPLETED"]
    assert asked[-1]["value"]["status"]["state"] == states["TASK_STATE_INPUT_REQUIRED"]
    assert text_of(allowed) == "Done."
    assert found["whole"]["status"]["state"] == states["TASK_STATE_COMPLETED"]
    assert text_of(found["again"]) == "Done."
    assert found["refused"] == ["TaskNotCancelableError", "TaskNotFoundError"]


def text_of(updates: list[Any]) -> str:
    artifacts = (each["value"]["artifact"] for each in updates if each["$case"] == "artifactUpdate")
    return "".join(part["content"]["value"] for each in artifacts for part in each["parts"])
