"""CORS: who may read what, to the letter of the Fetch standard.

`browser_allows` is the browser's half of it, written down from the standard.
"""

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from asgi_agent.asgi.types import ASGIApp, Receive, Scope, Send
from asgi_agent.errors import UsageError
from asgi_agent.middleware import CORS
from asgi_agent.testing import run
from tests.asgi.fake_hosts import Answer, Host, ask, http_scope, websocket_scope

APP = "https://app.example"
EVIL = "https://evil.example"
CREDENTIALS = b"access-control-allow-credentials"
ORIGIN = b"access-control-allow-origin"


def answering(*headers: tuple[bytes, bytes], status: int = 200) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    return app


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("a preflight is not for the application")


def get(app: ASGIApp, origin: str | None = None, method: str = "GET") -> Answer:
    headers = [] if origin is None else [(b"origin", origin.encode())]
    return run(ask(app, http_scope(method, *headers)))


def preflight(app: ASGIApp, origin: str, method: str = "POST", names: str | None = None) -> Answer:
    headers = [
        (b"origin", origin.encode()),
        (b"access-control-request-method", method.encode()),
    ]
    if names is not None:
        headers.append((b"access-control-request-headers", names.encode()))
    return run(ask(app, http_scope("OPTIONS", *headers)))


def shares(answer: Answer, origin: str, *, credentials: bool = False) -> bool:
    """Fetch, 4.10, CORS check."""
    allowed = answer.one(ORIGIN)
    if allowed is None:
        return False
    if not credentials and allowed == b"*":
        return True
    if allowed != origin.encode():
        return False
    return not credentials or answer.one(CREDENTIALS) == b"true"


def browser_allows(
    answer: Answer, origin: str, method: str, names: str = "", *, credentials: bool = False
) -> bool:
    """Fetch, 4.9, CORS-preflight fetch, step 7."""

    def listed(name: bytes) -> list[str]:
        return [each.strip() for each in (answer.one(name) or b"").decode().split(",")]

    if not shares(answer, origin, credentials=credentials) or not 200 <= answer.status < 300:
        return False
    methods = listed(b"access-control-allow-methods")
    if method not in methods and method not in {"GET", "HEAD", "POST"}:
        return False  # "*" is not looked at: we never send it
    allowed = [name.lower() for name in listed(b"access-control-allow-headers")]
    return all(name.lower() in allowed for name in names.split(",") if name)


# ── B14: what the defaults give away ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("origin", [EVIL, "null", APP])
def test_b14_any_origin_may_read_but_never_with_credentials(origin: str) -> None:
    for answer in (
        get(CORS(answering(), allow_origins=["*"]), origin),
        preflight(CORS(unreachable, allow_origins=["*"]), origin),
    ):
        assert answer.one(ORIGIN) == b"*"
        assert answer.one(CREDENTIALS) is None


def test_b14_any_origin_with_credentials_is_refused_when_the_app_is_made() -> None:
    with pytest.raises(UsageError, match="a list of origins"):
        CORS(answering(), allow_origins=["*"], allow_credentials=True)


@pytest.mark.parametrize("origin", [EVIL, "null", "https://app.example:8443", "http://app.example"])
@pytest.mark.parametrize("credentials", [True, False])
def test_b14_an_origin_that_is_not_listed_is_never_reflected(
    origin: str, credentials: bool
) -> None:
    make = partial(CORS, allow_origins=[APP], allow_credentials=credentials)
    for answer in (get(make(answering()), origin), preflight(make(unreachable), origin)):
        assert not [name for name, _ in answer.headers if name.startswith(b"access-control-")]
        assert answer.one(b"vary") == b"Origin"


def test_null_is_an_origin_like_another_where_it_is_listed() -> None:
    answer = get(CORS(answering(), allow_origins=["null"]), "null")
    assert answer.one(ORIGIN) == b"null"


# ── what is shared ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [200, 204, 404, 503])
def test_a_listed_origin_reads_streams_and_errors(status: int) -> None:
    answer = get(CORS(answering(status=status), allow_origins=["https://b.example", APP]), APP)
    assert answer.status == status
    assert answer.headers == [(ORIGIN, APP.encode()), (b"vary", b"Origin")]
    assert [message.get("body") for message in answer.messages[1:]] == [b"one ", b"two"]


