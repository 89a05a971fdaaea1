"""The generated pool: the same everywhere, true by the checker, splits apart, presets with the promised answer."""

import dataclasses
import hashlib
import itertools
import json
from random import Random

import pytest

from bleuberi.check.prompt_overlap import TestPrompts
from bleuberi.data.facts_truth import share_mentioned
from bleuberi.data.pool import read_pool
from bleuberi.demo import facts_pool
from bleuberi.demo.facts_domains import DOMAINS
from bleuberi.demo.facts_pool import CHOICES, PRESETS, SPLITS, Dials, generate, preset
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu
from bleuberi.rewards.tokens import tokenize_13a

LEARN = list(generate(preset("learn", rows=300)))
PINNED = {
    "learn": "c5003ede2fe3afeb8c02abf3c178276e413531d0550f3538d6521abc830cbaa7",
    "copy_only": "d5f2d595bfe031dbcf0db23d9e2602973903b64270088a2d2a10fa1e3ed27131",
    "length_only": "cbc99e736c4de28d29354d314e19dc10f27350305e29cbe0b79ce33f83d78d8d",
    "nothing": "367c932e7a541049a5afb6894f9f59cf76d4f0b4caff9376b6e0392ef13985d1",
}


def references(row):
    return [text for name, text in row.items() if name.startswith("ref_output_")]


def bleu(responses, rows):
    scores = Bleu()(responses=responses, references=[references(row) for row in rows])
    return sum(scores) / len(scores)


def person(rows):
    """BLEU of each reference against the others of its row."""
    pairs = [
        (text, [other for other in references(row) if other is not text]) for row in rows for text in references(row)
    ]
    scores = Bleu()(responses=[text for text, _ in pairs], references=[others for _, others in pairs])
    return sum(scores) / len(scores)


@pytest.mark.parametrize("name", PRESETS)
def test_a_seed_makes_the_same_pool_everywhere(name):
    text = "".join(json.dumps(row, sort_keys=True) + "\n" for row in generate(preset(name, rows=60, seed=7)))
    assert hashlib.sha256(text.encode()).hexdigest() == PINNED[name]


def test_rows_are_pool_rows(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in LEARN), encoding="utf-8")
    pool = read_pool(str(path), None)
    assert pool.reference_models == ["gold", "writer_2", "writer_3", "writer_4"]
    assert [row.prompt for row in pool.rows] == [row["prompt"] for row in LEARN]
    for row in LEARN:
        assert row["messages"] == [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": row["ref_output_gold"]},
        ]
        assert list(row["x_facts"]) == [line.split(": ")[0] for line in row["prompt"].splitlines()[1:]]
    assert len({row["source"] for row in LEARN}) == 6
    assert len({row["id"] for row in LEARN}) == len({row["prompt"] for row in LEARN}) == len(LEARN)


DIALS = [
    {"min_facts": low, "max_facts": high, "patterns": patterns, "wordings": words, "overlap": overlap, "length": length}
    for (low, high), (patterns, words), overlap, length in itertools.product(
        [(3, 4), (5, 6), (8, 8)], [(1, 1), (4, 3), (8, 4)], CHOICES["overlap"], CHOICES["length"]
    )
]


@pytest.mark.parametrize("seed", range(3))
def test_every_reference_mentions_every_fact_whatever_the_dials(seed):
    for dials in DIALS:
        for row in generate(preset("learn", rows=8, seed=seed, **dials)):
            for text in references(row):
                assert share_mentioned(row["x_facts"], text) == 1.0, (row["x_facts"], text, dials)


def test_sentences_read_like_sentences():
    for row in LEARN:
        for text in references(row):
            assert text[0].isupper() or text[0].isdigit()
            assert text.endswith(".")
            assert not set("[]{}()!") & set(text)
            assert "  " not in text
            assert " ." not in text
            assert " a a" not in text
            assert " a 8" not in text


def test_other_rows_references_and_no_response_mention_few_facts():
    draw = Random(0)
    by_source = {row["source"]: [one for one in LEARN if one["source"] == row["source"]] for row in LEARN}
    alike = []
    for row in LEARN:
        other = draw.choice([one for one in by_source[row["source"]] if one is not row])
        alike.append(share_mentioned(row["x_facts"], other["ref_output_gold"]))
    assert sum(alike) / len(alike) < 0.15
    assert all(share_mentioned(row["x_facts"], "") == 0 for row in LEARN)


