"""The application: what is served where, by which methods, and how everything else is refused."""

import asyncio
import gc
import json
from collections.abc import Callable
from signal import SIGINT, SIGTERM, Signals, raise_signal, signal
from typing import Any

import pytest

from asgi_agent import MemoryLog, ServerConfig, Turn, create_app
from asgi_agent.asgi import ASGIApp, Message, Receive, Scope, Send
from asgi_agent.errors import UsageError
from asgi_agent.testing import HOSTS, Behaviour, Response, Server, run, settle
from tests.runs.faulty_log import FaultyLog

FOREVER = 1e6  # seconds

# Every path, the methods that it knows, and whose dialect tells its errors.
BOND = {
    "/health": "GET, HEAD, OPTIONS",
    "/ask": "POST, OPTIONS",
    "/stream/s": "GET, HEAD, OPTIONS",
    "/sessions/s": "GET, DELETE, HEAD, OPTIONS",
    "/sessions/s/cancel": "POST, OPTIONS",
    "/sessions/s/answer": "POST, OPTIONS",
    "/": "GET, HEAD, OPTIONS",
    "/client.js": "GET, HEAD, OPTIONS",
}
LESSON = {
    "/api/chat": "POST, OPTIONS",
    "/api/chat/stream": "POST, OPTIONS",
    "/api/agent/stream": "POST, OPTIONS",
}
ROUTES = {**BOND, **LESSON}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]
POSTS = ["/ask", "/sessions/s/answer", *LESSON]  # with a body


async def parrot(turn: Turn) -> Any:
    yield f"{turn.prompt} of {turn.principal}"


async def silent(turn: Turn) -> Any:
    yield "..."
    await asyncio.sleep(FOREVER)


def request(app: ASGIApp, method: str, path: str, **options: Any) -> Response:
    async def main() -> Response:
        async with Server(app) as server:
            return await server.request(method, path, **options)

    return run(main())


def told(response: Response) -> Any:
    """What the response says of the failure, in either dialect."""
    body = response.json()
    [(key, detail)] = body.items()
    assert key in {"error", "detail"}
    return detail


# Methods


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", METHODS)
def test_a_path_knows_its_methods_and_names_them_to_who_uses_another(
    method: str, path: str
) -> None:
    response = request(create_app(parrot), method, path)
    if method not in ROUTES[path].split(", "):
        assert response.status == 405
        assert response.headers["allow"] == ROUTES[path]
        if method != "HEAD":
            assert told(response) == "Method Not Allowed"
    else:
        assert response.status != 405


@pytest.mark.parametrize("path", ROUTES)
def test_options_are_answered_without_a_body(path: str) -> None:
    response = request(create_app(parrot), "OPTIONS", path)
    assert (response.status, response.body) == (204, b"")
    assert response.headers["allow"] == ROUTES[path]


