"""Clients that come back: with something else, too late, or for what they have missed."""

from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.events import ClientTool
from asgi_agent.testing import Server, run, settle
from tests.endpoints.serving_agents import app_of, parrot, silent
from tests.endpoints.tiny import TinyApp


async def guide(turn: Turn) -> Any:
    """Asks twice, unless it is greeted."""
    if turn.prompt == "hello":
        yield "hello"
        return
    for question in ("where", "when"):
        yield f"{question}? "
        yield ClientTool(question, question, {})
        answer = await anext(aiter(turn.inbox))
        yield f"{answer['value']}. "


def serving(agent: Any) -> Server:
    return Server(TinyApp(app_of(agent)))


async def post(server: Server, **asked: Any) -> list[str]:
    response = await server.request("POST", "/", json={"session_id": "s", **asked})
    assert response.status == 200, response.text
    return [event.data for event in response.events()]


ASKED = ["begin 1 0", "where? ", "call where", "pause"]


def test_a_turn_that_waits_is_given_up_for_another_prompt() -> None:
    async def main() -> None:
        async with serving(guide) as server:
            assert await post(server, prompt="go") == ASKED
            assert await post(server, prompt="hello") == ["begin 2 0", "hello", "complete"]

    run(main())


def test_a_turn_that_does_not_wait_is_in_the_way_of_another_prompt() -> None:
    async def main() -> None:
        async with serving(silent) as server:
            async with server.stream("POST", "/", json={"session_id": "s", "prompt": "go"}):
                await settle()
                asked = {"session_id": "s", "prompt": "hello"}
                response = await server.request("POST", "/", json=asked)
            assert (response.status, response.json()) == (
                409,
                {"refused": "This session has a turn under way."},
            )

    run(main())


def test_a_turn_that_has_said_nothing_yet_is_in_the_way_too() -> None:
    async def mute(turn: Turn) -> Any:
        yield await anext(aiter(turn.inbox))

    async def main() -> None:
        async with serving(mute) as server:
            async with server.stream("POST", "/", json={"session_id": "s"}):
                await settle()
                response = await server.request("POST", "/", json={"session_id": "s"})
            assert response.status == 409

    run(main())


def test_a_prompt_beside_the_answers_gives_up_the_turn_that_waits() -> None:
    async def main() -> None:
        async with serving(guide) as server:
            assert await post(server, prompt="go") == ASKED
            answers = [["s", "where", "here"]]
            told = await post(server, prompt="hello", history=[], answers=answers)
            assert told == ["begin 2 0", "hello", "complete"]

    run(main())


@pytest.mark.parametrize("prompt", ["", "go"])
def test_the_same_prompt_or_none_goes_on_with_it(prompt: str) -> None:
    async def main() -> None:
        async with serving(guide) as server:
            assert await post(server, prompt="go") == ASKED
            answers = [["s", "where", "here"]]
            told = await post(server, prompt=prompt, history=[], answers=answers)
            assert told == ["begin 1 3", "here. ", "when? ", "call when", "pause"]

    run(main())


def test_an_answer_is_for_the_run_that_asked() -> None:
    async def main() -> None:
        app = app_of(guide)
        async with Server(TinyApp(app)) as server:
            assert await post(server, prompt="go") == ASKED
            session = await app.service.sessions.get_session("s")
            late = [["s", "where", "there", "another"]]
            response = await server.request("POST", "/", json={"answers": late})
            assert response.status == 404

            now = [["s", "where", "here", session.turns[0]]]
            assert (await post(server, answers=now))[1] == "here. "

    run(main())


def test_an_answer_without_a_name_is_for_what_was_asked_last() -> None:
    async def main() -> None:
        async with serving(guide) as server:
            assert await post(server, prompt="go") == ASKED
            assert (await post(server, answers=[["s", "", "here"]]))[1] == "here. "
            assert (await post(server, answers=[["s", "", "now"]]))[1] == "now. "

    run(main())


def test_there_may_be_nothing_to_answer() -> None:
    async def main() -> None:
        async with serving(guide) as server:
            await post(server, prompt="hello")
            response = await server.request("POST", "/", json={"answers": [["s", "", "here"]]})
            assert response.status == 404

    run(main())


def test_a_response_is_told_again_from_where_the_latest_request_began() -> None:
    async def main() -> None:
        async with serving(guide) as server:
            assert await post(server, prompt="go") == ASKED
            assert await post(server, do="follow", after=None) == ASKED

            going_on = await post(server, answers=[["s", "where", "here"]])
            assert going_on == ["begin 1 3", "here. ", "when? ", "call when", "pause"]
            assert await post(server, do="follow", after=None) == going_on

            ended = await post(server, answers=[["s", "when", "now"]])
            assert await post(server, do="follow", after=None) == ended
            assert ended[1:] == ["now. ", "complete"]

    run(main())


def test_a_post_may_have_no_body() -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            response = await server.request("POST", "/?do=reply&content=a")
            assert response.json() == "a"

    run(main())


@pytest.mark.parametrize("framing", [("content-length", "4"), ("transfer-encoding", "chunked")])
def test_a_body_without_a_content_type_is_refused(framing: tuple[str, str]) -> None:
    async def main() -> None:
        async with serving(parrot) as server:
            response = await server.request("POST", "/", body=b'"{}"', headers=[framing])
            assert response.status == 415

    run(main())


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
SHOWN = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/chat/completions", {"messages": [SHOWN]}),
        ("/v1/responses", {"input": [SHOWN]}),
        ("/v1/messages", {"model": "any", "max_tokens": 9, "messages": [SHOWN]}),
        ("/ag-ui", {"threadId": "t", "runId": "r", "messages": [{**SHOWN, "id": "1"}]}),
    ],
)
def test_an_agent_whose_prompt_is_text_is_given_nothing_else(path: str, asked: Any) -> None:
    async def main() -> None:
        async with Server(app_of(parrot)) as server:
            response = await server.request("POST", path, json=asked)
            assert response.status == 400
            assert "has to be text" in response.text

    run(main())
