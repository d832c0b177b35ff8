"""OpenAI Responses over HTTP and WebSocket: every route, and what becomes of a conversation."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asgi_agent import AgentApp, Turn
from asgi_agent.agents import Agent
from asgi_agent.events import ClientTool, ToolExec, ToolResult
from asgi_agent.testing import Server, WebSocketSession, run, settle
from tests.endpoints.serving_agents import app_of, counter, failing, parrot, silent

STRANGER = "resp_00000000-0000-4000-8000-000000000000_1_0_1"


@asynccontextmanager
async def serving(agent: Agent, **settings: Any) -> AsyncIterator[tuple[Server, AgentApp]]:
    app = app_of(agent, **settings)
    async with Server(app) as server:
        yield server, app


async def create(server: Server, input: Any, **asked: Any) -> Any:
    """The response to this request, as JSON."""
    response = await server.request("POST", "/v1/responses", json={"input": input, **asked})
    assert response.status == 200, response.text
    return response.json()


async def refused(server: Server, method: str, path: str, body: Any = None) -> tuple[int, str]:
    options = {} if body is None else {"json": body}
    response = await server.request(method, path, **options)
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return response.status, error["message"]


async def events(server: Server, method: str, path: str, **options: Any) -> list[dict[str, Any]]:
    """The data of the events of a stream, to its end."""
    response = await server.request(method, path, **options)
    assert response.status == 200, response.text
    told = [(event.event, json.loads(event.data)) for event in response.events()]
    assert all(name == data["type"] for name, data in told)
    return [data for _, data in told]


def text(response: Any) -> str:
    contents = (item["content"] for item in response["output"] if item["type"] == "message")
    return "".join(part["text"] for content in contents for part in content)


def output_of(call: Any, output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call["call_id"], "output": output}


def verdict(request: Any, *, approve: bool) -> dict[str, Any]:
    return {
        "type": "mcp_approval_response",
        "approval_request_id": request["id"],
        "approve": approve,
    }


async def located(turn: Turn) -> Any:
    """Asks the client where it is, and when."""
    yield "Let me see. "
    yield ClientTool("1", "where", {})
    yield ClientTool("2", "when", {})
    async for answer in turn.inbox:
        yield f"{answer['id']}: {answer['value']}. "
        if answer["id"] == "2":
            return


async def asking_leave(turn: Turn) -> Any:
    if turn.prompt != "delete":
        yield f"{len(turn.history)}"
        return
    yield "May I? "
    if await turn.approve("c", "delete", {}):
        yield ToolExec("c", "delete", {})
        yield ToolResult("c", "delete", "gone")
        yield "Done."
    else:
        yield "I left it."


async def busy(turn: Turn) -> Any:
    """Runs a tool of its own while the client runs another."""
    yield ToolExec("1", "search", {"q": "x"})
    yield ClientTool("2", "where", {})
    place = await anext(aiter(turn.inbox))
    yield ToolResult("1", "search", f"found {place['value']}")


async def asking(turn: Turn) -> Any:
    """Asks once in a conversation, and then tells what it remembers."""
    if turn.history:
        for message in turn.history:
            yield f"[{message['role']}: {message['content']}] "
        yield turn.prompt
    else:
        yield "Hello. "
        yield f"So, {await turn.ask('Which city?')}."


# A response


@pytest.mark.parametrize("stream", [False, None])
def test_a_response_is_told_as_a_whole(stream: bool | None) -> None:
    async def main() -> None:
        async with serving(parrot, name="bird") as (server, _):
            told = await create(server, "hi", stream=stream, model="x", temperature=1)
            assert (told["status"], told["model"], text(told)) == ("completed", "bird", "hi")

    run(main())


def test_a_response_is_told_as_it_comes() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            asked = {"input": "hi", "stream": True}
            told = await events(server, "POST", "/v1/responses", json=asked)
            assert [each["sequence_number"] for each in told] == list(range(len(told)))
            assert told[-1]["type"] == "response.completed"
            assert text(told[-1]["response"]) == "hi"

    run(main())


def test_a_response_in_the_background_is_told_as_far_as_it_has_come() -> None:
    async def main() -> None:
        async with serving(silent) as (server, _):
            told = await create(server, "hi", background=True)
            assert told["status"] == "in_progress"
            await settle()
            again = (await server.request("GET", f"/v1/responses/{told['id']}")).json()
            assert (again["status"], text(again)) == ("in_progress", "...")

    run(main())


def test_a_failure_is_no_failure_of_the_request() -> None:
    async def main() -> None:
        async with serving(failing) as (server, _):
            told = await create(server, "hi")
            assert (told["status"], text(told)) == ("failed", "half")
            assert "hunter2" not in json.dumps(told)

    run(main())


def test_what_is_not_to_be_stored_is_forgotten() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, app):
            told = await create(server, "hi", store=False)
            assert (await refused(server, "GET", f"/v1/responses/{told['id']}"))[0] == 404
            assert len(app.service.sessions) == 0

    run(main())


def test_what_is_not_to_be_stored_is_kept_until_it_is_answered() -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, app):
            asked = await create(server, "delete", store=False)
            assert len(app.service.sessions) == 1
            answer = verdict(asked["output"][-1], approve=False)
            told = await create(server, [answer], store=False)
            assert text(told) == "I left it."
            assert len(app.service.sessions) == 0

    run(main())


# To read it again


@pytest.mark.parametrize("agent", [parrot, located, asking_leave, asking, failing])
def test_a_response_is_told_again_from_any_event_on(agent: Agent) -> None:
    async def main() -> None:
        async with serving(agent) as (server, _):
            asked = {"input": "delete", "stream": True}
            told = await events(server, "POST", "/v1/responses", json=asked)
            path = f"/v1/responses/{told[0]['response']['id']}?stream=true"
            assert await events(server, "GET", path) == told
            for number in range(len(told)):
                rest = await events(server, "GET", f"{path}&starting_after={number}")
                assert rest == told[number + 1 :]
            whole = await server.request("GET", path.partition("?")[0])
            assert whole.json() == told[-1]["response"]

    run(main())


def test_a_response_that_goes_on_is_told_from_its_beginning_to_its_end() -> None:
    async def main() -> None:
        async with serving(counter) as (server, _):
            begun = await create(server, "3", background=True)
            told = await events(server, "GET", f"/v1/responses/{begun['id']}?stream=true")
            assert text(told[-1]["response"]) == "0 1 2 "

    run(main())


def test_a_client_that_was_cut_off_misses_nothing() -> None:
    async def main() -> None:
        async with serving(counter) as (server, _):
            asked = {"input": "5", "stream": True}
            async with server.stream("POST", "/v1/responses", json=asked) as stream:
                told = [json.loads((await anext(stream.events())).data) for _ in range(6)]
            path = f"/v1/responses/{told[0]['response']['id']}?stream=true&starting_after=5"
            told += await events(server, "GET", path)
            assert [each["sequence_number"] for each in told] == list(range(len(told)))
            words = [each["delta"] for each in told if each["type"].endswith("text.delta")]
            assert words == ["0 ", "1 ", "2 ", "3 ", "4 "]

    run(main())


def test_each_response_of_a_turn_is_told_again_as_itself() -> None:
    async def main() -> None:
        async with serving(located) as (server, _):
            first = await create(server, "hi")
            second = await create(server, [output_of(first["output"][-1], "Bern")])
            third = await create(server, [output_of(second["output"][-1], "now")])
            assert text(third) == "1: Bern. 2: now. "
            for each in (first, second, third):
                again = await server.request("GET", f"/v1/responses/{each['id']}")
                assert again.json() == each
                told = await events(server, "GET", f"/v1/responses/{each['id']}?stream=true")
                assert told[-1]["response"] == each

    run(main())


def test_a_tool_of_an_earlier_response_is_told_again_with_its_arguments() -> None:
    async def main() -> None:
        async with serving(busy) as (server, _):
            first = await create(server, "hi")
            told = await create(server, [output_of(first["output"][-1], "Bern")])
            [call] = told["output"]
            assert (call["arguments"], call["output"]) == ('{"q":"x"}', "found Bern")
            assert (await server.request("GET", f"/v1/responses/{told['id']}")).json() == told

    run(main())


def test_what_is_kept_no_longer_is_not_told_in_part() -> None:
    async def main() -> None:
        async with serving(counter, keep_bytes=200) as (server, _):
            begun = await create(server, "50", background=True)
            path = f"/v1/responses/{begun['id']}"
            await events(server, "GET", f"{path}?stream=true")
            assert [each["type"] for each in await events(server, "GET", f"{path}?stream=true")][
                -1
            ] == "error"
            assert (await refused(server, "GET", path))[0] == 404

    run(main())


@pytest.mark.parametrize(
    "name", ["x", STRANGER, STRANGER.replace("_1_0_1", "_2_0_1"), "resp_%00", "%C3%A9"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "?stream=true"), ("DELETE", ""), ("POST", "/cancel")],
)
def test_a_response_that_never_was_is_not_found(name: str, method: str, path: str) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            assert (await refused(server, method, f"/v1/responses/{name}{path}"))[0] == 404

    run(main())


def test_a_response_that_begins_nowhere_is_not_found() -> None:
    async def main() -> None:
        async with serving(silent) as (server, _):
            begun = await create(server, "hi", background=True)
            for place in ("_1_99_", "_2_0_"):
                path = f"/v1/responses/{begun['id'].replace('_1_0_', place)}"
                assert (await refused(server, "GET", f"{path}?stream=true"))[0] == 404

    run(main())


@pytest.mark.parametrize("number", ["x", "", "1.5", "9" * 16, "--1", "\u0661a"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            told = await create(server, "hi")
            path = f"/v1/responses/{told['id']}?stream=true&starting_after={number}"
            if number:
                assert (await refused(server, "GET", path))[0] == 400

    run(main())


# To cancel and to delete it


def test_a_response_is_cancelled_and_told_as_far_as_it_has_come() -> None:
    async def main() -> None:
        async with serving(silent) as (server, _):
            begun = await create(server, "hi", background=True)
            await settle()
            path = f"/v1/responses/{begun['id']}"
            cancelled = (await server.request("POST", f"{path}/cancel")).json()
            assert (cancelled["status"], text(cancelled)) == ("cancelled", "...")
            assert (await server.request("GET", path)).json() == cancelled
            assert (await server.request("POST", f"{path}/cancel")).json() == cancelled

    run(main())


def test_who_reads_a_response_that_is_cancelled_is_told() -> None:
    async def main() -> None:
        async with serving(silent) as (server, _):
            asked = {"input": "hi", "stream": True}
            async with server.stream("POST", "/v1/responses", json=asked) as stream:
                begun = json.loads((await anext(stream.events())).data)["response"]
                await server.request("POST", f"/v1/responses/{begun['id']}/cancel")
                rest = [json.loads(event.data) async for event in stream.events()]
            assert rest[-1]["type"] == "response.incomplete"
            assert rest[-1]["response"]["status"] == "cancelled"

    run(main())


def test_to_delete_a_response_is_to_forget_its_conversation() -> None:
    async def main() -> None:
        async with serving(silent) as (server, app):
            begun = await create(server, "hi", background=True)
            path = f"/v1/responses/{begun['id']}"
            deleted = (await server.request("DELETE", path)).json()
            assert deleted == {"id": begun["id"], "object": "response", "deleted": True}
            assert (await refused(server, "GET", path))[0] == 404
            assert app.service.runs.active_count == 0

    run(main())


def test_a_reader_whose_response_is_deleted_is_cut_off_with_an_error() -> None:
    async def main() -> None:
        async with serving(silent) as (server, _):
            asked = {"input": "hi", "stream": True}
            async with server.stream("POST", "/v1/responses", json=asked) as stream:
                begun = json.loads((await anext(stream.events())).data)["response"]
                await server.request("DELETE", f"/v1/responses/{begun['id']}")
                rest = [json.loads(event.data) async for event in stream.events()]
            assert rest[-1]["type"] in ("error", "response.incomplete")

    run(main())


# To go on


def test_a_response_continues_another() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, app):
            first = await create(server, "one")
            second = await create(server, "two", previous_response_id=first["id"])
            assert text(second) == "[user: one] [assistant: one] two"
            assert len(app.service.sessions) == 1

    run(main())


def test_what_continues_an_older_response_knows_nothing_of_what_came_after() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, app):
            first = await create(server, "one")
            before = [
                {"role": "user", "content": "1a"},
                {"role": "assistant", "content": "1b"},
                {"role": "user", "content": "two"},
            ]
            follows = {"previous_response_id": first["id"], "instructions": "Be nice."}
            second = await create(server, before, **follows)
            await create(server, "three", previous_response_id=second["id"])
            branch = await create(server, "other", previous_response_id=first["id"])
            assert text(branch) == "[user: one] [assistant: one] other"
            twig = await create(server, "twig", previous_response_id=second["id"])
            known = "[user: one] [assistant: one] [system: Be nice.] [user: 1a] [assistant: 1b] "
            assert text(twig).startswith(f"{known}[user: two] ")
            assert text(twig).endswith(" twig")
            assert len(app.service.sessions) == 3

    run(main())


def test_a_branch_from_the_middle_of_a_turn_knows_what_went_before_it() -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, _):
            first = await create(server, "hello")
            asked = await create(server, "delete", previous_response_id=first["id"])
            answer = verdict(asked["output"][-1], approve=True)
            told = await create(server, [answer], previous_response_id=asked["id"])
            branch = await create(server, "other", previous_response_id=asked["id"])
            assert text(branch) == "4"  # messages before
            await create(server, "more", previous_response_id=told["id"])
            branch = await create(server, "other", previous_response_id=asked["id"])
            assert text(branch) == "4"

    run(main())


def test_a_response_that_was_cancelled_is_continued_in_its_session() -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, app):
            asked = await create(server, "delete")
            await server.request("POST", f"/v1/responses/{asked['id']}/cancel")
            told = await create(server, "go on", previous_response_id=asked["id"])
            assert (text(told), len(app.service.sessions)) == ("2", 1)

    run(main())


def test_a_turn_whose_events_are_kept_no_longer_can_still_be_continued() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            first = told = await create(server, "one")
            for number in range(9):
                told = await create(server, str(number), previous_response_id=told["id"])
            assert (await refused(server, "GET", f"/v1/responses/{first['id']}"))[0] == 404
            branch = await create(server, "other", previous_response_id=first["id"])
            assert text(branch) == "[user: one] [assistant: one] other"

    run(main())


@pytest.mark.parametrize("count", [2, 3])
def test_where_the_history_is_forgotten_a_branch_has_none(count: int) -> None:
    async def main() -> None:
        async with serving(asking, max_history_bytes=1) as (server, _):
            first = told = await create(server, "one")
            for number in range(count):
                told = await create(server, str(number), previous_response_id=told["id"])
            branch = await create(server, "other", previous_response_id=first["id"])
            assert text(branch) == "[assistant: Hello. Which city?] other"
            again = await create(server, "last", previous_response_id=told["id"])
            assert text(again).endswith("last")

    run(main())


def test_instructions_are_told_once_however_often_they_are_sent() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            asked = {"instructions": "Be nice."}
            first = await create(server, "one", **asked)
            told = await create(server, "two", previous_response_id=first["id"], **asked)
            assert text(told).count("[system: Be nice.]") == 2  # once in the parrot's own words

    run(main())


def test_an_item_is_as_good_as_its_response() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, app):
            first = await create(server, "one")
            reference = {"type": "item_reference", "id": first["output"][-1]["id"]}
            whole = [{"role": "user", "content": "one"}, reference, {"content": "two"}]
            told = await create(server, whole)
            assert text(told) == "[user: one] [assistant: one] two"
            assert len(app.service.sessions) == 1

    run(main())


@pytest.mark.parametrize("name", [STRANGER, "x", None])
def test_what_continues_nothing_is_not_found(name: str | None) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            items = [{"type": "item_reference", "id": name}, {"content": "two"}]
            assert (await refused(server, "POST", "/v1/responses", {"input": items}))[0] == 404
            if name is not None:
                asked = {"input": "two", "previous_response_id": name}
                assert (await refused(server, "POST", "/v1/responses", asked))[0] == 404

    run(main())


def test_what_continues_a_turn_that_never_was_is_not_found() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            first = await create(server, "one")
            asked = {"input": "2", "previous_response_id": first["id"].replace("_1_0_", "_2_0_")}
            assert (await refused(server, "POST", "/v1/responses", asked))[0] == 404

    run(main())


def test_while_a_response_goes_on_it_cannot_be_continued() -> None:
    async def main() -> None:
        async with serving(silent) as (server, _):
            begun = await create(server, "hi", background=True)
            await settle()
            asked = {"input": "two", "previous_response_id": begun["id"]}
            assert (await refused(server, "POST", "/v1/responses", asked))[0] == 409

    run(main())


# To answer


def test_calls_for_the_client_are_asked_one_after_the_other() -> None:
    async def main() -> None:
        async with serving(located) as (server, _):
            first = await create(server, "hi")
            assert [item["type"] for item in first["output"]] == ["message", "function_call"]
            answer = output_of(first["output"][-1], "Bern")
            second = await create(server, [answer], previous_response_id=first["id"])
            assert [item["name"] for item in second["output"]] == ["when"]
            answer = output_of(second["output"][-1], [{"type": "input_text", "text": "now"}])
            third = await create(server, [answer], previous_response_id=second["id"])
            assert text(third) == "1: Bern. 2: now. "

    run(main())


def test_a_client_that_has_the_conversation_needs_no_id() -> None:
    async def main() -> None:
        async with serving(located) as (server, app):
            first = await create(server, "hi")
            items = [{"role": "user", "content": "hi"}, *first["output"]]
            items.append(output_of(first["output"][-1], "Bern"))
            second = await create(server, items)
            assert [item["name"] for item in second["output"]] == ["when"]
            assert len(app.service.sessions) == 1

    run(main())


def test_where_nobody_waits_any_more_the_conversation_begins_anew() -> None:
    async def told(turn: Turn) -> Any:
        yield json.dumps(turn.history)

    async def main() -> None:
        async with serving(told) as (server, _):
            call = {"type": "function_call", "call_id": "call_x_1", "name": "w", "arguments": "{}"}
            items = [{"content": "hi"}, {"type": "reasoning"}, call, output_of(call, "Bern")]
            [prompt, asked, answer] = json.loads(text(await create(server, items)))
            assert prompt == {"role": "user", "content": "hi"}
            assert asked["tool_calls"][0]["function"] == {"name": "w", "arguments": "{}"}
            assert answer == {"role": "tool", "tool_call_id": "call_x_1", "content": "Bern"}

    run(main())


def test_an_answer_to_nobody_is_not_found() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            first = await create(server, "hi")
            asked = {
                "input": [{"type": "function_call_output", "call_id": "call_x", "output": ""}],
                "previous_response_id": first["id"],
            }
            assert (await refused(server, "POST", "/v1/responses", asked))[0] == 404

    run(main())


@pytest.mark.parametrize("by_reference", [True, False])
def test_an_approval_is_given(by_reference: bool) -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, _):
            first = await create(server, "delete")
            request = first["output"][-1]
            items = [verdict(request, approve=True)]
            if by_reference:
                items.insert(0, {"type": "item_reference", "id": request["id"]})
            told = await create(server, items)
            call, said = told["output"]
            assert call["approval_request_id"] == request["id"]
            assert (call["output"], said["content"][0]["text"]) == ("gone", "Done.")

    run(main())


@pytest.mark.parametrize("approve", [False, None])
def test_an_approval_is_denied(approve: bool) -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, _):
            first = await create(server, "delete")
            answer = verdict(first["output"][-1], approve=approve)
            told = await create(server, [answer], previous_response_id=first["id"])
            assert text(told) == "I left it."

    run(main())


def test_an_answer_that_is_sent_again_is_no_second_answer() -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, _):
            first = await create(server, "delete")
            answer = verdict(first["output"][-1], approve=True)
            told = await create(server, [answer])
            again = await create(server, [answer])
            assert text(told) == text(again) == "Done."

    run(main())


def test_who_says_something_else_has_given_up_what_was_asked() -> None:
    async def main() -> None:
        async with serving(asking_leave) as (server, app):
            first = await create(server, "delete")
            told = await create(server, "never mind", previous_response_id=first["id"])
            assert text(told) == "2"  # messages before
            assert app.service.runs.active_count == 0

    run(main())


def test_a_question_is_text_and_the_next_prompt_its_answer() -> None:
    async def main() -> None:
        async with serving(asking) as (server, app):
            first = await create(server, "one")
            assert (first["status"], text(first)) == ("completed", "Hello. Which city?")
            told = await create(server, "Rome", previous_response_id=first["id"])
            assert text(told) == "So, Rome."
            again = await create(server, "Bern", previous_response_id=first["id"])
            assert text(again) == "[user: one] [assistant: Hello. Which city?] Bern"
            assert len(app.service.sessions) == 2

    run(main())


def test_a_run_that_waits_for_the_client_is_not_deserted() -> None:
    async def main() -> None:
        async with serving(asking_leave, on_disconnect="cancel") as (server, _):
            first = await create(server, "delete")
            await settle()
            told = await create(server, [verdict(first["output"][-1], approve=True)])
            assert text(told) == "Done."

    run(main())


# What is refused


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": None},
        {"input": 1},
        {"input": []},
        {"input": [1]},
        {"input": [{"type": "reasoning"}]},
        {"input": [{"type": "item_reference", "id": STRANGER.replace("resp", "msg")}]},
        {"input": "hi", "stream": "maybe"},
        {"input": "hi", "conversation": "conv_1"},
        {"input": "hi", "instructions": 1},
        [],
    ],
)
def test_a_request_that_is_not_understood_is_refused(body: Any) -> None:
    async def main() -> None:
        async with serving(parrot) as (server, app):
            assert (await refused(server, "POST", "/v1/responses", body))[0] == 400
            assert len(app.service.sessions) == 0

    run(main())


def test_other_methods_and_paths_are_refused_in_the_same_words() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _):
            assert (await refused(server, "PUT", "/v1/responses", {}))[0] == 405
            assert (await refused(server, "GET", "/v1/responses"))[0] == 405
            assert (await refused(server, "POST", f"/v1/responses/{STRANGER}", {}))[0] == 405

    run(main())


def test_a_full_server_says_so() -> None:
    async def main() -> None:
        async with serving(silent, max_concurrent_sessions=1) as (server, _):
            await create(server, "hi", background=True)
            body = {"input": "hi"}
            response = await server.request("POST", "/v1/responses", json=body)
            assert response.status == 503
            assert response.json()["error"]["type"] == "server_error"

    run(main())


# WebSocket


@asynccontextmanager
async def connected(agent: Agent, **settings: Any) -> AsyncIterator[WebSocketSession]:
    async with serving(agent, **settings) as (server, _), server.websocket("/v1/responses") as ws:
        yield ws


async def lane(ws: WebSocketSession, last: str = "response.completed") -> list[dict[str, Any]]:
    """The messages up to one of this type."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["type"] != last:
        told.append(await ws.receive_json())
    return told


