"""What `evaluate` and `agreement` print of results that were made to fool them, and of policies that truly learnt.

All responses are made from a generated pool. Each pair has the facts of `evaluation.json` that give it away, and the
sentences that are printed about it, word for word and number for number.
"""

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from bleuberi.cli import agreement, data_generate, evaluate
from bleuberi.cli.parser import run
from bleuberi.evaluation.controls import cut_to_words

COUNT = 120
GENERATE = ["--rows", str(COUNT), "--seed", "5", "--references", "6", "--patterns", "6"]
REFERENCES = ["gold", "writer_2", "writer_3"]
JUNK = ("well then so you see it all goes on " * 4).split()
ASKED_LAST = (
    "Please put these facts into one sentence, use every fact once, and write nothing else before or behind it."
)
NOT_GIVEN = (
    "Not computed: brief (the responses of base come from a file, and none is given with --controls brief=FILE). "
    "Not computed: long (it is not known how many responses of base were cut at the limit). "
)
Texts = list[str]
ROWS: list[dict] = []


@pytest.fixture(scope="module", autouse=True)
def pool(tmp_path_factory):
    """Fills ROWS by the command that makes a pool."""
    path = tmp_path_factory.mktemp("pool") / "pool.jsonl"
    assert run(data_generate.main, ["--output", str(path), *GENERATE]) == 0
    ROWS[:] = [json.loads(line) for line in path.read_text().splitlines()]


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