@pytest.mark.parametrize(
    "path",
    [
        *("/x", "/stream", "/stream/", "/stream/a/b", "/asks", "/ask/x", "/ws", "/ws/agent"),
        *("/sessions", "/sessions/s/x", "/sessions/s/cancel/x", "/api", "/api/chat/x", "/ASK"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_any_other_path_is_404(method: str, path: str) -> None:
    response = request(create_app(parrot), method, path)
    assert (response.status, response.json()) == (404, {"error": "Not Found"})


def test_options_of_the_server_itself_are_those_of_all_its_paths() -> None:
    """RFC 9110, 9.3.7: "*" is "the server in general rather than a specific resource"."""
    response = request(create_app(parrot), "OPTIONS", "*")
    assert (response.status, response.body) == (204, b"")
    known = {method for allowed in ROUTES.values() for method in allowed.split(", ")}
    assert set(response.headers["allow"].split(", ")) == known
    assert request(create_app(parrot), "OPTIONS", "/*").status == 404
    assert request(create_app(parrot), "GET", "*").status == 404


def test_a_request_target_may_be_a_whole_url() -> None:
    """RFC 9112, 3.2.2: "a server MUST accept the absolute-form in requests"."""
    for path in ("http://testserver/health", "HTTPS://[::1]:8000/health"):
        assert request(create_app(parrot), "GET", path).json()["status"] == "healthy"
    assert request(create_app(parrot), "GET", "http://testserver/").status == 200  # the page
    assert request(create_app(parrot), "GET", "health").status == 200
    assert request(create_app(parrot), "GET", "http:/health").status == 404


@pytest.mark.parametrize("path", ["/health/", "//health", "/health//"])
def test_a_slash_more_or_less_does_not_matter(path: str) -> None:
    assert request(create_app(parrot), "GET", path).status == 200


# Bodies


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_not_json_by_its_type_is_415(path: str) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", None):
        headers = {"content-type": content_type} if content_type else {}
        response = request(
            create_app(parrot), "POST", path, headers=headers, body=b'{"prompt": "x"}'
        )
        assert response.status == 415
        assert told(response) == "The content type must be application/json."


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_compressed_is_415_and_told_what_is_taken(path: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    response = request(create_app(parrot), "POST", path, headers=headers, body=b"\x1f\x8b")
    assert response.status == 415
    assert told(response) == "The content coding must be identity: 'gzip'."
    assert response.headers["accept-encoding"] == "identity"


def test_a_wrong_type_is_no_reason_to_tell_of_codings() -> None:
    """RFC 9110, 12.5.3: for other reasons "MUST NOT include the Accept-Encoding header field"."""
    headers = {"content-type": "text/plain", "content-encoding": "gzip"}
    response = request(create_app(parrot), "POST", "/ask", headers=headers, body=b"x")
    assert response.status == 415
    assert "accept-encoding" not in response.headers


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_too_long_is_413(path: str) -> None:
    app = create_app(parrot, ServerConfig(max_body_bytes=100))
    response = request(app, "POST", path, json={"prompt": "x" * 100})
    assert (response.status, told(response)) == (413, "the body may have 100 bytes")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'"x"', b"\xff", b"[" * 100_000])
def test_a_body_that_does_not_fit_is_told_in_the_shape_of_its_dialect(
    path: str, body: bytes
) -> None:
    headers = {"content-type": "application/json"}
    response = request(create_app(parrot), "POST", path, headers=headers, body=body)
    if path in LESSON:
        assert response.status == 422
        assert {"type", "loc", "msg"} == set(told(response)[0])
    else:
        assert response.status == 400
        assert told(response).startswith("Invalid request: ")


def test_a_client_that_leaves_before_the_end_of_its_request_starts_nothing() -> None:
    async def main() -> None:
        app = create_app(parrot)
        sent: list[Any] = []
        inbox: list[Message] = [
            {"type": "http.request", "body": b'{"prompt": "x"}', "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Message:
            return inbox.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/ask", "headers": headers}
        await app(scope, receive, send)
        assert sent[0]["status"] == 400
        assert len(app.service.sessions) == 0

    run(main())


# What goes wrong


def test_a_log_that_fails_is_503_and_its_words_stay_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = FaultyLog()
    log.is_down = True
    for path, body in (("/ask", {"prompt": "x"}), ("/api/chat", {"message": "x"})):
        response = request(create_app(parrot, log=log), "POST", path, json=body)
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert told(response) == "The event log cannot be reached."
    assert "hunter2" in caplog.text


def test_a_mistake_of_ours_is_500_and_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryLog):
        async def create(self, run: str, meta: bytes = b"") -> bool:
            raise RuntimeError("hunter2")

    app = create_app(parrot, log=Broken())
    response = request(app, "POST", "/ask", json={"prompt": "x"})
    assert (response.status, response.json()) == (500, {"error": "Internal Server Error"})
    assert "hunter2" in caplog.text


def test_a_server_that_drains_refuses_new_runs_and_serves_everything_else() -> None:
    async def main() -> None:
        app = create_app(parrot)
        async with Server(app) as server:
            body = {"prompt": "x", "session_id": "s"}
            await server.request("POST", "/ask", json=body)
            await settle()
            await app.drain()
            refused = await server.request("POST", "/ask", json=body)
            assert (refused.status, refused.headers["retry-after"]) == (503, "5")
            assert refused.json() == {"error": "The server is shutting down."}
            assert (await server.request("GET", "/stream/s")).status == 200
            assert (await server.request("GET", "/health")).status == 200

    run(main())


# Where it is mounted


@pytest.mark.parametrize("path", [*ROUTES, "/nowhere"])
def test_every_route_works_under_a_mount(path: str) -> None:
    async def main() -> None:
        async with Server(create_app(parrot)) as server:
            plain = await server.request("OPTIONS", path)
        async with Server(create_app(parrot), root_path="/v1/agents") as server:
            mounted = await server.request("OPTIONS", f"/v1/agents{path}")
        async with Server(stripped("/v1/agents", create_app(parrot))) as server:
            stripping = await server.request("OPTIONS", f"/v1/agents{path}")
        assert mounted == plain == stripping

    run(main())


def stripped(prefix: str, app: ASGIApp) -> ASGIApp:
    """A mount that takes the prefix off the path, as some frameworks do."""

    async def mount(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            path = scope["path"].removeprefix(prefix)
            scope = {**scope, "path": path, "root_path": scope["root_path"] + prefix}
        await app(scope, receive, send)

    return mount


def test_a_stream_url_under_such_a_mount_has_the_prefix() -> None:
    app = stripped("/v1", create_app(parrot))
    response = request(app, "POST", "/v1/ask", json={"prompt": "x", "session_id": "s"})
    assert response.json()["stream_url"] == "/v1/stream/s"


def test_a_host_that_tells_next_to_nothing_is_served_too() -> None:
    async def main() -> None:
        bare = Behaviour(minimal_scope=True, lifespan=False)
        async with Server(create_app(parrot), behaviour=bare) as server:
            body = {"prompt": "x", "session_id": "s"}
            assert (await server.request("POST", "/ask", json=body)).status == 200
            events = (await server.request("GET", "/stream/s")).events()
            assert json.loads(events[-1].data) == {"data": "x of None"}
            async with server.websocket("/ws") as session:
                assert session.accepted

    run(main())


@pytest.mark.parametrize("host", HOSTS)
def test_a_turn_is_read_under_every_host(host: str) -> None:
    async def main() -> None:
        async with Server(create_app(parrot), behaviour=HOSTS[host]) as server:
            body = {"prompt": "x", "session_id": "s"}
            await server.request("POST", "/ask", json=body)
            events = (await server.request("GET", "/stream/s")).events()
            assert json.loads(events[-1].data) == {"data": "x of None"}

    run(main())


# WebSockets


def test_a_websocket_elsewhere_is_denied() -> None:
    async def main() -> None:
        async with Server(create_app(parrot)) as server:
            for path in ("/", "/ask", "/ws/x", "/stream/s"):
                async with server.websocket(path) as session:
                    assert session.denial is not None
                    assert session.denial.status == 404
                    assert session.denial.headers["content-type"] == "application/json"
                    assert session.denial.json() == {"error": "Not Found"}
            for path in ("/ws", "/ws/", "/ws/agent"):
                async with server.websocket(path) as session:
                    assert session.accepted

    run(main())


def test_b14_a_page_of_another_site_cannot_open_a_websocket() -> None:
    async def main() -> None:
        async with Server(create_app(parrot)) as server:
            evil = {"origin": "https://evil.example"}
            async with server.websocket("/ws", headers=evil) as session:
                assert session.denial is not None
                assert session.denial.status == 403
        config = ServerConfig(cors_origins=["https://good.example"])
        async with Server(create_app(parrot, config)) as server:
            good = {"origin": "https://good.example"}
            async with server.websocket("/ws", headers=good) as session:
                assert session.accepted

    run(main())


# What stands around it


def test_refusals_can_be_read_by_pages_that_may_ask() -> None:
    headers = {"origin": "https://good.example"}
    for origins, allowed in ((["*"], "*"), (["https://good.example"], "https://good.example")):
        app = create_app(parrot, ServerConfig(cors_origins=origins))
        for path in ("/nowhere", "/stream/x", "/ask"):
            response = request(app, "GET", path, headers=headers)
            assert response.headers["access-control-allow-origin"] == allowed
    response = request(
        create_app(parrot, ServerConfig(cors_origins=())), "GET", "/", headers=headers
    )
    assert "access-control-allow-origin" not in response.headers


def test_a_page_may_send_whatever_headers_its_sdk_sends() -> None:
    asking = {"access-control-request-method": "POST"}
    headers = {**asking, "origin": "https://good.example"}
    headers["access-control-request-headers"] = "x-stainless-os, content-type"
    app = create_app(parrot, ServerConfig(cors_origins=["https://good.example"]))
    response = request(app, "OPTIONS", "/v1/chat/completions", headers=headers)
    assert response.headers["access-control-allow-headers"] == "x-stainless-os, content-type"
    evil = {**headers, "origin": "https://evil.example"}
    assert request(app, "OPTIONS", "/v1/chat/completions", headers=evil).status == 403


def test_middleware_stands_around_the_app_the_first_outermost() -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[ASGIApp], ASGIApp]:
        def wrap(app: ASGIApp) -> ASGIApp:
            async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
                order.append(name)
                await app({**scope, "principal": name}, receive, send)

            return middleware

        return wrap

    async def main() -> None:
        app = create_app(parrot, middleware=[note("outer"), note("inner")])
        async with Server(app) as server:
            response = await server.request("POST", "/api/chat", json={"message": "x"})
            assert response.json()["reply"] == "x of inner"
            async with server.websocket("/ws/agent") as session:
                await session.send_json({"type": "message", "content": "y"})
                messages = [await session.receive_json() for _ in range(3)]
                assert messages[-1] == {"type": "done", "content": "y of inner"}

    run(main())
    assert order == ["outer", "inner"] * 2


def test_no_more_streams_than_allowed_are_open() -> None:
    async def main() -> None:
        app = create_app(silent, ServerConfig(max_streams=1))
        async with Server(app) as server:
            await server.request("POST", "/ask", json={"prompt": "x", "session_id": "s"})
            async with server.stream("GET", "/stream/s"):
                accept = {"accept": "text/event-stream"}
                assert (await server.request("GET", "/stream/s", headers=accept)).status == 503
            await app.drain(0)

    run(main())


# Its life


def test_when_the_host_ends_every_run_ends_with_one_error() -> None:
    async def main() -> None:
        app = create_app(silent)
        async with Server(app) as server:
            await server.request("POST", "/ask", json={"prompt": "x", "session_id": "s"})
            await settle()
        session = await app.service.sessions.get_session("s")
        assert (session.status, session.error) == ("error", "The server is shutting down.")

    run(main())


@pytest.mark.parametrize(("number", "seconds"), [(SIGINT, 0), (SIGTERM, 10)])
def test_a_signal_to_the_host_is_heard_and_the_host_s_handler_is_called(
    number: Signals, seconds: float
) -> None:
    heard: list[int] = []

    async def main() -> None:
        before = signal(number, lambda received, _: heard.append(received))
        try:
            app = create_app(silent)
            async with Server(app) as server:
                await server.request("POST", "/ask", json={"prompt": "x", "session_id": "s"})
                raise_signal(number)
                events = (await server.request("GET", "/stream/s")).events()
                assert json.loads(events[-1].data)["code"] == "shutdown"
                assert asyncio.get_running_loop().time() == pytest.approx(seconds, abs=0.1)
        finally:
            signal(number, before)

    run(main())
    assert heard == [number]


def test_a_second_signal_does_not_forget_the_first_one() -> None:
    """The loop keeps only weak references to its tasks."""

    async def main() -> None:
        before = signal(SIGTERM, lambda received, _: None)
        try:
            app = create_app(silent)
            async with Server(app) as server:
                await server.request("POST", "/ask", json={"prompt": "x", "session_id": "s"})
                for _ in range(2):
                    raise_signal(SIGTERM)
                    await settle()
                    gc.collect()
                assert len(app._draining) == 2
                assert (await server.request("GET", "/stream/s")).events()
                await settle()
                assert app._draining == set()
        finally:
            signal(SIGTERM, before)

    run(main())


def test_an_app_can_be_started_again_after_it_was_shut_down() -> None:
    """Some hosts start one for every request; and tests do it all the time."""

    async def main() -> None:
        app = create_app(parrot)
        for _ in range(3):
            async with Server(app) as server:
                response = await server.request("POST", "/ask", json={"prompt": "x"})
                assert response.status == 200

    run(main())


def test_an_agent_is_checked_when_the_app_is_made() -> None:
    def generator(turn: Turn) -> Any:
        yield "x"

    for wrong in (None, 5, "module:agent", generator):
        agent: Any = wrong
        with pytest.raises(UsageError):
            create_app(agent)


def test_a_coroutine_function_is_an_agent_that_says_its_result() -> None:
    async def agent(turn: Turn) -> str:
        return turn.prompt.upper()

    as_it_is: Any = agent
    response = request(create_app(as_it_is), "POST", "/api/chat", json={"message": "hi"})
    assert response.json()["reply"] == "HI"


def test_an_empty_log_of_one_s_own_is_used() -> None:
    class Sized(MemoryLog):
        def __len__(self) -> int:
            return 0

    log = Sized()
    app = create_app(parrot, log=log)
    request(app, "POST", "/ask", json={"prompt": "x"})
    assert len(log._runs) == 2  # of the turn, and of the session
