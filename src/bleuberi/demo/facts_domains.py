"""The generated pool's domains: slots, proper names and sentence patterns.

A pattern is a sentence with `{slot}` for a core slot, `[kind]` for the wordings of that kind (`[kind!]`: at
least one), `a(n)` for the article, and `( ...)` around a part that is omitted if its group is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Domain:
    """One everyday subject. `core` slots are in every row, in this order, before the others."""

    name: str
    core: tuple[str, ...]
    optional: tuple[str, ...]
    names: dict[str, tuple[str, ...]]  # open slots -> their proper names
    patterns: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _pairs(first: str, second: str) -> tuple[str, ...]:
    return tuple(f"{one} {two}" for one in first.split() for two in second.split())


CLOSERS: Final = (
    ", as many people here already know",
    ", and that is all we know so far",
    ", as you can see for yourself",
    ", or so we have been told",
)
"""Ends of wordy sentences."""

_PLACE_NAMES: Final = _pairs(
    "Golden Silver Crooked Lucky Hidden Merry Rusty Velvet Scarlet Humble",
    "Anchor Finch Lantern Barrel Walnut Heron Saddle Compass Badger Thistle",
)
_EVENT_NAMES: Final = _pairs(
    "Bright Wild Quiet Secret Distant Frozen Gentle Broken Rising Midnight",
    "Echoes Horizons Ribbons Voices Rivers Shadows Wonders Feathers Mirrors Sparks",
)
_PRODUCT_NAMES: Final = _pairs(
    "Nova Orbit Delta Alto Terra Polar Vista Zen Echo Prime", "One Two Plus Max Mini Pro Lite Air Go Duo"
)
_PEOPLE: Final = _words(
    "Anna Ben Clara David Emma Felix Grace Henry Irene Jack Karen Liam Maria Noah Olivia Peter Rosa Sam Tina Victor "
    "Alice Brian Diana Eric Fiona George Helen Ivan Julia Kevin Laura Martin Nina Oscar Paula Robert Sarah Tom"
)
_TOWNS: Final = _words(
    "Ashford Bedford Carlisle Dover Exeter Halifax Ipswich Lincoln Oxford Preston Ripon Salisbury Truro Whitby York "
    "Bristol Chester Derby Durham Luton"
)
_FAR_TOWNS: Final = _words(
    "Aberdeen Brighton Cardiff Dundee Glasgow Hull Inverness Leeds Newport Norwich Perth Swansea Winchester Plymouth "
    "Stirling Belfast Swindon Coventry Leicester Worcester"
)

DOMAINS: Final = (
    Domain(
        "place", ("name", "kind"), ("cuisine", "price", "dogs", "location", "stars"), {"name": _PLACE_NAMES},
        (
            "{name} is a(n) [pre] {kind} [post]( that [verb]).",
            "The [pre] {kind} {name} [verb!].",
            "[lead!], {name} is a(n) [pre] {kind}( that [verb]).",
            "There is a(n) [pre] {kind} called {name} [post]( that [verb]).",
            "{name}, a(n) [pre] {kind} [post], [verb!].",
            "If you want a(n) [pre] {kind} [post], {name} [verb!].",
        ),
    ),
    Domain(
        "event", ("name", "event"), ("day", "starts", "venue", "ticket", "audience"), {"name": _EVENT_NAMES},
        (
            "{name} is a(n) [pre] {event} [post]( that [verb]).",
            "The [pre] {event} {name} [verb!].",
            "[lead!], the [pre] {event} {name} [verb!].",
            "There is a(n) [pre] {event} called {name} [post]( that [verb]).",
            "{name}, a(n) [pre] {event} [post], [verb!].",
            "Come to {name}, a(n) [pre] {event} [post] that [verb!].",
        ),
    ),
    Domain(
        "product", ("name", "item"), ("colour", "material", "cost", "weight", "origin", "warranty"),
        {"name": _PRODUCT_NAMES},
        (
            "The {name} is a(n) [pre] {item} [post]( that [verb]).",
            "The [pre] {item} {name} [verb!].",
            "The {name}, a(n) [pre] {item} [post], [verb!].",
            "This [pre] {item} [post] is called {name}( and [verb]).",
        ),
    ),
    Domain(
        "plan", ("name", "activity"), ("company", "spot", "day", "time", "travel"), {"name": _PEOPLE},
        (
            "{name} plans to {activity} [post]( and [tail]).",
            "{name} wants to {activity} [post]( and [tail]).",
            "{name} is going to {activity} [post]( and [tail]).",
            "[lead!], {name} plans to {activity} [post]( and [tail]).",
            "[lead!], {name} is going to {activity} [post]( and [tail]).",
            "The plan of {name} is to {activity} [post]( and [tail]).",
            "{name} hopes to {activity} [post]( and [tail]).",
            "[lead!], {name} will {activity} [post]( and [tail]).",
        ),
    ),
    Domain(
        "weather", ("town", "day"), ("sky", "high", "wind", "rain", "sunrise"), {"town": _TOWNS},
        (
            "It will be [adj!] in {town} on {day}( with [with]).",
            "{town} will be [adj!] on {day}( with [with]).",
            "{day} in {town} will be [adj!]( with [with]).",
            "On {day}, {town} can expect [with!].",
            "Expect [with!] in {town} on {day}.",
            "{day} in {town} will bring [with!].",
            "The forecast for {town} on {day} is [adj!]( with [with]).",
            "There will be [with!] in {town} on {day}.",
            "{town} gets [with!] this {day}.",
        ),
    ),
    Domain(
        "timetable", ("vehicle", "from", "to"), ("leaves", "stop", "lasts", "fare", "runs"),
        {"from": _TOWNS, "to": _FAR_TOWNS},
        (
            "The {vehicle} from {from} to {to} [verb!].",
            "There is a(n) {vehicle} from {from} to {to} that [verb!].",
            "[lead!], the {vehicle} from {from} to {to} [verb!].",
            "From {from} to {to} there is a(n) {vehicle} that [verb!].",
            "Take the {vehicle} from {from} to {to} [post!].",
            "If you go from {from} to {to}, the {vehicle} [verb!].",
            "[lead!], a(n) {vehicle} that [verb!] runs from {from} to {to}.",
        ),
    ),
)  # fmt: skip
