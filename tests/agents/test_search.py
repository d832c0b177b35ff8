"""Full-text search: what is found, what is not, and where the passages come from."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.agents.search import Documentation, Index, Passage, documentation, sections
from asgi_agent.testing import run

BIRDS = (
    Passage("Robins", "A robin sings in the garden, and the garden is quiet."),
    Passage("Owls", "An owl sleeps by day."),
    Passage("Larks", "A lark sings, and sings, and sings."),
    Passage(
        "Crows", "Nobody has written of crows, and so this goes on for a while, about nothing."
    ),
)


def found(query: str, passages: tuple[Passage, ...] = BIRDS, limit: int = 3) -> list[str]:
    index = Index()
    for passage in passages:
        index.add(passage)
    return [passage.source for passage in index.search(query, limit)]


def test_a_passage_is_found_by_a_word_of_its_text() -> None:
    assert found("garden") == ["Robins"]


def test_a_passage_is_found_by_its_source() -> None:
    assert found("Owls") == ["Owls"]


def test_the_passage_that_says_a_word_more_often_is_the_better_one() -> None:
    assert found("Who sings?") == ["Larks", "Robins"]


def test_the_rarer_word_counts_for_more() -> None:
    often = tuple(Passage(f"P{number}", "common") for number in range(5))
    rare = Passage("R", "rare")
    assert found("common rare", (*often, rare)) == ["R"]


def test_the_shorter_passage_is_the_better_one() -> None:
    long = Passage("Long", "wren " + "and something quite different " * 20)
    short = Passage("Short", "wren")
    assert found("wren", (long, short, *BIRDS)) == ["Short", "Long"]


def test_of_equals_the_first_is_the_first() -> None:
    assert found("bird", tuple(Passage(name, "bird") for name in "ABCD"), limit=2) == ["A", "B"]


def test_forms_of_a_word_are_one_word() -> None:
    passages = (*BIRDS, Passage("Streams", "To resume is to follow again."))
    for query in ("resume", "resumes", "resumed", "Resuming", "RESUME"):
        assert found(query, passages) == ["Streams"]


def test_a_name_in_code_is_found_by_its_words_and_as_a_whole() -> None:
    passages = (*BIRDS, Passage("x.HTTPEventStream", "with last_event_id"))
    for query in ("event stream", "EventStream", "http", "last-event-id", "eventStream_"):
        assert found(query, passages) == ["x.HTTPEventStream"]


def test_words_of_other_alphabets_are_words() -> None:
    assert found("жаворонок", (*BIRDS, Passage("RU", "жаворонок поёт"))) == ["RU"]


def test_nothing_is_found_where_most_of_the_question_is_about_something_else() -> None:
    assert found("How does an owl compile Fortran?") == []


@pytest.mark.parametrize("query", ["", "?!", "what is the", "penguin"])
def test_nothing_is_found_for_a_question_about_nothing_that_is_known(query: str) -> None:
    assert found(query) == []
    assert found(query, ()) == []


@given(st.lists(st.text(), max_size=5), st.text())
@example([""], "")
@example(["a", "ß"], "ß a")
def test_what_is_found_was_added_and_holds_a_word_of_the_question(
    texts: list[str], query: str
) -> None:
    index = Index()
    passages = [Passage("", text) for text in texts]
    for passage in passages:
        index.add(passage)
    best = index.search(query, limit=2)
    assert len(best) <= 2
    assert set(best) <= set(passages)


def test_the_passages_are_read_at_the_first_search_and_only_then() -> None:
    reads = 0

    def passages() -> Iterator[Passage]:
        nonlocal reads
        reads += 1
        yield from BIRDS

    async def main() -> None:
        birds = Documentation(passages())
        assert reads == 0
        assert [passage.source for passage in await birds.search("owl")] == ["Owls"]
        assert [passage.source for passage in await birds.search("sings", limit=1)] == ["Larks"]
        assert reads == 1

    run(main())


def test_others_run_while_the_passages_are_read_and_two_searches_find_the_same() -> None:
    async def main() -> None:
        many = Documentation(Passage(f"P{number}", "wren") for number in range(100))
        first = asyncio.ensure_future(many.search("P99"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not first.done()
        second = await many.search("P99")
        assert second == await first == [Passage("P99", "wren")]

    run(main())


def test_the_sections_of_a_text_have_their_headings_in_their_sources() -> None:
    text = "intro\n\n# One\n\nfirst\n```python\n# a comment\n```\n## Empty\n### Two ###\nsecond\n#x"
    assert list(sections(text)) == [
        Passage("README", "intro"),
        Passage("README, One", "first\n```python\n# a comment\n```"),
        Passage("README, Two ###", "second\n#x"),
    ]
    assert list(sections("", "NOTES")) == []


def test_this_package_documents_itself() -> None:
    sources = {passage.source for passage in documentation()}
    assert {
        "asgi_agent.agents.search",
        "asgi_agent.agents.search.Index",
        "asgi_agent.agents.search.documentation",
        "asgi_agent.sse",
    } <= sources


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of our own, which is importable."""
    name = "a_bird_book"
    (tmp_path / name / "songs" / "__pycache__").mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text('"""All birds."""\n', encoding="utf-8")
    (tmp_path / name / "songs" / "__init__.py").touch()
    (tmp_path / name / "README.md").write_text("not a module", encoding="utf-8")
    (tmp_path / name / "songs" / "lark.py").write_text(
        '"""The lark."""\nx = 1\ndef sing():\n    """Up — high."""\ndef _hush():\n    """No."""\n'
        'class Egg:\n    pass\nasync def fly():\n    """Off."""\n',
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_docstrings_are_read_from_the_sources(package: str) -> None:
    assert list(documentation(package)) == [
        Passage("a_bird_book", "All birds."),
        Passage("a_bird_book.songs.lark", "The lark."),
        Passage("a_bird_book.songs.lark.sing", "Up — high."),
        Passage("a_bird_book.songs.lark.fly", "Off."),
    ]


def test_the_description_of_an_installed_package_is_read_too(package: str, tmp_path: Path) -> None:
    installed = tmp_path / f"{package}-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n\n# Birds\n\nHow to watch.\n",
        encoding="utf-8",
    )
    assert Passage("README, Birds", "How to watch.") in list(documentation(package))
