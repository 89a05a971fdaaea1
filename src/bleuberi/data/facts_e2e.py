"""Accepted forms for the closed vocabulary of the E2E NLG Challenge, as patterns over `facts_truth.normalized` text.

E2E says a price or a rating in words or in numbers ("cheap", "less than £20"), and its writers use either for either:
the two values of a level share their forms. Names (`name`, `near`) are matched verbatim.
"""

from __future__ import annotations

from typing import Final

_VERY: Final = "(?:(?:quite|very|rather|fairly|relatively|somewhat|a bit|a little|only|just|really|pretty) )?"
_IS: Final = "(?:(?:is|are|was|were|of|at|as|being|s|that is|that are) )?"

_PRICE: Final = "(?:price ranges?|prices?|priced|pricing|costs?|charges?|charging)"
_RATING: Final = (
    "(?:(?:customer|consumer|user|guest|star|overall) )*(?:ratings?|reviews?|scores?|satisfaction|feedback|rated)"
)
_KIN: Final = "(?:families|family|children|childrens|child|kids|kid)(?: s)?"
_ALL_KIN: Final = f"(?:(?:all|the|your|their|whole|entire|young) )*{_KIN}"
_GOOD_FOR: Final = (
    "(?:suitable|suited|good|great|ideal|perfect|appropriate|recommended|conducive|friendly|fun|nice) (?:for|to)"
)


def _prices(adjectives: str, *others: str) -> tuple[str, ...]:
    return (
        f"(?:{adjectives}) (?:in |on )?(?:the )?{_PRICE}",
        f"{_PRICE} {_IS}{_VERY}(?:{adjectives})",
        f"in the (?:{adjectives}) range",
        *others,
    )


def _ratings(adjectives: str, digit: str, word: str) -> tuple[str, ...]:
    stars = f"(?:{digit}|{word})"
    said = f"(?:{adjectives}|{stars} stars?|{stars} (?:out of|of|out|to|in) (?:5|five)(?: stars?)?|{digit}/5)"
    return (
        f"(?:{adjectives}) {_RATING}",
        f"{_RATING} {_IS}{_VERY}(?:{adjectives})",
        f"(?:rate[sd]?|rating) (?:it |them |this place )?(?:as )?{_VERY}(?:{adjectives})",
        f"{said} {_RATING}",
        f"{stars} stars?",
        f"{stars} (?:out of|of|out|to|in) (?:5|five)(?: stars?)?",
        f"{digit}/5(?: stars?)?",
    )


_LOW_PRICE: Final = _prices(
    "low|lower|lowest|cheap|cheaper|affordable|inexpensive|budget",
    "cheap", "cheaper", "cheapest", "cheaply", "inexpensive", "inexpensively", "affordable", "affordably", "low cost",
    "low budget", "(?:less|cheaper|lower) than (?:£ )?20", "(?:under|below) (?:£ )?20",
    "£ 20 (?:or|and) (?:less|under|below)",
)  # fmt: skip
_MID_PRICE: Final = _prices(
    "moderate|moderately|average|averagely|averaged|medium|mid|middle|mid range|reasonable|reasonably|fair|decent",
    "moderately expensive", "mid range", "(?:£ )?20 (?:to |and |through )?(?:£ )?25",
)  # fmt: skip
_HIGH_PRICE: Final = _prices(
    "high|higher|highly|expensive|upper|steep|premium",
    "expensive", "pricey", "pricy", "costly", "high end", "(?:more|higher|greater) than (?:£ )?30",
    "(?:over|above) (?:£ )?30", "£ 30 (?:or more|plus|and (?:up|above|over|more))",
)  # fmt: skip
_LOW_RATING: Final = _ratings("low|lower|lowly|poor|poorly|bad|badly|terrible|negative", "1", "one")
_MID_RATING: Final = _ratings("average|averagely|mediocre|moderate|moderately|medium|fair|decent|good", "3", "three")
_HIGH_RATING: Final = _ratings(
    "high|higher|highly|highest|good|great|excellent|outstanding|top|perfect|well|positive", "5", "five"
)

E2E_FORMS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "eatType": {
        "coffee shop": ("coffee (?:shops?|houses?|place|bar)", "coffeeshop", "coffeehouse", "cafes?"),
        "pub": ("pubs?",),
        "restaurant": ("restaurants?",),
    },
    "food": {
        "Chinese": ("chinese",),
        "English": ("english", "british"),
        "Fast food": ("fast foods?",),
        "French": ("french",),
        "Indian": ("indian",),
        "Italian": ("italian",),
        "Japanese": ("japanese", "sushi"),
    },
    "priceRange": {
        "cheap": _LOW_PRICE, "less than £20": _LOW_PRICE, "moderate": _MID_PRICE, "£20-25": _MID_PRICE,
        "high": _HIGH_PRICE, "more than £30": _HIGH_PRICE,
    },
    "rating": {
        "low": _LOW_RATING, "1 out of 5": _LOW_RATING, "average": _MID_RATING, "3 out of 5": _MID_RATING,
        "high": _HIGH_RATING, "5 out of 5": _HIGH_RATING,
    },
    "area": {
        "riverside": ("riverside", "river side", "river", "riverbank", "river bank", "riverfront", "waterfront"),
        "city centre": (
            "(?:city|town) cent(?:re|er|ral)", "cent(?:re|er) of (?:the )?(?:city|town)", "heart of the (?:city|town)",
            "middle of the (?:city|town)", "cent(?:re|er) city", "downtown",
        ),
    },
    "familyFriendly": {
        "yes": (
            f"{_KIN} (?:friendly|oriented|welcoming|welcomed|welcome|allowed|accepted|permitted)",
            f"{_KIN} (?:are|is) (?:also |always |very )?(?:welcome|welcomed|allowed|accepted|permitted)",
            f"(?:welcomes?|welcoming|welcoming to|allows?|allowing|accepts?|accepting|accommodates?) {_ALL_KIN}",
            f"(?:caters?|catering) (?:for|to) {_ALL_KIN}",
            f"(?:bring|take) {_ALL_KIN}",
            f"{_GOOD_FOR} {_ALL_KIN}",
            f"for {_ALL_KIN}",
            f"{_KIN} (?:coffee shop|restaurant|pub|place|venue|establishment|atmosphere|environment)",
        ),
        "no": (
            f"{_KIN} (?:(?:are|is) )?(?:not|never) (?:welcome|welcomed|allowed|accepted|permitted)",
            f"{_KIN} unfriendly", f"unfriendly (?:for|to) {_ALL_KIN}", f"no {_KIN}", f"{_KIN} free",
            f"(?:bans?|prohibits?|excludes?|discourages?) {_ALL_KIN}",
            "adults? only", "only (?:for )?adults", "for adults",
        ),
    },
}  # fmt: skip
"""Slot -> value -> patterns."""
E2E_OPPOSITES: Final = frozenset({"familyFriendly"})