def test_a_websocket_tells_the_same_events() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _), server.websocket("/v1/responses") as ws:
            await ws.send_json({"type": "response.create", "input": "one"})
            told = await lane(ws)
            name = told[-1]["response"]["id"]
            assert await events(server, "GET", f"/v1/responses/{name}?stream=true") == told
            follows = {"input": "two", "previous_response_id": name}
            await ws.send_json({"type": "response.create", **follows})
            assert text((await lane(ws))[-1]["response"]) == "[user: one] [assistant: one] two"

    run(main())


def test_several_responses_have_lanes_of_their_own() -> None:
    async def main() -> None:
        async with connected(counter) as ws:
            for name in ("a", "b"):
                asked = {"input": "2", "stream_id": name}
                await ws.send_json({"type": "response.create", **asked})
            told = [*await lane(ws), *await lane(ws)]
            for name in ("a", "b"):
                mine = [each for each in told if each["stream_id"] == name]
                assert [each["sequence_number"] for each in mine] == list(range(len(mine)))

    run(main())


def test_in_one_lane_there_is_one_response_at_a_time() -> None:
    async def main() -> None:
        async with connected(silent) as ws:
            for _ in range(2):
                await ws.send_json({"type": "response.create", "input": "hi"})
            error = (await lane(ws, "error"))[-1]
            assert error["error"]["message"] == "This request is being answered."
            assert "stream_id" not in error

    run(main())


