"""The files of the page, as they are served."""

import asyncio
import re

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from asgi_agent import Turn, create_app, playground
from asgi_agent.asgi import ASGIApp, Receive, Scope, Send


async def agent(turn: Turn) -> str:
    return turn.prompt


APP = create_app(agent)
MOUNTED = Starlette(routes=[Mount("/agents/one", APP)])


def get(path: str, app: ASGIApp = APP, method: str = "GET", root_path: str = "") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "content_type", "begins"),
    [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/client.js", "text/javascript; charset=utf-8", "/**"),
        ("/page.js", "text/javascript; charset=utf-8", "/**"),
        ("/view.js", "text/javascript; charset=utf-8", "/**"),
        ("/page.css", "text/css; charset=utf-8", ":root"),
        ("/icon.svg", "image/svg+xml", "<svg"),
    ],
)
def test_a_file_is_served_with_its_type_and_is_never_stale(
    path: str, content_type: str, begins: str
) -> None:
    response = get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.text.startswith(begins)


@pytest.mark.parametrize("path", ["/", "/client.js"])
def test_head_tells_the_headers_alone(path: str) -> None:
    told, full = get(path, method="HEAD"), get(path)

    assert told.status_code == 200
    assert told.headers == full.headers
    assert told.content == b""


@pytest.mark.parametrize("path", ["/", "/client.js"])
def test_nothing_can_be_posted_to_a_file(path: str) -> None:
    response = get(path, method="POST")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/page.html", "/__init__.py", "/..%2Fapp.py", "/client.js/x"])
def test_no_other_file_is_served(path: str) -> None:
    assert get(path).status_code == 404


def test_the_page_may_run_its_own_scripts_only() -> None:
    response = get("/")

    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "<style" not in response.text
    assert not re.search(r"<script(?![^>]* src=)| on\w+=| style=", response.text)


def test_all_that_the_page_loads_is_relative_and_is_ours() -> None:
    loaded = set(re.findall(r'(?:src|href)="([^"]*)"', get("/").text))
    for name in ("page.js", "view.js"):
        imported = re.findall('from "(.*)"', get(f"/{name}").text)
        loaded |= {url.removeprefix("./") for url in imported}

    assert loaded == set(playground.FILES)


@pytest.mark.parametrize("path", ["/agents/one/", "/agents/one/client.js"])
def test_the_files_are_served_under_a_mount(path: str) -> None:
    assert get(path, MOUNTED).status_code == 200


@pytest.mark.parametrize(
    ("seen", "location"),
    [("/agents/one", "./one/"), ("/a%2F%C3%A9", "./a%2F%C3%A9/"), ("/a?b=/", "./a/")],
)
def test_the_page_moves_to_where_its_relative_urls_are_right(seen: str, location: str) -> None:
    prefix = httpx.URL(seen).path

    response = get(seen, root_path=prefix)

    assert (response.status_code, response.headers["location"]) == (307, location)


def test_a_host_that_tells_no_raw_path_moves_the_page_too() -> None:
    async def without_raw_path(scope: Scope, receive: Receive, send: Send) -> None:
        await APP({**scope, "raw_path": None}, receive, send)

    response = get("/é", without_raw_path, root_path="/é")

    assert (response.status_code, response.headers["location"]) == (307, "./%C3%A9/")


def test_an_empty_path_is_the_root() -> None:
    async def at_nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await APP({**scope, "path": "", "raw_path": b""}, receive, send)

    assert get("/", at_nothing).status_code == 200
