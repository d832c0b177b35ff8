"""A dialect may have a session removed, over either transport."""

from asgi_agent.testing import Server, run, settle
from tests.endpoints.serving_agents import app_of, silent
from tests.endpoints.tiny import TinyApp

REMOVE = {"do": "remove", "session_id": "s", "content": "gone"}


def test_a_request_removes_a_session_and_what_it_does() -> None:
    async def main() -> None:
        app = app_of(silent)
        async with Server(TinyApp(app)) as server:
            async with server.stream("POST", "/", json={"prompt": "hi", "session_id": "s"}):
                await settle()
            assert (await server.request("POST", "/", json=REMOVE)).json() == "gone"
            assert (len(app.service.sessions), app.service.runs.active_count) == (0, 0)
            assert (await server.request("POST", "/", json=REMOVE)).status == 404

    run(main())


def test_a_message_removes_a_session_and_what_it_does() -> None:
    async def main() -> None:
        app = app_of(silent)
        async with Server(TinyApp(app)) as server, server.websocket("/") as session:
            await session.send_json({"key": "a", "prompt": "hi", "session_id": "s"})
            assert await session.receive() == "a:opened"
            await session.send_json({"key": "b", **REMOVE})
            told: list[str | bytes] = []
            while {"a", "gone"} - set(told):
                told.append(await session.receive())
            assert (len(app.service.sessions), app.service.runs.active_count) == (0, 0)

    run(main())
