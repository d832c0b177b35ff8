"""The fault table on the log in a real Valkey."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.rows import Stage, play, rows_of


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage("redis", tmp_path_factory.mktemp("faults"), stack)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", rows_of("redis"))
def test_every_client_has_everything_once_and_in_order_although(stage: Stage, name: str) -> None:
    play(stage, name)