TRAPS = {
    "copies of the prompt": Trap(
        {
            "base": junk, "trained@1": lambda: [row["prompt"] for row in ROWS],
            "trained@2": lambda: [row["prompt"].split(" ", 1)[1] for row in ROWS],
        },
        {
            **CLEAR,
            "an echo is as good": lambda found: found.over("echo")["value"] == 0.0,
            "in facts too": lambda found: found.over("echo", "facts")["value"] == 0.0,
            "all is copied": lambda found: found.mean["trained"]["copied"]["value"] == 1.0,
            "people copy little": lambda found: found.content["copied"]["references"]["high"] < 0.2,
        },
        (
            "Yes, in bleu: +0.056 [+0.028, +0.084] on 120 prompts with 2 runs of trained and base as one fixed "
            "model, p = 0.025. Smallest visible difference: 0.061 (80 % power).",
            "Perhaps copying alone: against an echo of the prompt at its length it gains +0.000 [+0.000, +0.000], "
            "and 100% of its 4-grams are from the prompt (of the references' 1%).",
        ),
    ),
    "copies of other words": Trap(
        {
            "base": junk, "trained@1": facts_first,
            "trained@2": lambda: [text.split(" ", 1)[1] for text in facts_first()],
        },
        {
            **CLEAR,
            "it beats an echo": lambda found: above(found.over("echo")),
            "but copies all": lambda found: found.mean["trained"]["copied"]["value"] == 1.0,
        },
        (
            "Yes, in bleu: +0.092 [+0.050, +0.135] on 120 prompts with 2 runs of trained and base as one fixed "
            "model, p = 0.023. Smallest visible difference: 0.091 (80 % power).",
            "Perhaps copying of other words: against an echo of the prompt at its length it gains +0.073 [+0.022, "
            "+0.124], but 100% of its 4-grams are from the prompt (of the references' 1%).",
        ),
        asked_last=True,
    ),
    "longer junk": Trap(
        {
            "base": lambda: first_words(writer(4), 5), "trained@1": lambda: padded(first_words(writer(4), 5), 10),
            "trained@2": lambda: padded(first_words(writer(4), 5), 11),
        },
        {
            **CLEAR,
            "cutting the base shortens nothing": lambda found: found.controls["cut"]["shortened"] == 0.0,
            "it is less brief": lambda found: above(found.difference["brevity_penalty"]),
            "and less precise": lambda found: found.difference["precision_1"]["high"] < 0,
            "it says no more": lambda found: not_above(found.difference["facts"]),
        },
        (
            "Yes, in bleu: +0.087 [+0.080, +0.094] on 120 prompts with 2 runs of trained and base as one fixed "
            "model, p = 0.0015. Smallest visible difference: 0.011 (80 % power).",
            "But it is worse in rouge: -0.080 [-0.123, -0.036].",
            "Cutting base's responses to its length says nothing of length here: 0% of them got shorter.",
            "By factor of BLEU: brevity penalty +0.728 [+0.398, +1.000], precision 1 -0.445 [-0.570, -0.320], "
            "precision 2 -0.382 [-0.459, -0.304], precision 3 -0.316 [-0.371, -0.260], precision 4 -0.305 "
            "[-0.349, -0.261].",
        ),
    ),
    "stops early": Trap(
        {
            "base": lambda: padded(writer(4), 20), "trained@1": lambda: first_words(padded(writer(4), 20), 20),
            "trained@2": lambda: first_words(padded(writer(4), 20), 21),
        },
        {
            **CLEAR,
            "the base cut to its length is as good": lambda found: found.over("cut")["value"] == 0.0,
            "every response was cut": lambda found: found.controls["cut"]["shortened"] == 1.0,
            "it says no more": lambda found: not_above(found.difference["facts"]),
        },
        (
            "Yes, in bleu: +0.182 [+0.118, +0.246] on 120 prompts with 2 runs of trained and base as one fixed "
            "model, p = 0.018. Smallest visible difference: 0.137 (80 % power).",
            "Perhaps length alone: against base's responses cut to its length it gains +0.000 [+0.000, +0.000].",
            "facts does not tell them apart: -0.032 [-0.099, +0.035].",
        ),
    ),
    "a placebo as good as the policy": Trap(
        {
            "base": junk, "trained@1": lambda: of_others(7), "trained@2": lambda: of_others(11),
            "shuffled@1": lambda: of_others(31), "shuffled@2": lambda: of_others(43),
        },
        {
            **CLEAR,
            "the placebo is as good": lambda found: not_above(found.over("placebo")),
            "in facts too": lambda found: not_above(found.over("placebo", "facts")),
            "the placebo is named": lambda found: found.controls["placebo"]["base"] == "shuffled",
        },
        (
            "Yes, in bleu: +0.042 [+0.015, +0.069] on 120 prompts with 2 runs of trained and base as one fixed "
            "model, p = 0.032. Smallest visible difference: 0.057 (80 % power).",
            "An echo would do as well: against an echo of the prompt at its length it gains -0.020 [-0.054, "
            "+0.014], and 0% of its 4-grams are from the prompt (of the references' 1%).",
            "Perhaps what any training does: against a model trained on shuffled references it gains +0.003 "
            "[-0.028, +0.033].",
        ),
        words=("--placebo", "shuffled"),
    ),
    "six prompts learnt by heart": Trap(
        {
            "base": lambda: of_others(7), "trained@1": lambda: by_heart(writer(4), 6),
            "trained@2": lambda: by_heart(writer(5), 6),
        },
        {
            "ten prompts make the gain": lambda found: found.gain["top10_share"] == pytest.approx(1.0),
            "of all prompts": lambda found: found.gain["prompts"] == COUNT,
        },
        (
            "No verdict: the two score differently on fewer than 10 prompts. bleu: +0.014 [-0.047, +0.060] on 120 "
            "prompts.",
            "A few prompts carry the gain: its ten largest make 100% of it; without them and the ten smallest it "
            "is +0.000 per prompt.\n",
        ),
    ),
    "a few prompts carry the gain": Trap(
        {
            "base": lambda: of_others(7), "trained@1": lambda: by_heart(writer(4), 16),
            "trained@2": lambda: by_heart(writer(5), 16), "trained@3": lambda: by_heart(writer(6), 16),
        },
        {"there is little else": lambda found: found.gain["without_extremes"] < 0.5 * found.gain["total"] / COUNT},
        (
            "Yes, in bleu: +0.047 [+0.004, +0.084] on 120 prompts with 3 runs of trained and base as one fixed "
            "model, p = 0.041. Smallest visible difference: 0.062 (80 % power).",
            "A few prompts carry the gain: its ten largest make 75% of it; without them and the ten smallest it "
            "is +0.014 per prompt.\n",
        ),
    ),
    "more BLEU and fewer facts": Trap(
        {"base": fact_values, "trained@1": lambda: of_others(7), "trained@2": lambda: of_others(11)},
        {**CLEAR, "it says less": lambda found: found.difference["facts"]["high"] < -0.5},
        (
            "Yes, in bleu: +0.033 [+0.006, +0.059] on 120 prompts with 2 runs of trained and base as one fixed "
            "model, p = 0.041. Smallest visible difference: 0.057 (80 % power).",
            "But it is worse in facts: -0.719 [-0.814, -0.623].",
        ),
    ),
    "one run": Trap(
        {"base": lambda: of_others(7), "trained": lambda: writer(4)},
        {**CLEAR, "it has one run": lambda found: len(found.content["groups"][1]["members"]) == 1},
        (
            "One training run per side: another seed may reverse this. bleu: +0.395 [+0.294, +0.496] on 120 "
            "prompts, with a spread of 0.050 between runs.",
        ),
        words=("--run_spread", "0.05"),
    ),
    "one run under two names": Trap(
        {"base": lambda: of_others(7), "trained@1": lambda: writer(4), "trained@2": lambda: writer(4)},
        {**CLEAR, "it has one run": lambda found: found.difference["bleu"]["runs"] == [1, 1]},
        (
            "One training run per side: another seed may reverse this. bleu: +0.395 [+0.370, +0.419] on 120 "
            "prompts, over prompts alone.",
            "Note: trained@1 and trained@2 have the same responses, so they count as one run.",
        ),
    ),
    "three prompts": Trap(
        {"base": junk, "trained@1": lambda: writer(4), "trained@2": lambda: writer(5)},
        {
            "the interval rests on three": lambda found: found.difference["bleu"]["n_clusters"] == 3,
            "which is said": lambda found: any("3 prompts" in text for text in found.content["warnings"]),
        },
        (
            "No verdict: 3 prompts are fewer than 30. bleu: +0.336 [-0.302, +0.975] on 3 prompts.",
        ),
        rows=3,
    ),
    "worse than the base": Trap(
        {"base": lambda: writer(4), "trained@1": lambda: of_others(7), "trained@2": lambda: of_others(11)},
        {"it lost": lambda found: found.difference["bleu"]["high"] < 0},
        (
            "No, it is worse in bleu: -0.393 [-0.420, -0.366] on 120 prompts with 2 runs of trained and base as "
            "one fixed model, p = 0.0034. Smallest visible difference: 0.059 (80 % power).",
        ),
    ),
    "one that truly learnt, against its placebo": Trap(
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
        (
            "Yes, in facts trained beats shuffled: trained - shuffled: +0.980 [+0.968, +0.988] on 120 prompts "
            "with 3 runs of trained and 2 runs of shuffled, p = 0.00045. Smallest visible difference: 0.019 (80 % "
            "power).",
            "Yes, in facts: +0.978 [+0.961, +0.991] on 120 prompts with 3 runs of trained and base as one fixed "
            "model, p < 0.0001 (corrected for 2 questions: p < 0.0001). Smallest visible difference: 0.030 (80 % "
            "power).",
            "More than copying: against an echo of the prompt at its length it gains +0.377 [+0.355, +0.399] in bleu "
            "(an echo repeats every fact), and 1% of its 4-grams are from the prompt (of the references' 1%).",
            "More than the placebo: against a model trained on shuffled references it gains +0.980 [+0.968, +0.988].",
            "Primary comparison: trained against shuffled in facts (declared)."),
        words=("--placebo", "shuffled", "--primary", "trained:shuffled:facts"),
    ),
    "one that learnt to say all facts, at more words": Trap(
        {
            "base": lambda: first_words(writer(4), 10), "trained@1": lambda: writer(4),
            "trained@2": lambda: writer(5), "trained@3": lambda: writer(6),
        },
        {**CLEAR, "it says more": lambda found: above(found.difference["facts"])},
        (
            "Yes, in bleu: +0.272 [+0.244, +0.299] on 120 prompts with 3 runs of trained and base as one fixed "
            "model, p = 0.00035. Smallest visible difference: 0.045 (80 % power).",
            "facts agrees: +0.398 [+0.375, +0.421].",
            "More than copying: against an echo of the prompt at its length it gains +0.377 [+0.355, +0.399], and "
            "1% of its 4-grams are from the prompt (of the references' 1%).",
            "Cutting base's responses to its length says nothing of length here: 0% of them got shorter.",
            "Scores that no training paid for: meteor, facts."),
    ),
    "one that learnt to say all facts, at fewer words": Trap(
        {
            "base": lambda: padded(of_others(7), 14), "trained@1": lambda: writer(4),
            "trained@2": lambda: writer(5), "trained@3": lambda: writer(6),
        },
        {**CLEAR, "it says more": lambda found: above(found.difference["facts"])},
        (
            "Yes, in bleu: +0.435 [+0.412, +0.459] on 120 prompts with 3 runs of trained and base as one fixed "
            "model, p = 0.00014. Smallest visible difference: 0.040 (80 % power).",
            "facts agrees: +0.978 [+0.961, +0.991].",
            "More than copying: against an echo of the prompt at its length it gains +0.377 [+0.355, +0.399], and "
            "1% of its 4-grams are from the prompt (of the references' 1%).",
            "More than length: against base's responses cut to its length it gains +0.399 [+0.374, +0.424].",
        ),
    ),
}  # fmt: skip


