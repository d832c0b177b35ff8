"""The scripts that are tried first, for each requirement: those that somebody thought of."""

from collections.abc import Mapping
from typing import TypeAlias

from .transcript import Operation, Operations

Scripts: TypeAlias = tuple[Operations, ...]

BREAKS = ("\n", "\r", "\r\n")
FORGERIES = ("data: forged", "event: forged", "id: forged", "retry: 1", ":forged", "forged")


def _each(*operations: Operation) -> Scripts:
    """A script of one operation for each of these."""
    return tuple((operation,) for operation in operations)


def _data(*texts: object) -> Scripts:
    return _each(*({"data": text} for text in texts))


def _in(field: str) -> Scripts:
    """Events whose name, or ID, holds a line end and what follows it."""
    texts = [f"x{line_end}{forgery}" for line_end in BREAKS for forgery in FORGERIES]
    texts += ["x\n\ndata: forged\n\n", "x\n", "x\n\n", "\ndata: forged", "\r\rdata: forged\r\r"]
    return tuple(({"data": "a", field: text}, {"data": "b"}) for text in texts)


PLAIN: Operations = (
    {"data": "first", "event": "greeting", "id": "1"},
    {"data": "second", "event": "greeting", "id": "2"},
    {"data": '{"a": [1, 2.5, null], "b": "c: d"}', "event": "other", "id": "3"},
)
_CHARACTERS = "\0\x01\x0b\x0c\x1b\x1c\x1d\x1e\x1f\x7f\x80\x85\xa0\xad\u2028\u2029\ufeff\ufffd\uffff"
_SIZES = (4096, 16_384, 65_536)
_WIDE = ("\xe9", "\u20ac", "\U0001f600")  # of two, three and four bytes

EXAMPLES: Mapping[str, Scripts] = {
    "ENC-01": (PLAIN, *_data("caf\xe9 \u20ac \U0001f600")),
    "ENC-04": (
        *_data(*(f"a{character}b" for character in _CHARACTERS)),
        *_data("\xe9\u20ac\U0001f600\U0010ffff", "e\u0301", "\u05d0\u202eb"),
    ),
    "ENC-05": (
        ({"data": "a\ud800b"}, {"data": "next"}),
        ({"data": "a\udfffb"}, {"data": "next"}),
        ({"data": "\udc00\ud800"}, {"data": "next"}),
    ),
    "ENC-06": tuple(
        tuple({"data": "." * shift + wide * (size // len(wide.encode()))} for shift in range(4))
        for size in _SIZES
        for wide in _WIDE
    ),
    "FRM-05": _data(
        *(f"one{line_end}two" for line_end in BREAKS),
        "one\rid: forged",
        "one\rdata: forged",
        "one\r\ntwo\nthree\rfour",
        "one\ntwo\nthree\nfour\nfive",
    ),
    "FRM-06": (
        *_data(" a", "  a", "   a", "\ta", " \ta"),
        *_each({"data": "a", "event": " x"}, {"data": "a", "id": " 1"}),
    ),
    "FRM-07": _data("a ", "a  ", "a\t", "a\n", "a\n\n", "\na", "a\n\nb", "\n", "\n\n", "a \nb "),
    "FRM-08": (*_in("event"), *_in("id")),
    "FRM-09": tuple(
        ({"comment": text}, {"data": "a"})
        for text in (
            *(f"x{line_end}{forgery}" for line_end in BREAKS for forgery in FORGERIES),
            "x\n\ndata: forged\n\n",
            "\ndata: forged\n\n",
        )
    ),
    "FRM-10": _data(
        "a\n\nevent: x\ndata: y",
        "\n\nevent: x\ndata: y\n\n",
        "a\n\nb",
        *(": c", "id: 1", "retry: 1", "event: x", "data: y", "data", "id", ":"),
        *(f"a\n{line}" for line in (": c", "id: 1", "retry: 1", "event: x", "data: y", "id")),
    ),
    "FRM-11": (
        ({"data": "a", "event": "x", "id": "1"}, {"data": "b", "event": "x", "id": "2"}),
        tuple(
            {"data": f"tick {number}", "event": "tick", "id": str(number)} for number in range(9)
        ),
    ),
    "FRM-12": _data("x" * 65_537, "x" * 262_144, "x" * 1_048_576, "\n".join(["x" * 9] * 10_000)),
    "FLD-03": tuple(({"data": "a", "retry": number},) for number in (0, 1, 3000, 2**31, 2**53)),
    "FLD-04": tuple(
        ({"data": "a", "id": text}, {"data": "b"}) for text in ("\0", "a\0b", "a\0", "\0a")
    ),
    "FLD-08": (PLAIN,),
    "FLD-09": _data({"a": True}, [True, None], True, 1.5, 7),
    "DSP-01": (
        PLAIN,
        _data("a")[0],
        tuple({"data": f"{number}"} for number in range(50)),
        ({"data": "a", "id": "\xe9\u20ac"}, {"data": "b", "event": "\xe9 :x"}),
        ({"data": " a\n b\n"}, {"data": ""}, {"data": "a", "event": "x", "id": "7"}, {"data": ""}),
    ),
    "DSP-02": (*_data(""), *_each({"data": "", "event": "x"}, {"data": "", "id": "1"})),
    "DSP-04": (
        ({"data": "a", "event": "x"}, {"data": "b"}),
        ({"data": "a", "event": "x", "id": "1"}, {"data": "b", "id": "2"}, {"data": "c"}),
    ),
    "DSP-05": (
        ({"data": "a", "id": "1"}, {"data": "b", "id": ""}, {"data": "c"}),
        ({"data": "a", "id": ""},),
        ({"data": "a"},),
    ),
}