def test_credentials_are_for_listed_origins() -> None:
    app = CORS(answering(), allow_origins=[APP], allow_credentials=True)
    assert shares(get(app, APP), APP, credentials=True)
    assert get(app).one(CREDENTIALS) is None


def test_what_does_not_depend_on_the_origin_is_the_same_without_one() -> None:
    app = CORS(answering(), allow_origins=["*"])
    assert get(app).headers == get(app, APP).headers == [(ORIGIN, b"*")]


def test_what_depends_on_the_origin_says_so_also_without_one() -> None:
    assert get(CORS(answering(), allow_origins=[APP])).headers == [(b"vary", b"Origin")]


@pytest.mark.parametrize(
    ("own", "varied"),
    [
        ([b"Accept"], b"Accept, Origin"),
        ([b"Accept", b"Cookie, DNT"], b"Accept, Cookie, DNT, Origin"),
        ([b"Accept,origin"], b"Accept,origin"),
        ([b"*"], b"*"),
    ],
)
def test_origin_joins_what_the_response_varies_by(own: list[bytes], varied: bytes) -> None:
    app = CORS(answering(*((b"Vary", value) for value in own)), allow_origins=[APP])
    assert get(app, APP).one(b"vary") == varied


def test_the_applications_own_headers_of_sharing_are_replaced() -> None:
    own = [(b"Access-Control-Allow-Origin", b"*"), (CREDENTIALS, b"true"), (b"x-run", b"1")]
    app = CORS(answering(*own), allow_origins=[APP], expose_headers=["x-run", "x-turn"])
    answer = get(app, APP)
    assert answer.all(ORIGIN) == [APP.encode()]
    assert answer.all(CREDENTIALS) == []
    assert answer.one(b"access-control-expose-headers") == b"x-run, x-turn"
    assert answer.one(b"x-run") == b"1"
    assert get(app, EVIL).headers == [(b"x-run", b"1"), (b"vary", b"Origin")]


def test_nobody_is_allowed_by_default() -> None:
    assert get(CORS(answering()), APP).headers == []
    assert preflight(CORS(unreachable), APP).status == 403


def test_the_applications_own_message_is_not_changed() -> None:
    headers = ((b"x-run", b"1"),)
    start: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": headers}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)

    assert get(CORS(app, allow_origins=["*"]), APP).headers == [*headers, (ORIGIN, b"*")]
    assert start == {"type": "http.response.start", "status": 200, "headers": headers}


def test_a_start_without_headers_gets_some() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})

    assert get(CORS(app, allow_origins=["*"]), APP).headers == [(ORIGIN, b"*")]


def test_an_exception_of_the_application_passes_through() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        get(CORS(app, allow_origins=["*"]), APP)


# ── preflights ───────────────────────────────────────────────────────────────────────────────

ANY_HEADER = {"allow_headers": ["*"]}


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("POST", "content-type"),
        ("GET", "last-event-id"),
        ("DELETE", "authorization"),
        ("PATCH", "authorization,content-type"),
        ("PUT", ""),
    ],
)
@pytest.mark.parametrize("options", [{"allow_origins": ["*"]}, {"allow_origins": [APP]}])
def test_a_preflight_is_answered_without_the_application(
    method: str, names: str, options: dict[str, Any]
) -> None:
    answer = preflight(CORS(unreachable, **options), APP, method, names)
    assert (answer.status, answer.body) == (204, b"")
    assert browser_allows(answer, APP, method, names)
    assert answer.one(b"access-control-max-age") == b"600"
    assert answer.one(b"content-length") is None
    assert b"Origin" in (answer.one(b"vary") or b"")


def test_a_preflight_of_another_origin_is_refused_with_403() -> None:
    answer = preflight(CORS(unreachable, allow_origins=[APP]), EVIL)
    assert answer.status == 403
    assert answer.body == b'{"error":"this origin is not allowed"}'
    assert not browser_allows(answer, EVIL, "POST")


