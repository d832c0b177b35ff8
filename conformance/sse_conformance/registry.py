"""The checks, and how each is registered for its requirement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from .verdict import Outcome

Check: TypeAlias = Callable[..., Outcome]
F = TypeVar("F", bound=Check)


@dataclass(frozen=True, slots=True)
class Registered:
    """A check, and the names of what it looks at: "get" for the one item, "gets*" for all."""

    requirement: str
    needs: tuple[str, ...]
    function: Check


CHECKS: list[Registered] = []


def check(requirement: str, *needs: str) -> Callable[[F], F]:
    """Register a check of this requirement.

    It is called with the recorded items of these names, in their order: the only or first one, or
    a tuple of all for a name with a "*"; where one is not recorded, it is not called. If it has a
    keyword parameter `options`, it gets those of the record. One requirement may have a check for
    each way in which it can be looked at.
    """

    def register(function: F) -> F:
        CHECKS.append(Registered(requirement, needs, function))
        return function

    return register
