"""Full-text search over what this package says of itself: its docstrings, and its README.

Passages are ranked by Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework",
2009, 3.2): a word counts for more the rarer it is, and for less the longer the passage.
"""

import ast
import asyncio
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGE = __name__.partition(".")[0]

_SATURATION = 1.2  # k1: how soon one more occurrence of a word counts for nothing
_LENGTH = 0.75  # b: how much a long passage pays for its length
_COVERAGE = 0.5  # a passage holds at least half of what the question's words weigh

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_a-zA-Z]+")  # EventStream: two
_ENDING = re.compile(r"(?<=...)(?:ing|ed|es|s|e)$")  # resume, resumes, resumed, resuming: one
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a about an and are as at be by can could do does for from have how i in is it its me my of"
        " on or please should tell that the there this to was we what when where which who why will"
        " with would you your",
    )
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text, and where it stands."""

    source: str
    text: str


class Index:
    """An inverted index: which passages hold a word, and how often.

    >>> index = Index()
    >>> index.add(Passage("Cats", "A cat sleeps."))
    >>> index.add(Passage("Dogs", "A dog barks at a cat."))
    >>> [passage.source for passage in index.search("Why do dogs bark?")]
    ['Dogs']
    """

    def __init__(self) -> None:
        self._passages: list[Passage] = []
        self._lengths: list[int] = []
        self._postings: dict[str, dict[int, int]] = {}

    def add(self, passage: Passage) -> None:
        """Make the passage one that can be found, by its text and by its source."""
        words = list(_words(f"{passage.source} {passage.text}"))
        for word, count in Counter(words).items():
            self._postings.setdefault(word, {})[len(self._passages)] = count
        self._passages.append(passage)
        self._lengths.append(len(words))

    def search(self, query: str, limit: int = 3) -> list[Passage]:
        """The passages that answer best, the best first; none if none is about the query."""
        weights = {word: self._weight(word) for word in _words(query) if word not in _STOP}
        scores, coverage = defaultdict[int, float](float), defaultdict[int, float](float)
        for word, weight in weights.items():
            for number, count in self._postings.get(word, {}).items():
                scores[number] += weight * self._frequency(number, count)
                coverage[number] += weight
        enough = _COVERAGE * sum(weights.values())
        best = sorted(scores, key=lambda number: (-scores[number], number))
        return [self._passages[number] for number in best if coverage[number] >= enough][:limit]

    def _weight(self, word: str) -> float:
        """The word's inverse document frequency."""
        holding = len(self._postings.get(word, ()))
        return math.log1p((len(self._passages) - holding + 0.5) / (holding + 0.5))

    def _frequency(self, number: int, count: int) -> float:
        average = sum(self._lengths) / len(self._lengths)
        length = 1 - _LENGTH + _LENGTH * self._lengths[number] / average
        return count * (_SATURATION + 1) / (count + _SATURATION * length)


class Documentation:
    """Passages that are read at the first search, and never again."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._unread = iter(passages)
        self._index = Index()

    async def search(self, query: str, limit: int = 3) -> list[Passage]:
        """The passages that answer best. While they are read, others may run."""
        for number, passage in enumerate(self._unread):
            self._index.add(passage)
            if number % 16 == 15:  # a few milliseconds
                await asyncio.sleep(0)
        return self._index.search(query, limit)


def documentation(package: str = PACKAGE) -> Iterator[Passage]:
    """What the package says of itself, as it is installed."""
    yield from _docstrings(files(package), package)
    try:
        description = metadata(package).json.get("description", "")
    except PackageNotFoundError:  # it runs from its sources
        return
    yield from sections(str(description))


def sections(markdown: str, name: str = "README") -> Iterator[Passage]:
    """The sections of a text in Markdown, each with its heading in its source."""
    source, lines, fence = name, list[str](), False
    for line in [*markdown.split("\n"), "# "]:
        if line.startswith("```"):
            fence = not fence
        if fence or not re.match(r"#{1,6} ", line):
            lines.append(line)
            continue
        if text := "\n".join(lines).strip():
            yield Passage(source, text)
        source, lines = f"{name}, {line.lstrip('# ').strip()}", []


def _docstrings(folder: Traversable, name: str) -> Iterator[Passage]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        stem, _, ending = entry.name.partition(".")
        if entry.is_dir() and not entry.name.startswith("_"):
            yield from _docstrings(entry, f"{name}.{stem}")
        elif ending == "py":
            module = name if stem == "__init__" else f"{name}.{stem}"
            yield from _documented(ast.parse(entry.read_bytes()), module)


def _documented(module: ast.Module, name: str) -> Iterator[Passage]:
    """The docstrings of a module, and of its functions and classes; a method's needs its class."""
    if text := ast.get_docstring(module):
        yield Passage(name, text)
    for node in module.body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if not node.name.startswith("_") and (text := ast.get_docstring(node)):
                    yield Passage(f"{name}.{node.name}", text)
            case _:
                pass


def _words(text: str) -> Iterator[str]:
    """The words of the text, as they are compared."""
    for word in _WORD.findall(text):
        lowered = word.lower()
        yield lowered if lowered in _STOP else _ENDING.sub("", lowered)