def test_what_cannot_be_done_is_told_in_its_lane() -> None:
    async def main() -> None:
        async with connected(parrot) as ws:
            asked = {"input": "hi", "stream_id": "a", "previous_response_id": STRANGER}
            await ws.send_json({"type": "response.create", **asked})
            error = await ws.receive_json()
            assert (error["stream_id"], error["error"]["type"]) == ("a", "invalid_request_error")

    run(main())


@pytest.mark.parametrize(
    "message",
    [
        {"type": "response.cancel"},
        {},
        {"type": "response.create"},
        {"type": "response.create", "input": []},
        {"type": "response.create", "input": "hi", "previous_response_id": "x"},
        {"type": "response.create", "input": "hi", "generate": False},
        {"type": "response.steer"},
    ],
)
def test_a_message_that_is_not_understood_is_refused(message: Any) -> None:
    async def main() -> None:
        async with connected(parrot) as ws:
            await ws.send_json(message)
            error = await ws.receive_json()
            assert error["type"] == "error"
            assert error["status"] in (400, 404)
            await ws.send_json({"type": "response.create", "input": "still here"})
            assert text((await lane(ws))[-1]["response"]) == "still here"

    run(main())


def test_a_response_cannot_be_steered() -> None:
    async def main() -> None:
        async with connected(parrot) as ws:
            asked = {"previous_response_id": STRANGER, "input": "faster"}
            await ws.send_json({"type": "response.steer", **asked})
            told = await ws.receive_json()
            assert told["type"] == "response.steer.failed"
            assert told["steer"] == asked
            assert told["error"]["code"] == "steering_not_supported"

    run(main())


def test_there_is_no_websocket_elsewhere() -> None:
    async def main() -> None:
        async with serving(parrot) as (server, _), server.websocket("/v1/responses/x") as ws:
            assert ws.denial is not None
            assert ws.denial.status == 404

    run(main())
