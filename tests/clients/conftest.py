"""The server that the clients of a module share, and the witness of what one test asked of it."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import httpx
import pytest

from tests.serving import HOSTS, Served, serve

Witness: TypeAlias = Callable[[], dict[str, list[Any]]]


@pytest.fixture(scope="module", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """tests/clients/apps.py under each host program."""
    with serve("tests.clients.apps:app", request.param) as served:
        yield served


@pytest.fixture
def witness(served: Served) -> Witness:
    """What the server has been asked since the test began."""

    def tell() -> dict[str, list[Any]]:
        told: dict[str, list[Any]] = httpx.get(f"{served.url}/witness").json()
        return told

    tell()  # and forget what other tests have asked
    return tell
