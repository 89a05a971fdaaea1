"""The words of the generated pool: each slot's values, accepted forms and wordings. Only our own words: CC0.

Accepted forms of one value are never part of a form of another value of the slot, or of another slot in the domain.
"""

from __future__ import annotations

from typing import Final

from bleuberi.data.facts_grammar import Slot, amounts, flag, plain, pounds, times, wordings

_FREE: Final = flag(
    "0", "free", ("pre: free", "verb: is free", "verb: costs nothing", "post: for free"),
    "free / costs nothing / cost nothing / no charge / without charge",
)  # fmt: skip
_ON_DAY: Final = wordings("post/lead: on {}", "verb: is on {}", "verb: takes place on {}", "post/lead: this {}")

SLOTS: Final = {
    slot.name: slot
    for slot in (
        # Shared by domains.
        Slot(
            "day",
            plain(*(f"{day} + {day}s" for day in
                    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))),
            _ON_DAY,
        ),
        # Places.
        Slot("kind", plain("cafe", "pub", "restaurant", "bistro", "diner", "tea room + tearoom", "canteen")),
        Slot(
            "cuisine",
            plain("Thai", "Italian", "Mexican", "Indian", "Greek", "Korean", "Turkish", "vegan", "Spanish"),
            wordings("pre: {}", "verb: serves {} food", "verb: offers {} dishes", "post: with {} food",
                     "verb: cooks {} meals"),
        ),
        Slot(
            "location",
            plain("river + riverside / riverbank / riverfront", "city centre + city center / town centre / town center",
                  "harbour + harbor / harbourside", "old town", "market square + marketplace", "station", "park"),
            wordings("post/lead: near the {}", "post/lead: by the {}", "verb: is near the {}",
                     "verb: stands by the {}"),
        ),
        Slot(
            "price",
            (
                flag("low", "cheap",
                     ("pre: cheap", "pre: low-priced", "verb: has low prices", "post: with low prices"),
                     "cheap / low priced / low prices / low price / low cost / inexpensive / affordable / budget / "
                     "cheaply"),
                flag("medium", "mid-priced",
                     ("pre: mid-priced", "pre: moderately priced", "verb: has moderate prices",
                      "post: with moderate prices"),
                     "mid priced / medium priced / moderately priced / moderate prices / moderate price / "
                     "medium prices / medium price / mid range / average prices / average price / "
                     "reasonably priced / reasonable prices"),
                flag("high", "expensive",
                     ("pre: expensive", "pre: pricey", "verb: has high prices", "post: with high prices"),
                     "expensive / pricey / high priced / high prices / high price / costly / high end"),
            ),
        ),
        Slot(
            "dogs",
            (
                flag("yes", "welcome", ("pre: dog-friendly", "verb: welcomes dogs", "verb: allows dogs"),
                     "dog friendly / welcomes dogs / welcome dogs / welcoming dogs / allows dogs / allow dogs / "
                     "dogs are welcome / dogs are allowed / dogs welcome / dogs allowed / dog is welcome / "
                     "bring your dog / bring dogs / bring a dog / accepts dogs / accept dogs"),
                flag("no", "not allowed", ("pre: dog-free", "verb: keeps dogs out", "verb: bans dogs"),
                     "dog free / keeps dogs out / keep dogs out / bans dogs / dogs are not allowed / "
                     "dogs are not welcome / no dogs / dogs not allowed / dogs are not permitted / dogs are banned"),
            ),
            opposites=True,
        ),
        Slot(
            "stars",
            amounts((2, 3, 4, 5), "{} stars", accepted=("{} star", "{} out of 5", "{} out of five", "{}/5")),
            wordings("verb: is rated {}", "verb: has {}", "post: with {}", "verb: gets {}"),
        ),
        # Events.
        Slot("event", plain("concert", "workshop", "quiz", "talk", "dance class", "comedy show", "craft fair")),
        Slot(
            "starts",
            times((13, 0), (14, 30), (15, 0), (16, 15), (17, 30), (18, 0), (19, 30), (20, 15)),
            wordings("verb: starts at {}", "verb: begins at {}", "post: at {}", "verb: opens at {}"),
        ),
        Slot(
            "venue",
            plain("town hall", "library", "school gym + school gymnasium", "old mill", "museum",
                  "theatre + theater", "church"),
            wordings("post/lead: at the {}", "post/lead: in the {}", "verb: is held at the {}",
                     "verb: takes place in the {}"),
        ),
        Slot(
            "ticket",
            (_FREE, *pounds(3, 5, 8, 12, 15, 20)),
            wordings("verb: costs {}", "verb: asks for {}", "post: for {}", "verb: has tickets for {}"),
        ),
        Slot(
            "audience",
            plain("children / kids", "adults + adult / grown ups", "beginners + beginner / novices",
                  "students + student", "families + family"),
            wordings("post: for {}", "verb: is meant for {}", "verb: is for {}", "verb: invites {}"),
        ),
        # Products.
        Slot("item", plain("lamp", "bowl", "chair", "box", "bench", "vase", "tray", "stool")),
        Slot("colour", plain("red", "blue", "green", "black", "white", "yellow", "grey + gray"),
             wordings("pre: {}", "verb: comes in {}", "post: in {}")),
        Slot(
            "material",
            plain("wood + wooden", "steel", "glass", "stone", "bamboo", "plastic", "copper"),
            wordings("post: made of {}", "verb: is made of {}", "post: of solid {}", "verb: consists of {}"),
        ),
        Slot(
            "cost",
            pounds(15, 18, 30, 40, 50, 60, 80, 90),
            wordings("verb: costs {}", "verb: sells for {}", "post: for {}", "verb: is sold at {}"),
        ),
        Slot(
            "weight",
            amounts((2, 3, 4, 5, 6, 8, 9), "{} kilos", "{} kg", accepted=("{} kilograms", "{} kilogram", "{} kilo")),
            wordings("verb: weighs {}", "post: weighing {}", "verb: has a weight of {}"),
        ),
        Slot(
            "origin",
            plain("Portugal + Portuguese", "Japan + Japanese", "Poland + Polish", "Kenya + Kenyan", "Canada + Canadian",
                  "Sweden + Swedish", "Brazil + Brazilian"),
            wordings("post: from {}", "verb: is made in {}", "verb: comes from {}", "post: built in {}"),
        ),
        Slot(
            "warranty",
            amounts((2, 3, 5, 10), "{} year warranty",
                    accepted=("{} years of warranty", "{} year guarantee", "{} years warranty")),
            wordings("post: with a(n) {}", "verb: has a(n) {}", "verb: comes with a(n) {}", "verb: carries a(n) {}"),
        ),
        # People's plans.
        Slot(
            "activity",
            plain("play tennis + playing tennis / plays tennis / played tennis / game of tennis",
                  "bake bread + baking bread / bakes bread / baked bread",
                  "fly a kite + flying a kite / flies a kite / flew a kite",
                  "read poems + reading poems / reads poems",
                  "paint a mural + painting a mural / paints a mural / painted a mural",
                  "learn chess + learning chess / learns chess / learned chess",
                  "sing songs + singing songs / sings songs / sang songs",
                  "repair bikes + repairing bikes / repairs bikes / repaired bikes",
                  "film birds + filming birds / films birds / filmed birds"),
        ),
        Slot(
            "company",
            plain("a cousin + cousin", "two friends + 2 friends",
                  "the neighbours + neighbours / the neighbors / neighbors",
                  "a colleague + colleague", "the twins + twins", "a classmate + classmate", "an uncle + uncle"),
            wordings("post: with {}", "post: together with {}", "post/lead: along with {}"),
        ),
        Slot(
            "time",
            times((13, 0), (14, 30), (15, 0), (16, 15), (17, 30), (18, 0), (19, 30)),
            wordings("post/lead: at {}", "post: from {}", "post: starting at {}", "post/lead: around {}"),
        ),
        Slot(
            "spot",
            plain("park", "garden", "village hall", "beach", "courtyard", "playground", "barn"),
            wordings("post/lead: at the {}", "post/lead: in the {}", "post: over at the {}"),
        ),
        Slot(
            "travel",
            (
                flag("bike", "by bike", ("tail: go there by bike", "lead: going by bike", "tail: get there by bike"),
                     "by bike / by bicycle / cycling / cycle / cycles"),
                flag("bus", "by bus", ("tail: go there by bus", "lead: going by bus", "tail: get there by bus"),
                     "by bus / take the bus / takes the bus / taking the bus / take a bus / taking a bus"),
                flag("car", "by car", ("tail: go there by car", "lead: going by car", "tail: get there by car"),
                     "by car / driving / drive / drives"),
                flag("foot", "on foot", ("tail: go there on foot", "lead: going on foot", "tail: get there on foot"),
                     "on foot / by foot / walking / walk / walks"),
                flag("train", "by train",
                     ("tail: go there by train", "lead: going by train", "tail: get there by train"),
                     "by train / take the train / takes the train / taking the train / take a train / taking a train"),
            ),
        ),
        # Weather.
        Slot(
            "sky",
            (
                flag("sun", "sunny", ("adj: sunny", "with: sunny skies", "with: sunny weather"),
                     "sunny / sunshine / clear skies / clear sky / sun"),
                flag("cloud", "cloudy", ("adj: cloudy", "with: cloudy skies", "with: cloudy weather"),
                     "cloudy / clouds / overcast"),
                flag("fog", "foggy", ("adj: foggy", "with: thick fog", "with: foggy weather"),
                     "foggy / fog / misty / mist"),
                flag("haze", "hazy", ("adj: hazy", "with: light haze", "with: hazy weather"), "hazy / haze"),
                flag("storm", "stormy", ("adj: stormy", "with: a storm", "with: stormy weather"),
                     "stormy / storm / storms / thunderstorm / thunderstorms"),
            ),
        ),
        Slot(
            "high",
            amounts((2, 5, 8, 12, 15, 18, 20, 30), "{} degrees", accepted=("{} degree", "{}c")),
            wordings("with: a high of {}", "with: highs of {}", "with: temperatures up to {}", "with: up to {}"),
        ),
        Slot(
            "wind",
            (
                flag("light", "light", ("with: a light wind", "with: light winds", "with: a gentle breeze"),
                     "light wind / light winds / light breeze / gentle breeze / gentle wind / gentle winds"),
                flag("strong", "strong", ("with: a strong wind", "with: strong winds", "with: powerful gusts"),
                     "strong wind / strong winds / powerful gusts / strong gusts / strong breeze / very windy"),
                flag("none", "calm", ("with: calm air", "with: no wind", "with: still air"),
                     "calm air / no wind / still air / no winds / windless / calm wind / calm winds / calm weather"),
            ),
        ),
        Slot(
            "rain",
            amounts((10, 20, 30, 40, 60, 80, 90), "{} percent"),
            wordings("with: a(n) {} chance of rain", "with: a(n) {} risk of rain", "with: a rain risk of {}"),
        ),
        Slot("sunrise", times((5, 40), (6, 10), (6, 50), (7, 20), (7, 45)),
             wordings("with: sunrise at {}", "with: a sunrise at {}", "with: daybreak at {}")),
        # Timetables.
        Slot("vehicle", plain("train", "bus", "coach", "shuttle", "tram")),
        Slot(
            "leaves",
            times((6, 10), (6, 50), (7, 30), (8, 15), (9, 40), (10, 20)),
            wordings("verb: leaves at {}", "verb: departs at {}", "post/lead: at {}", "verb: sets off at {}"),
        ),
        Slot(
            "stop",
            plain("platform 2 + platform two", "platform 3 + platform three", "platform 5 + platform five",
                  "gate 4 + gate four", "gate 7 + gate seven", "bay 8 + bay eight"),
            wordings("verb: goes from {}", "verb: waits at {}", "post/lead: from {}", "verb: starts at {}"),
        ),
        Slot(
            "lasts",
            amounts((2, 3, 4, 5, 6, 7, 8), "{} hours", accepted=("{} hour",)),
            wordings("verb: takes {}", "verb: needs {}", "post: taking {}", "verb: lasts {}"),
        ),
        Slot(
            "fare",
            pounds(3, 4, 6, 8, 9, 12),
            wordings("verb: costs {}", "post: for {}", "verb: has a fare of {}", "verb: is yours for {}"),
        ),
        Slot(
            "runs",
            plain("every day + daily", "on weekdays + weekdays / weekday", "on weekends + weekends / weekend",
                  "in summer + summer / summers"),
            wordings("verb: runs {}", "lead/post: {}", "verb: operates {}", "verb: is available {}"),
        ),
    )
}  # fmt: skip
"""Slot name -> slot, of all domains."""
