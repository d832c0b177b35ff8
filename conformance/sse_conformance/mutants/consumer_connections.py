"""Clients that read well, and connect with one bad habit."""

from functools import cache, partial

from ..transcript import Record, changed
from .attendance import with_habit
from .consumer import sound
from .registry import mutant

HABITS = {
    "minds_the_charset": ("CON-01", "decodes as the charset of the Content-Type says"),
    "hurries": ("CON-11", "comes back in a tenth of the reconnection time"),
    "reads_anything": ("CON-14", "reads any body, and comes back"),
    "returns_after_204": ("CON-15", "comes back after 204"),
    "keeps_buffers": ("CON-16", "keeps what was unfinished"),
    "sends_an_empty_id": ("CON-17", "sends an empty Last-Event-ID"),
    "gives_up": ("CON-18", "gives up where there is no answer"),
    "accepts_nothing": ("CON-19", "sends no Accept"),
    "holds_back": ("CON-20", "tells of an event when more comes"),
    "takes_all": ("CON-21", "holds a line of any length"),
    "hammers": ("CON-22", "comes back at once while the server fails"),
    "stays": ("CON-23", "does not follow 307"),
    "comes_after_closing": ("CON-24", "goes on when it is closed"),
}


@cache
def _sound() -> Record:
    return sound()


def _recorded(habit: str) -> Record:
    return changed(_sound(), "scenario", with_habit(habit))


for _habit, (_requirement, _defect) in HABITS.items():
    mutant(_requirement, _defect)(partial(_recorded, _habit))
