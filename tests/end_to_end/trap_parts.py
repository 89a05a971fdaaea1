"""Responses made from the rows of a generated pool, and the facts of a record, of which the traps are put together."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bleuberi.evaluation.controls import cut_to_words

COUNT = 120
REFERENCES = ["gold", "writer_2", "writer_3"]
JUNK = ("well then so you see it all goes on " * 4).split()
Texts = list[str]
ROWS: list[dict] = []


class Found:
    """What a trap's facts look at."""

    def __init__(self, content):
        self.content = content
        self.difference = content["comparisons"][0]["difference"]
        self.controls = {one["name"]: one for one in content["controls"] if one["other"] == "trained"}
        self.gain = next(one for one in content["gain"] if one["other"] == "trained")
        self.mean = {group["name"]: group["mean"] for group in content["groups"]}

    def over(self, control, metric="bleu"):
        return self.controls[control]["difference"][metric]


class Trap(NamedTuple):
    """Responses by model, what of the record gives them away, and what the verdict must say."""

    models: Mapping[str, Callable[[], Texts]]
    facts: Mapping[str, Callable[[Found], bool]]
    sentences: tuple[str, ...] = ()
    rows: int = COUNT
    words: tuple[str, ...] = ()
    asked_last: bool = False  # the prompts' facts come first, and then what to do with them


def writer(number):
    return [row[f"ref_output_writer_{number}"] for row in ROWS]


def gold():
    return [row["ref_output_gold"] for row in ROWS]


def of_others(shift):
    """Fluent sentences about something else."""
    texts = gold()
    return texts[shift:] + texts[:shift]


def junk():
    return [" ".join(JUNK[:12])] * COUNT


def first_words(texts, words):
    return [cut_to_words(text, words) for text in texts]


def padded(texts, words):
    return [f"{text} {' '.join(JUNK[:words])}" for text in texts]


def facts_first():
    """The prompts' facts without what is asked."""
    return [row["prompt"].split("\n", 1)[1] for row in ROWS]


def fact_values():
    """All facts in reverse, as no sentence."""
    return [" well then so you see it ".join(reversed(list(row["x_facts"].values()))) for row in ROWS]


def by_heart(texts, count):
    """These texts on the first prompts, and others' sentences on the rest."""
    return texts[:count] + of_others(7)[count:]


def above(estimate):
    return estimate["low"] > 0


def not_above(estimate):
    return estimate["low"] <= 0


CLEAR = {"the gain over the base is clear": lambda found: above(found.difference["bleu"])}
COMMON = {
    "nothing is known of the training": lambda found: all(one["training"] is None for one in found.content["models"]),
    "two scores are not those of a training": lambda found: set(found.content["untrained"]) == {"meteor", "facts"},
    "brief cannot be computed, and says why": lambda found: (
        "--controls brief=FILE" in found.controls["brief"]["reason"]
    ),
}
