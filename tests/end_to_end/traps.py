"""Results that were made to fool `evaluate`, and policies that truly learnt: responses, facts and printed sentences."""

import pytest

from tests.end_to_end.trap_parts import (
    CLEAR,
    COUNT,
    ROWS,
    Trap,
    above,
    by_heart,
    fact_values,
    facts_first,
    first_words,
    junk,
    not_above,
    of_others,
    padded,
    writer,
)

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
