"""Scripts that nobody thought of have the shapes that matter, and come soon."""

import re
from collections.abc import Callable

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from sse_conformance.emission import traits_of
from sse_conformance.examples import EXAMPLES
from sse_conformance.script import comments_of, events_of, text_of
from sse_conformance.strategies import SCRIPTS, chunkings
from sse_conformance.transcript import Operations

SOON = 12  # the first dozen
FORGED = re.compile("[\r\n](?:data|event|id|retry)?:")
BARE_CR = re.compile("\r(?!\n)")


def first_dozen(requirement: str, luck: int) -> list[Operations]:
    found: list[Operations] = []

    @seed(luck)
    @settings(max_examples=SOON, database=None, phases=(Phase.generate,))
    @given(SCRIPTS[requirement])
    def collect(script: Operations) -> None:
        found.append(script)

    collect()
    return found


def event_forges(script: Operations) -> bool:
    return any(FORGED.search(each.event or "") for each in events_of(script))


def id_forges(script: Operations) -> bool:
    return any(FORGED.search(each.id or "") for each in events_of(script))


def comment_forges(script: Operations) -> bool:
    return any(map(FORGED.search, comments_of(script)))


def has_bare_cr(script: Operations) -> bool:
    return any(BARE_CR.search(str(each.data)) for each in events_of(script))


@pytest.mark.parametrize(
    ("requirement", "is_wanted"),
    [
        ("FRM-08", event_forges),
        ("FRM-08", id_forges),
        ("FRM-09", comment_forges),
        ("FRM-05", has_bare_cr),
    ],
)
def test_injections_are_among_the_first_dozen(
    requirement: str, is_wanted: Callable[[Operations], bool]
) -> None:
    for luck in range(10):
        assert any(map(is_wanted, first_dozen(requirement, luck)))


@pytest.mark.parametrize("requirement", SCRIPTS)
def test_generated_scripts_are_about_what_they_are_for(requirement: str) -> None:
    about_any = {"ENC-01", "FRM-11", "DSP-01"}
    scripts = first_dozen(requirement, 1)
    assert len({text_of(script) for script in scripts}) > (1 if requirement == "DSP-02" else 5)
    if requirement not in about_any:
        assert any(requirement in traits_of(script) for script in scripts)


def test_sizes_are_about_those_of_buffers() -> None:
    scripts = [script for luck in range(5) for script in first_dozen("FRM-12", luck)]
    sizes = {len(each.text) for script in scripts for each in events_of(script)}
    for size in (4096, 16_384, 65_536):
        assert any(abs(size - each) <= 8 for each in sizes)


def test_every_requirement_has_scripts_of_both_kinds() -> None:
    assert SCRIPTS.keys() <= EXAMPLES.keys()


@given(st.data(), st.binary(max_size=20))
def test_chunks_are_the_stream(data: st.DataObject, stream: bytes) -> None:
    assert b"".join(data.draw(chunkings(stream))) == stream