@pytest.mark.parametrize(
    ("method", "names"), [("BREW", ""), ("patch", ""), ("GET", "x-stainless-lang")]
)
def test_a_method_or_header_that_is_not_allowed_is_not_named_and_the_browser_refuses(
    method: str, names: str
) -> None:
    answer = preflight(CORS(unreachable, allow_origins=[APP]), APP, method, names)
    assert answer.status == 204
    assert not browser_allows(answer, APP, method, names)


@pytest.mark.parametrize("credentials", [True, False])
def test_where_any_header_is_allowed_each_is_named_authorization_too(credentials: bool) -> None:
    app = CORS(unreachable, allow_origins=[APP], allow_credentials=credentials, **ANY_HEADER)
    names = "authorization,x-stainless-arch,x-stainless-os"
    answer = preflight(app, APP, "POST", names)
    assert browser_allows(answer, APP, "POST", names, credentials=credentials)
    assert preflight(app, APP).one(b"access-control-allow-headers") == b""


def test_where_any_method_is_allowed_it_is_named() -> None:
    app = CORS(unreachable, allow_origins=[APP], allow_credentials=True, allow_methods=["*"])
    assert browser_allows(preflight(app, APP, "BREW"), APP, "BREW", credentials=True)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"origin", APP.encode())],
        [(b"access-control-request-method", b"POST")],
    ],
)
def test_an_options_request_that_is_no_preflight_is_the_applications(
    headers: list[tuple[bytes, bytes]],
) -> None:
    app = CORS(answering(status=204), allow_origins=[APP])
    answer = run(ask(app, http_scope("OPTIONS", *headers)))
    assert answer.body == b"one two"


def test_a_get_with_the_headers_of_a_preflight_is_none() -> None:
    headers = [(b"origin", APP.encode()), (b"access-control-request-method", b"POST")]
    app = CORS(answering(), allow_origins=[APP])
    assert run(ask(app, http_scope("GET", *headers))).body == b"one two"


# ── what is none of its business ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "scope", [websocket_scope((b"origin", EVIL.encode())), {"type": "lifespan"}]
)
def test_other_scopes_pass_untouched(scope: Scope) -> None:
    async def main() -> None:
        seen: list[tuple[Scope, Receive, Send]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope, receive, send))

        host = Host()
        receive, send = host.receive, host.send
        await CORS(app, allow_origins=[APP])(scope, receive, send)
        assert seen[0][0] is scope
        assert seen[0][1:] == (receive, send)

    run(main())


def test_only_the_start_is_touched() -> None:
    async def main() -> None:
        host = Host()
        message: dict[str, Any] = {"type": "http.response.body", "body": b"", "headers": []}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(message)

        await CORS(app, allow_origins=["*"])(http_scope(), host.receive, host.send)
        assert host.sent[0] is message

    run(main())


# ── options ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"allow_origins": "https://app.example"}, "a list of origins"),
        ({"allow_origins": ["https://app.example/"]}, "an origin is a scheme"),
        ({"max_age": -1}, "max_age"),
        ({"allow_methods": "GET"}, "allow_methods is a list"),
        ({"allow_methods": ["GET,POST"]}, "allow_methods has a name"),
        ({"allow_headers": ["x run"]}, "allow_headers has a name"),
        ({"expose_headers": ["x-run\r\nx"]}, "expose_headers has a name"),
    ],
)
def test_a_wrong_option_is_refused_when_the_app_is_made(
    options: dict[str, Any], match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        CORS(answering(), **options)


# ── around another framework ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrap", [CORS, partial(CORS, allow_headers=["*"])])
def test_it_shares_the_stream_and_the_404_of_a_starlette_application(
    wrap: Callable[..., ASGIApp],
) -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        yield b"data: 2\n\n"

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    app = wrap(Starlette(routes=[Route("/", stream)]), allow_origins=[APP])

    def fetch(path: str) -> Answer:
        scope = http_scope("GET", (b"origin", APP.encode()), query_string=b"")
        return run(ask(app, {**scope, "path": path}))

    found = fetch("/")
    assert shares(found, APP)
    assert found.body == b"data: 1\n\ndata: 2\n\n"
    missing = fetch("/missing")
    assert missing.status == 404
    assert shares(missing, APP)
