"""What an evaluation of response files tells of pairs that were made to fool it, and of one that truly learnt.

Each trap has the facts of `evaluation.json` that give it away, and sentences that its verdict must have.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from bleuberi.cli import evaluate
from bleuberi.cli.parser import run
from bleuberi.demo.facts_pool import generate, preset
from bleuberi.evaluation.controls import cut_to_words

ROWS = list(generate(preset("learn", rows=120, seed=5, references=6, patterns=6)))
REFERENCES = ["gold", "writer_2", "writer_3"]
JUNK = ("well then so you see it all goes on " * 4).split()
Texts = list[str]


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
    rows: int = len(ROWS)
    words: tuple[str, ...] = ()


def writer(number):
    return [row[f"ref_output_writer_{number}"] for row in ROWS]


def gold():
    return [row["ref_output_gold"] for row in ROWS]


def of_others(shift):
    """Fluent sentences about something else."""
    texts = gold()
    return texts[shift:] + texts[:shift]


def junk():
    return [" ".join(JUNK[:12])] * len(ROWS)


def first_words(texts, words):
    return [cut_to_words(text, words) for text in texts]


def padded(texts, words):
    return [f"{text} {' '.join(JUNK[:words])}" for text in texts]


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

TRAPS = {
    "a copier": Trap(
        {"base": junk, "trained": lambda: [row["prompt"] for row in ROWS]},
        {
            **CLEAR,
            "an echo is as good": lambda found: found.over("echo")["value"] == 0.0,
            "in facts too": lambda found: found.over("echo", "facts")["value"] == 0.0,
            "all is copied": lambda found: found.mean["trained"]["copied"]["value"] == 1.0,
            "people copy little": lambda found: found.content["copied"]["references"]["high"] < 0.2,
        },
        ("Against an echo of the prompt at its length it gains +0.000",),
    ),
    "longer junk": Trap(
        {"base": lambda: first_words(writer(4), 5), "trained": lambda: padded(first_words(writer(4), 5), 10)},
        {
            **CLEAR,
            "cutting the base shortens nothing": lambda found: found.controls["cut"]["shortened"] == 0.0,
            "it is less brief": lambda found: above(found.difference["brevity_penalty"]),
            "and less precise": lambda found: found.difference["precision_1"]["high"] < 0,
            "it says no more": lambda found: not_above(found.difference["facts"]),
        },
        ("Cutting base's responses to its length says nothing of length here", "brevity penalty +", "precision 1 -"),
    ),
    "stops early": Trap(
        {"base": lambda: padded(writer(4), 20), "trained": lambda: first_words(padded(writer(4), 20), 20)},
        {
            **CLEAR,
            "the base cut to its length is as good": lambda found: found.over("cut")["value"] == 0.0,
            "every response was cut": lambda found: found.controls["cut"]["shortened"] == 1.0,
            "the control is as long": lambda found: found.controls["cut"]["mean_words"] == pytest.approx(20, abs=0.5),
            "it says no more": lambda found: not_above(found.difference["facts"]),
        },
        ("Against base's responses cut to its length it gains +0.000",),
    ),
    "only the style": Trap(
        {"base": junk, "trained": lambda: of_others(7), "shuffled": lambda: of_others(31)},
        {
            **CLEAR,
            "a placebo is as good": lambda found: not_above(found.over("placebo")),
            "in facts too": lambda found: not_above(found.over("placebo", "facts")),
            "the placebo is named": lambda found: found.controls["placebo"]["base"] == "shuffled",
        },
        words=("--placebo", "shuffled"),
    ),
    "six prompts learnt by heart": Trap(
        {"base": lambda: of_others(7), "trained": lambda: gold()[:6] + (of_others(7))[6:]},
        {
            "ten prompts make the gain": lambda found: found.gain["top10_share"] == pytest.approx(1.0),
            "of all prompts": lambda found: found.gain["prompts"] == len(ROWS),
        },
    ),
    "one run": Trap(
        {"base": lambda: of_others(7), "trained": lambda: writer(4)},
        {**CLEAR, "it has one run": lambda found: len(found.content["groups"][1]["members"]) == 1},
        ("One training run per side: another seed may reverse this.",),
    ),
    "three prompts": Trap(
        {"base": junk, "trained@1": lambda: writer(4), "trained@2": lambda: writer(5)},
        {
            "the interval rests on three": lambda found: found.difference["bleu"]["n_clusters"] == 3,
            "which is said": lambda found: any("3 prompts" in text for text in found.content["warnings"]),
        },
        ("No verdict: 3 prompts are fewer than 30.",),
        rows=3,
    ),
    "one that truly learnt": Trap(
        {
            "base": lambda: of_others(7), "trained@1": lambda: writer(4), "trained@2": lambda: writer(5),
            "trained@3": lambda: writer(6), "shuffled@1": lambda: of_others(31), "shuffled@2": lambda: of_others(43),
        },
        {
            **CLEAR,
            "it says more": lambda found: found.difference["facts"]["low"] > 0.5,
            "than an echo in BLEU": lambda found: above(found.over("echo")),
            "than the base cut to its length": lambda found: above(found.over("cut")),
            "than the placebo": lambda found: above(found.over("placebo")) and above(found.over("placebo", "facts")),
            "on many prompts": lambda found: found.gain["top10_share"] < 0.2,
            "whether references overlap or not": lambda found: all(
                above(found.gain["by_overlap"][half]) for half in ("above", "below")
            ),
            "it copies as people do": lambda found: abs(
                found.mean["trained"]["copied"]["value"] - found.content["copied"]["references"]["value"]
            ) < 0.03,
            "the primary comparison is its own": lambda found: found.content["primary"] == {
                "other": "trained", "base": "shuffled", "metric": "facts", "declared": True,
            },
        },
        ("Yes, in facts trained beats shuffled", "More than copying", "More than the placebo"),
        words=("--placebo", "shuffled", "--primary", "trained:shuffled:facts"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Evaluates a trap once; gives the record and the text of comparison.md."""
    done = {}

    def make(name):
        if name not in done:
            trap, folder = TRAPS[name], tmp_path_factory.mktemp("trap")
            rows = ROWS[: trap.rows]
            (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            models = []
            for model, texts in trap.models.items():
                made_rows = [{"id": row["id"], "response": text} for row, text in zip(rows, texts(), strict=False)]
                (folder / f"{model}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made_rows))
                models.append(f"{model}={folder / model}.jsonl")
            words = ["--models", *models, "--prompts", str(folder / "pool.jsonl"), "--ref_models", *REFERENCES]
            assert run(evaluate.main, [*words, "--output_dir", str(folder / "out"), *trap.words]) == 0
            content = json.loads((folder / "out/evaluation.json").read_text())
            done[name] = Found(content), Path(folder, "out/comparison.md").read_text()
        return done[name]

    return make


@pytest.mark.parametrize(
    ("name", "fact"), [(name, fact) for name, trap in TRAPS.items() for fact in COMMON | trap.facts]
)
def test_the_record_gives_it_away(made, name, fact):
    found, _ = made(name)
    assert (COMMON | TRAPS[name].facts)[fact](found)


@pytest.mark.parametrize(
    ("name", "sentence"), [(name, sentence) for name, trap in TRAPS.items() for sentence in trap.sentences]
)
def test_the_verdict_says_it(made, name, sentence):
    _, comparison = made(name)
    assert sentence in comparison
