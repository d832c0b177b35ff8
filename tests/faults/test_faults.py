"""The fault table, each row with a fault at a random moment."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.rows import ROWS, Stage

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(request.param, tmp_path_factory.mktemp("faults"), stack)


@pytest.mark.parametrize("name", ROWS)
def test_every_client_has_everything_once_and_in_order_although(stage: Stage, name: str) -> None:
    play, kinds = ROWS[name]
    if stage.kind not in kinds:
        return  # this store has no such fault
    for _ in range(ROUNDS):
        asyncio.run(play(stage))