def test_learn_has_much_to_learn_and_nothing_to_copy():
    others = LEARN[1:] + LEARN[:1]
    assert 0.40 < person(LEARN) < 0.50
    assert bleu([row["prompt"] for row in LEARN], LEARN) < 0.12
    assert bleu([row["ref_output_gold"] for row in others], LEARN) < 0.16
    words = sorted(len(text.split()) for row in LEARN for text in references(row))
    assert words[len(words) // 20] >= 12
    assert words[-1] <= 30
    assert max(len(row["prompt"].split()) for row in LEARN) <= 36


def test_few_training_rows_hold_most_of_a_prompt_of_another_split():
    held_out = TestPrompts(row["prompt"] for row in generate(preset("learn", rows=48, split="dev")))
    assert sum(held_out.is_in(row["prompt"]) for row in LEARN) / len(LEARN) < 0.1


def test_copy_only_is_solved_by_an_echo():
    rows = list(generate(preset("copy_only", rows=100)))
    assert bleu([row["prompt"] for row in rows], rows) > 0.99
    assert bleu([row["ref_output_gold"] for row in LEARN[:100]], rows) < 0.15


def without_overlap(tokens):
    return " ".join(f"w{number}" for number in range(tokens))


@pytest.mark.parametrize(("name", "best"), [("length_only", 8), ("nothing", 24)])
def test_noise_pays_for_length_alone(name, best):
    rows = list(generate(preset(name, rows=30)))
    scores = {tokens: bleu([without_overlap(tokens)] * 30, rows) for tokens in range(2, 41)}
    assert abs(max(scores, key=scores.get) - best) <= 1
    texts = [row["ref_output_gold"] for row in LEARN[:30]]  # sentences earn what any words of their length earn
    assert bleu(texts, rows) == pytest.approx(sum(scores[len(tokenize_13a(text))] for text in texts) / 30)
    gain = max(scores.values()) - scores[23]  # what SmolLM2-135M-Instruct writes in at most 32 of its own tokens
    assert (gain > 0.08) if name == "length_only" else (gain < 0.003)


def test_splits_never_share_facts_whatever_seed_and_dials():
    seen = {
        split: {
            row["id"]
            for seed in range(4)
            for row in generate(preset("learn", rows=150, seed=seed, split=split, min_facts=3, max_facts=3 + seed))
        }
        for split in SPLITS
    }
    for one, two in itertools.combinations(seen, 2):
        assert not seen[one] & seen[two]
    assert min(map(len, seen.values())) > 500


def test_a_longer_pool_begins_with_the_shorter_and_dials_of_the_text_keep_the_facts():
    assert list(generate(preset("learn", rows=20))) == LEARN[:20]
    for name in PRESETS:
        assert [row["x_facts"] for row in generate(preset(name, rows=20))] == [row["x_facts"] for row in LEARN[:20]]


def test_patterns_and_wordings_set_how_much_references_differ():
    shared = preset("learn", rows=100, patterns=1, wordings=1, overlap="verbatim")
    assert all(len(set(references(row))) == 1 for row in generate(shared))
    varied = [
        person(list(generate(preset("learn", rows=100, patterns=n, wordings=w)))) for n, w in ((1, 2), (2, 2), (4, 3))
    ]
    assert varied == sorted(varied, reverse=True)
    assert varied[0] - varied[-1] > 0.1


def test_overlap_and_length_do_what_they_say():
    by_overlap = {
        name: list(generate(preset("learn", rows=150, overlap=name))) for name in ("verbatim", "mixed", "paraphrase")
    }
    echo = [bleu([row["prompt"] for row in rows], rows) for rows in by_overlap.values()]
    assert echo == sorted(echo, reverse=True)
    coded = by_overlap["paraphrase"]
    assert all(
        f"{slot}: {value}" in row["prompt"].splitlines() for row in coded for slot, value in row["x_facts"].items()
    )
    words = [
        sum(len(row["ref_output_gold"].split()) for row in generate(preset("learn", rows=150, length=name)))
        for name in ("concise", "normal", "wordy")
    ]
    assert words == sorted(words)
    assert words[2] > 1.2 * words[1]


@pytest.mark.parametrize(
    ("dials", "what"),
    [
        ({"rows": 0}, "rows must be between 1 and 1000000 (got 0)."),
        ({"references": 9}, "references must be between 1 and 8 (got 9)."),
        ({"min_facts": 7}, "min_facts (7) is greater than max_facts (6)."),
        ({"split": "validation"}, "Unknown split 'validation'."),
        ({"overlap": "some"}, "Unknown overlap 'some'."),
    ],
)
def test_wrong_dials_are_refused(dials, what):
    with pytest.raises(UserError) as caught:
        Dials(**dials)
    assert caught.value.what == what


def test_an_unknown_preset_and_too_many_rows_are_refused(monkeypatch):
    with pytest.raises(UserError, match="Unknown preset 'learning'"):
        preset("learning")
    small = dataclasses.replace(DOMAINS[0], names={"name": ("Golden Finch",)}, optional=("dogs",))
    monkeypatch.setattr(facts_pool, "DOMAINS", (small,))
    with pytest.raises(UserError, match=r"Only \d+ different rows were found \(asked for 15\)"):
        list(generate(preset("learn", rows=15)))
