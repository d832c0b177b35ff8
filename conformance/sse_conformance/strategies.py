"""Scripts that nobody thought of: what Hypothesis makes of the grammar of event streams.

What goes wrong in encoders is rare among all texts. So the letters are weighted, and whatever is
meant to forge something has the shape of what it forges.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from hypothesis import strategies as st

from .examples import BREAKS
from .transcript import Operation, Operations

Scripts: TypeAlias = st.SearchStrategy[Operations]
Texts: TypeAlias = st.SearchStrategy[str]

LONGEST = 24  # characters; nothing that breaks in longer texts breaks only there, but for sizes
SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # lines end here, for str.splitlines
CONTROLS = "\0\x01\x08\x1b\x1f\x7f\x80\x9f"
WIDE = "\xe9\u20ac\U0001f600\ufeff\ufffd\uffff\U0010ffff"
PRINTABLE = "abcxyz019 :{}\"',.-_"

# ── letters and texts ───────────────────────────────────────────────────────────────────────

words: Texts = st.text(st.sampled_from("abcxyz019"), min_size=1, max_size=8)
plain: Texts = st.builds(
    "{}{}{}".format, words, st.text(st.sampled_from(PRINTABLE), max_size=LONGEST), words
)
characters: Texts = st.one_of(
    *(st.sampled_from(letters) for letters in (PRINTABLE, SEPARATORS, WIDE, CONTROLS)),
    st.characters(codec="utf-8", exclude_characters="\r\n"),
)
anything: Texts = st.text(st.one_of(characters, st.sampled_from("\r\n \t:")), max_size=LONGEST)
# The first is tried first, and the one that is forgotten most.
breaks: Texts = st.sampled_from(("\r", "\n", "\r\n"))
fields: Texts = st.builds(
    "{}{}{}".format,
    st.sampled_from(("data", "event", "id", "retry", "")),
    st.sampled_from((": ", ":")),
    st.text(st.sampled_from("forged"), min_size=1, max_size=8),  # letters that no word has
)
# Each begins like a value, and goes on like the stream that it would forge.
injections: Texts = st.builds(
    "{}{}{}{}".format,
    st.one_of(words, st.just("")),
    st.lists(breaks, min_size=1, max_size=2).map("".join),
    fields,
    st.sampled_from(("", *BREAKS, "\n\n", "\r\r", "\r\n\r\n")),
)


def between_words(texts: Texts) -> Texts:
    """The text with a word on each side, so that nobody trims it."""
    return st.builds("{}{}{}".format, words, texts, words)


def lines(each: Texts, line_ends: Texts, *, most: int = 4) -> Texts:
    """Several lines, each of them ended in its own way but for the last."""
    ended = st.lists(st.builds("{}{}".format, each, line_ends), min_size=1, max_size=most)
    return st.builds("{}{}".format, ended.map("".join), each)


# ── operations and scripts ──────────────────────────────────────────────────────────────────


def events(
    data: st.SearchStrategy[object],
    *,
    optional: Mapping[str, st.SearchStrategy[object]] | None = None,
) -> st.SearchStrategy[Operation]:
    """Events with these data, and maybe with these fields."""
    given: dict[str, st.SearchStrategy[object]] = dict(optional or {})
    return st.fixed_dictionaries({"data": data}, optional=given)


def one(operations: st.SearchStrategy[Operation]) -> Scripts:
    """Scripts of one operation."""
    return operations.map(lambda operation: (operation,))


def followed(operations: st.SearchStrategy[Operation]) -> Scripts:
    """Scripts of one operation, and of an event that has to follow it."""
    return operations.map(lambda operation: (operation, {"data": "next"}))


def several(operations: st.SearchStrategy[Operation], *, least: int = 1) -> Scripts:
    """Scripts of several operations."""
    return st.lists(operations, min_size=least, max_size=6).map(tuple)


named = events(plain, optional={"event": words, "id": words})
sleeps: st.SearchStrategy[Operation] = st.sampled_from((1, 5, 20)).map(lambda time: {"sleep": time})
comments: st.SearchStrategy[Operation] = words.map(lambda text: {"comment": text})


@st.composite
def schedules(draw: st.DrawFn) -> Operations:
    """Events of several fields, at different times, and comments between them."""
    script: list[Operation] = []
    for operation in draw(st.lists(named, min_size=1, max_size=3)):
        script += [operation, draw(st.one_of(sleeps, comments))]
    return tuple(script)


@st.composite
def large_texts(draw: st.DrawFn, letters: Sequence[str]) -> str:
    """Texts about as long as buffers are: 4, 16 and 64 KiB."""
    size = draw(st.sampled_from((4096, 16_384, 65_536))) + draw(st.integers(-4, 4))
    letter = draw(st.sampled_from(letters))
    shift = draw(st.integers(0, 3))
    return "." * shift + letter * (size // len(letter.encode()))


@st.composite
def chunkings(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """The stream, cut anywhere, and also into single bytes or nothing."""
    places = draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    return [stream[begin:end] for begin, end in pairwise([0, *places, len(stream)])]


def _injected(field: str) -> st.SearchStrategy[Operation]:
    """Events in which this field forges something. Another that is refused would hide it."""
    return st.fixed_dictionaries({"data": words, field: injections})


_spaces: Texts = st.text(st.sampled_from(" \t"), min_size=1, max_size=3)
_halves: Texts = st.characters(categories=["Cs"])  # surrogates
_looking: Texts = lines(st.one_of(fields, words, st.just("")), st.just("\n"))
_trimmed: Texts = st.builds(
    "{}{}".format, words, st.text(st.sampled_from(" \t\n"), min_size=1, max_size=4)
)
_any_data = st.one_of(plain, anything, lines(plain, breaks), _trimmed, st.just(""))
_json: st.SearchStrategy[object] = st.recursive(
    st.one_of(st.booleans(), st.integers(-99, 99), words),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(words, values)),
    max_leaves=5,
).filter(lambda value: not isinstance(value, str))

SCRIPTS: Mapping[str, Scripts] = {
    "ENC-01": several(events(anything)),
    "ENC-04": one(events(between_words(st.text(characters, min_size=1, max_size=LONGEST)))),
    "ENC-05": followed(events(between_words(_halves))),
    "ENC-06": one(events(large_texts("\xe9\u20ac\U0001f600"))),
    "FRM-05": one(events(lines(st.one_of(words, fields), breaks))),
    "FRM-06": one(events(st.builds("{}{}".format, _spaces, words), optional={"event": words})),
    "FRM-07": one(events(_trimmed)),
    "FRM-08": st.one_of(followed(_injected("event")), followed(_injected("id"))),
    "FRM-09": injections.map(lambda text: ({"comment": text}, {"data": "next"})),
    "FRM-10": one(events(_looking)),
    "FRM-11": schedules(),
    "FRM-12": one(events(large_texts("x"))),
    "FLD-03": one(events(words, optional={"retry": st.integers(0, 2**53)})),
    "FLD-04": followed(events(words, optional={"id": between_words(st.just("\0"))})),
    "FLD-09": one(events(_json)),
    "DSP-01": several(events(_any_data, optional={"event": words, "id": words})),
    "DSP-02": one(events(st.just(""), optional={"event": words, "id": words})),
    "DSP-04": several(named, least=2),
    "DSP-05": several(events(plain, optional={"id": st.one_of(words, st.just(""))})),
}
