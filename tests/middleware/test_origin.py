"""Origin: who may open a WebSocket, and who may send a request."""

from collections.abc import Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket as StarletteWebSocket

from asgi_agent.asgi.types import Receive, Scope, Send
from asgi_agent.errors import UsageError
from asgi_agent.middleware import Origin, origin_allowed
from asgi_agent.testing import run
from tests.asgi.fake_hosts import CONNECT, Host, ask, http_scope, websocket_scope

EVIL = (b"origin", b"https://evil.example")
HOST = (b"host", b"agent.example")


async def reached(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that says it was called."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"reached"})
    else:
        await send({"type": "reached"})


async def handshake(scope: Scope, allow_origins: Sequence[str] = ()) -> list[str]:
    host = Host(CONNECT)
    await Origin(reached, allow_origins=allow_origins)(scope, host.receive, host.send)
    return host.kinds


# ── S5, B14: cross-site WebSockets ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("allow_origins", [[], ["https://app.example"], ["*"]])
def test_s5_b14_a_page_of_another_site_cannot_open_a_websocket(allow_origins: list[str]) -> None:
    assert run(handshake(websocket_scope(HOST, EVIL), allow_origins)) == ["websocket.close"]


@pytest.mark.parametrize("allow_origins", [[], ["https://app.example"], ["*"]])
def test_s5_b14_the_null_origin_cannot_open_a_websocket(allow_origins: list[str]) -> None:
    scope = websocket_scope(HOST, (b"origin", b"null"))
    assert run(handshake(scope, allow_origins)) == ["websocket.close"]


def test_a_refused_handshake_says_why_where_the_host_can_send_it() -> None:
    async def main() -> None:
        host = Host(CONNECT)
        scope = websocket_scope(HOST, EVIL, extensions={"websocket.http.response": {}})
        await Origin(reached)(scope, host.receive, host.send)
        start, body = host.sent
        assert start["status"] == 403
        assert (b"content-type", b"application/json") in start["headers"]
        assert body["body"] == b'{"error":"requests from this origin are not allowed"}'

    run(main())


def test_a_websocket_opens_for_who_sends_no_origin_and_for_the_same_host_and_for_the_listed() -> (
    None
):
    assert run(handshake(websocket_scope())) == ["reached"]
    same = websocket_scope(HOST, (b"origin", b"https://agent.example"))
    assert run(handshake(same)) == ["reached"]
    listed = websocket_scope(HOST, (b"origin", b"https://app.example:8443"))
    assert run(handshake(listed, ["https://app.example:8443"])) == ["reached"]
    assert run(handshake(listed, ["https://app.example"])) == ["websocket.close"]
    assert run(handshake(websocket_scope((b"origin", b"null")), ["null"])) == ["reached"]


# ── B14: cross-site requests ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
def test_b14_a_page_of_another_site_cannot_post_without_a_preflight(method: str) -> None:
    text = (b"content-type", b"text/plain")  # which needs no preflight
    answer = run(ask(Origin(reached), http_scope(method, HOST, EVIL, text)))
    assert answer.status == 403
    assert answer.body == b'{"error":"requests from this origin are not allowed"}'


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_safe_method_is_not_asked(method: str) -> None:
    assert run(ask(Origin(reached), http_scope(method, HOST, EVIL))).body == b"reached"


@pytest.mark.parametrize("allow_origins", [["*"], ["https://evil.example"]])
def test_a_request_passes_where_any_origin_is_allowed(allow_origins: list[str]) -> None:
    app = Origin(reached, allow_origins=allow_origins)
    assert run(ask(app, http_scope("POST", HOST, EVIL))).body == b"reached"


def test_other_scopes_pass_untouched() -> None:
    async def main() -> None:
        host = Host()
        await Origin(reached)({"type": "lifespan"}, host.receive, host.send)
        assert host.kinds == ["reached"]

    run(main())


# ── the same host ────────────────────────────────────────────────────────────────────────────

SAME = [
    ("http://localhost:8000", "localhost:8000", {}),
    ("http://LOCALHOST:8000", "localhost:8000", {}),
    ("http://localhost", "LocalHost", {}),
    ("http://localhost", "localhost:80", {}),
    ("https://a.example", "a.example:443", {"scheme": "https"}),
    ("https://a.example", "a.example:443", {"scheme": "wss"}),
    ("https://a.example", "a.example:443", {"scheme": "http"}),  # behind a proxy that ends TLS
    ("https://a.example", "a.example:80", {"scheme": "ws"}),  # the same, with the inner port
    ("https://a.example", "a.example", {"scheme": None}),
    ("http://[::1]:8000", "[::1]:8000", {}),
    ("http://[::1]", "[::1]:80", {}),
]
OTHER = [
    ("http://localhost:8001", "localhost:8000", {}),
    ("http://localhost", "localhost:8000", {}),
    ("http://localhost:443", "localhost", {}),
    ("https://a.example:80", "a.example", {"scheme": "https"}),
    ("https://evil.example", "a.example", {}),
    ("https://a.example.evil.example", "a.example", {}),
    ("https://evil.example/a.example", "a.example", {}),
    ("https://a.example@evil.example", "a.example", {}),
    ("https://evil.example:80@a.example", "a.example", {}),
    ("http://[::1]", "[::2]", {}),
    ("null", "null", {}),
    ("a.example", "a.example", {}),
    ("://a.example", "a.example", {}),
    ("", "", {}),
]


@pytest.mark.parametrize(("origin", "host", "keys"), SAME)
@pytest.mark.parametrize("scope", [http_scope, websocket_scope])
def test_the_same_host_is_the_host_header_without_a_default_port(
    origin: str, host: str, keys: dict[str, Any], scope: Any
) -> None:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    assert origin_allowed({**scope(**keys), "headers": headers}, ())


@pytest.mark.parametrize(("origin", "host", "keys"), OTHER)
@pytest.mark.parametrize("scope", [http_scope, websocket_scope])
def test_another_port_or_name_is_another_host(
    origin: str, host: str, keys: dict[str, Any], scope: Any
) -> None:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    assert not origin_allowed({**scope(**keys), "headers": headers}, ())


def test_without_a_host_header_nothing_is_the_same_host() -> None:
    assert not origin_allowed(http_scope("POST", EVIL), ())


# ── options ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example/", "https://app.example/path", "app.example", "", "https://"),
        *("https://App.example", "HTTPS://app.example", "https://*.example", "https://a b"),
        *("https://bücher.example", "https://user@app.example"),
        *("http://app.example:80", "https://app.example:443", "https://app.example:port"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused_when_the_app_is_made(origin: str) -> None:
    with pytest.raises(UsageError, match="an origin is a scheme"):
        Origin(reached, allow_origins=[origin])


@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example", "http://localhost:5173", "http://[::1]:3000", "null", "*"),
        *("chrome-extension://abcdef", "tauri://localhost", "http://app.example:443"),
    ],
)
def test_an_origin_that_a_browser_sends_is_taken(origin: str) -> None:
    assert Origin(reached, allow_origins=[origin]).allow_origins == (origin,)


def test_one_text_is_not_a_list_of_origins() -> None:
    with pytest.raises(UsageError, match="a list of origins"):
        Origin(reached, allow_origins="https://app.example")


# ── around another framework ─────────────────────────────────────────────────────────────────


def test_it_guards_a_starlette_application() -> None:
    async def post(request: Request) -> PlainTextResponse:
        return PlainTextResponse("reached")

    async def echo(websocket: StarletteWebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    routes = [Route("/", post, methods=["POST"]), WebSocketRoute("/", echo)]
    app = Origin(Starlette(routes=routes))

    async def kinds(*headers: tuple[bytes, bytes]) -> list[str]:
        host = Host(CONNECT)
        scope = websocket_scope(HOST, *headers, query_string=b"", subprotocols=[])
        await app(scope, host.receive, host.send)
        return host.kinds

    assert run(ask(app, http_scope("POST", HOST, EVIL, query_string=b""))).status == 403
    assert run(ask(app, http_scope("POST", HOST, query_string=b""))).body == b"reached"
    assert run(kinds(EVIL)) == ["websocket.close"]
    assert run(kinds()) == ["websocket.accept", "websocket.close"]