def with_prompt(row, prompt):
    answer = {"role": "assistant", "content": row["ref_output_gold"]}
    return {**row, "prompt": prompt, "messages": [{"role": "user", "content": prompt}, answer]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Evaluates a trap once; gives the record and what was printed."""
    done = {}

    def make(name):
        if name not in done:
            trap, folder = TRAPS[name], tmp_path_factory.mktemp("trap")
            rows = ROWS[: trap.rows]
            if trap.asked_last:
                rows = [
                    with_prompt(row, f"{text}\n{ASKED_LAST}") for row, text in zip(rows, facts_first(), strict=True)
                ]
            (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            models = []
            for model, texts in trap.models.items():
                made_rows = [{"id": row["id"], "response": text} for row, text in zip(rows, texts(), strict=False)]
                (folder / f"{model}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made_rows))
                models.append(f"{model}={folder / model}.jsonl")
            words = ["--models", *models, "--prompts", str(folder / "pool.jsonl"), "--ref_models", *REFERENCES]
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                assert run(evaluate.main, [*words, "--output_dir", str(folder / "out"), *trap.words]) == 0
            content = json.loads((folder / "out/evaluation.json").read_text())
            assert all(text in Path(folder, "out/comparison.md").read_text() for text in trap.sentences)
            done[name] = Found(content), printed.getvalue()
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
def test_it_is_printed(made, name, sentence):
    _, printed = made(name)
    assert sentence in printed


@pytest.mark.parametrize("name", [name for name, trap in TRAPS.items() if "learnt" not in name.partition(",")[0]])
def test_no_trap_is_praised(made, name):
    """`Yes` may be said, since the score did rise, but beside what explains it."""
    _, printed = made(name)
    excuses = ("Perhaps", "A few prompts carry", "But it is worse", "Cutting base's responses", "Not told apart")
    assert "Yes, " not in printed or any(words in printed for words in excuses)


PREFERENCES: dict[str, tuple[Callable[[], list[tuple[str, str]]], str]] = {
    "worse than a coin": (
        lambda: list(zip(of_others(7), writer(4), strict=True)),
        "bleu is worse than a coin: it prefers the response that people reject.",
    ),
    "people prefer copies": (
        lambda: [(row["prompt"], text) for row, text in zip(ROWS, writer(4), strict=True)],
        "bleu is worse than a coin: it prefers the response that people reject.",
    ),
    "three prompts": (
        lambda: list(zip(writer(4), of_others(7), strict=True))[:3],
        "with fewer than 30 prompts this describes these pairs and nothing can be concluded about others;",
    ),
    "thirty of thirty": (
        lambda: list(zip(writer(4), junk(), strict=True))[:30],
        "On 30 decisive pairs over 30 prompts, bleu agrees with people in 100.0 % [87.8, 100.0]",
    ),
    "people prefer what is right": (
        lambda: list(zip(writer(4), of_others(7), strict=True)),
        "No more prompts are needed to settle the direction. An echo of the prompt agrees in",
    ),
    "one prompt": (
        lambda: list(zip(writer(4), of_others(7), strict=True))[:1],
        "bleu agrees with people in 100.0 % no interval and",
    ),
}


@pytest.mark.parametrize("name", PREFERENCES)
def test_agreement_prints_it(name, tmp_path):
    """Chosen and rejected responses, made so that the answer is known."""
    pairs, sentence = PREFERENCES[name]
    references = [f"ref_output_{name}" for name in REFERENCES]
    rows = [
        {"prompt": row["prompt"], "chosen": chosen, "rejected": rejected, **{one: row[one] for one in references}}
        for row, (chosen, rejected) in zip(ROWS, pairs(), strict=False)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--preferences", str(tmp_path / "pairs.jsonl"), "--output_dir", str(tmp_path / "out"), "--rewards", "bleu"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(agreement.main, [*words, "--no_figures", "--resamples", "1000"]) == 0
    said = " ".join(printed.getvalue().split())
    assert sentence in said
    written = (tmp_path / "out/agreement.json").read_text()
    assert "Infinity" not in written
    for text in (said, json.loads(written)["verdict"]):
        assert "inf" not in text.replace("information", "")
        assert not ("No more prompts are needed" in text and "certain only if" in text)
