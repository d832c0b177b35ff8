"""The servers that the tests of this directory share; each has to stay silent about itself."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from websockets.sync.client import ClientConnection

from tests.hosts.talk import browse, complaints, open_socket, turn, words
from tests.serving import HOSTS, Served, serve


@pytest.fixture(scope="session", params=HOSTS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """tests/hosts/apps.py under each host program."""
    with serve("tests.hosts.apps:app", request.param) as served:
        yield served
        assert complaints(served) == []


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with browse(served.url) as client:
        yield client


@pytest.fixture
def session_id() -> str:
    """The name of a session that nobody else has."""
    return str(uuid4())


@pytest.fixture
def bystander(served: Served) -> Iterator[ClientConnection]:
    """Somebody else, who is heard and answered before the test and after it."""
    with open_socket(f"{served.url}/ws") as websocket:
        turn(websocket, "Hello!")
        yield websocket
        assert words(turn(websocket, "Hello again!")) == "You said: Hello again!"
