"""Which reward to train on: made data with known answers, through the command."""

import json
import random
from itertools import combinations

import numpy as np
import pytest

from bleuberi.agreement.best_of import best_of_n, pick_weights, sizes
from bleuberi.agreement.config import Sureness
from bleuberi.agreement.damage import damaged, dropped, negated, sentences, shuffled, wrong_numbers
from bleuberi.agreement.judged import answer_pairs
from bleuberi.agreement.systems import SystemScores
from bleuberi.cli.agreement import main
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu
from bleuberi.rewards.base import TextReward

HERE = "tests.unit.agreement.test_which_reward"
PLACES = ("Oslo", "Lima", "Rome", "Cairo", "Delhi", "Quito", "Paris", "Perth")
THINGS = ("harbour", "market", "tower", "garden", "museum", "bridge", "station", "library")


class OnlyLength(TextReward):
    name = "only_length"

    def signature(self):
        return "only_length"

    def score_batch(self, responses, references):
        return [len(text.split()) / 7 for text in responses]


class BlindToNegation(TextReward):
    name = "blind"

    def signature(self):
        return "blind"

    def score_batch(self, responses, references):
        texts = [text.replace(" not", "") for text in responses]
        return Bleu()(responses=texts, references=[[one.replace(" not", "") for one in row] for row in references])


class Reverse(TextReward):
    name = "reverse"

    def signature(self):
        return "reverse"

    def score_batch(self, responses, references):
        return [-score for score in Bleu()(responses=responses, references=references)]


def run(folder, *words):
    flags = ["--resamples", "300", "--no_figures", "--output_dir", str(folder), *map(str, words)]
    assert main(flags) == 0
    return json.loads((folder / "agreement.json").read_text())


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def reference(place, thing, number, style):
    opening = ("The guide says that", "Visitors know that", "We are told that", "Locals say that")[style]
    return (
        f"{opening} the {thing} of {place} is {number} years old. It was built by the town in summer. "
        f"It has {number + 3} doors. People {('like', 'love', 'visit', 'know')[style]} it."
    )


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    rows = []
    for place in PLACES:
        for at, thing in enumerate(THINGS[:5]):
            number = 100 + 7 * at + len(place)
            texts = [reference(place, thing, number, style) for style in range(4)]
            rows.append(
                {
                    "id": f"{place}-{thing}",
                    "source": "made",
                    "prompt": f"Tell me about the {thing} of {place}.",
                    "messages": [{"role": "user", "content": f"Tell me about the {thing} of {place}."}],
                    **{f"ref_output_{name}": text for name, text in zip(("gold", "a", "b", "c"), texts, strict=True)},
                }
            )
    return write(tmp_path_factory.mktemp("pool") / "pool.jsonl", rows)


@pytest.fixture(scope="module")
def chosen(pool, tmp_path_factory):
    names = ["bleu", *(f"{HERE}:{name}" for name in ("OnlyLength", "BlindToNegation", "Reverse"))]
    folder = tmp_path_factory.mktemp("chosen")
    return run(folder, "--pool", pool, "--rewards", *names), folder


def test_references_alone_name_each_rewards_fault(chosen):
    result, _ = chosen
    by_name = {one["name"]: one for one in result["rewards"]}
    assert result["verdict"].startswith("On 40 prompts bleu sees most of the planted damage")
    said = " ".join(result["warnings"])
    assert "only_length is length: it prefers the longer response in 100.0 % of the pairs." in said
    assert "bleu is " not in said
    assert "blind does not see: negation." in said
    assert "reverse pays for: " in said
    assert by_name["reverse"]["sees"]["high"] < 0.3
    assert by_name["blind"]["damage"]["negation"]["unchanged"] == 1.0
    assert by_name["bleu"]["damage"]["negation"]["falls"]["low"] > 0.8
    assert by_name["only_length"]["damage"]["numbers"]["unchanged"] == 1.0
    assert by_name["only_length"]["damage"]["repeated"]["falls"]["value"] == 0.0
    assert by_name["bleu"]["damage"]["other"]["falls"]["value"] > 0.9
    reverse = next(one for one in result["comparisons"] if (one["base"], one["other"]) == ("bleu", "reverse"))
    assert reverse["difference"]["high"] < -0.5
    assert reverse["p_value"] < 0.05


def test_the_result_is_a_section_and_a_markdown_file(chosen):
    from bleuberi.agreement.view import agreement_section

    result, folder = chosen
    section = agreement_section(folder, "a", "made")
    assert [table.name for table in section.tables] == ["damage", "bias", "versus"]
    assert section.lead == result["verdict"]
    assert section.charts[0].name == "damage"
    text = (folder / "agreement.md").read_text()
    assert text.startswith(result["verdict"])
    assert "| blind | " in text
    assert "negation" in text


def test_headroom_counts_what_the_other_half_confirms(pool, tmp_path):
    """Samples that differ in quality have headroom that both halves see; length confirms itself by construction."""
    rows = [json.loads(line) for line in pool.read_text().splitlines()]
    generator = random.Random(3)
    samples = []
    for row in rows:
        words = row["ref_output_gold"].split()
        for kept in (0.2, 0.5, 0.8, 1.0):
            text = " ".join(word if generator.random() < kept else "umbrella" for word in words)
            samples.append({"id": row["id"], "output": text})
    outputs = write(tmp_path / "samples.jsonl", samples)
    result = run(tmp_path / "out", "--pool", pool, "--outputs", outputs, "--rewards", "bleu", "rouge")
    bleu = next(one for one in result["rewards"] if one["name"] == "bleu")
    length = next(one for one in result["rewards"] if one["name"] == "longer_words")
    assert bleu["headroom"]["confirmed"]["low"] > 0.1
    assert 0.8 < bleu["headroom"]["confirmed_share"] <= 1.0
    assert bleu["halves"]["low"] > 0.8
    assert length["headroom"]["best_minus_mean"]["value"] == 0.0
    assert result["counts"]["samples"] == 160
    assert result["counts"]["prompts"] == 40


def test_one_sample_per_prompt_is_refused(pool, tmp_path):
    outputs = write(tmp_path / "one.jsonl", [{"id": "Oslo-harbour", "output": "x"}])
    with pytest.raises(UserError, match="one sample per prompt"):
        run(tmp_path / "out", "--pool", pool, "--outputs", outputs, "--rewards", "bleu")


def test_nothing_to_compare_with_is_refused(tmp_path):
    with pytest.raises(UserError, match="no data to compare rewards with"):
        run(tmp_path / "out")


def preferences(longer_wins, count=120):
    """Pairs of which people prefer the longer response in that share; BLEU finds the right one in every pair."""
    generator = random.Random(5)
    rows = []
    for number in range(count):
        good = [f"w{generator.randrange(400)}" for _ in range(12)]
        wins_long = number < longer_wins * count
        bad = [f"x{generator.randrange(400)}" for _ in range(8 if wins_long else 16)]
        a_wins = generator.random() < 0.5
        first, second = (good, bad) if a_wins else (bad, good)
        rows.append(
            {
                "prompt": f"Question {number}?", "response_a": " ".join(first), "response_b": " ".join(second),
                "winner": "model_a" if a_wins else "model_b", "ref_output_gold": " ".join([*good, "end"]),
            }
        )  # fmt: skip
    return rows


def test_length_balanced_agreement_gives_length_a_half_and_names_it(tmp_path):
    rows = preferences(0.8)
    for row in rows[::5]:  # neither people nor length agree with BLEU everywhere
        row["winner"] = {"model_a": "model_b", "model_b": "model_a"}[row["winner"]]
    pairs = write(tmp_path / "pairs.jsonl", rows)
    names = ["bleu", *(f"{HERE}:{name}" for name in ("OnlyLength", "Reverse"))]
    result = run(tmp_path / "out", "--preferences", pairs, "--curve_orders", "0", "--rewards", *names)
    by_name = {one["name"]: one for one in result["rewards"]}
    assert by_name["only_length"]["balanced"]["value"] == pytest.approx(0.5)
    assert by_name["longer_words"]["balanced"]["value"] == pytest.approx(0.5)
    subsets = by_name["bleu"]["subsets"]
    mean = (subsets["people_prefer_longer"]["value"] + subsets["people_prefer_shorter"]["value"]) / 2
    assert by_name["bleu"]["balanced"]["value"] == pytest.approx(mean)
    assert "only_length is length: it prefers the longer response in 100.0 % of the pairs." in result["choice"]
    assert result["choice"].startswith("bleu has the highest length-balanced agreement")
    assert "better than only_length, reverse" in result["choice"]
    assert len(by_name["bleu"]["margin_quarters"]) == 4
    sizes_of = [part["agreement"]["n"] for part in by_name["bleu"]["margin_quarters"]]
    assert sizes_of == [30, 30, 30, 30]


def test_a_judges_pairs_are_balanced_too():
    generator = np.random.default_rng(4)
    label = generator.normal(size=(40, 4))
    words = np.round(50 + 10 * label + 5 * generator.normal(size=(40, 4)))
    scores = [SystemScores("good", "reward", "g", label), SystemScores("longer_words", "baseline", "l", words)]
    found = answer_pairs(scores, label, [str(row) for row in range(40)], Sureness(resamples=100))
    assert found.agreement["longer_words"]["value"] > 0.75
    assert found.balanced["longer_words"]["value"] == pytest.approx(0.5)
    assert found.balanced["good"]["value"] == 1.0
    assert found.balanced_comparisons[0]["difference"]["value"] == pytest.approx(0.5)
    assert found.prefers_longer["longer_words"] == 1.0


def test_best_of_n_is_the_mean_over_all_subsets():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 4, size=6).astype(float)  # with ties
    labels = generator.normal(size=6)
    for n in range(1, 7):
        exact = []
        for subset in map(list, combinations(range(6), n)):
            best = [row for row in subset if scores[row] == scores[subset].max()]
            exact.append(labels[best].mean())
        assert pick_weights(scores, n).sum() == pytest.approx(1.0)
        assert pick_weights(scores, n) @ labels == pytest.approx(np.mean(exact))
    assert sizes(27) == [1, 2, 4, 8, 16, 27]
    assert sizes(8) == [1, 2, 4, 8]
    assert sizes(3) == [1, 2, 3]


def test_best_of_n_finds_where_a_reward_turns():
    """The label rises with length up to a point: the longest of many is too long."""
    generator = np.random.default_rng(1)
    words = generator.integers(10, 200, size=(80, 16)).astype(float)
    label = -((words - 130) ** 2) / 1000 + generator.normal(size=(80, 16))
    found = best_of_n(
        {"length": words, "right": label + 0.1 * generator.normal(size=(80, 16))}, label, words,
        [str(row) for row in range(80)], resamples=300, seed=0, confidence=0.95,
    )  # fmt: skip
    assert found["largest"] == 16
    assert found["prompts"] == 80
    assert found["turns"]["length"]["turned"]
    assert found["turns"]["length"]["peak"] in (2, 4)
    assert not found["turns"]["right"]["turned"]
    assert found["turns"]["right"]["gain"]["low"] > 0


TEXT = "The tower is 120 years old. It was not built in 1900! People can visit it.\nIt has 3 doors."


def test_planted_damage_changes_what_it_says():
    generator = random.Random(0)
    assert sentences(TEXT)[1] == "It was not built in 1900!"
    assert len(sentences(TEXT)) == 4
    assert negated(TEXT) == (
        "The tower is not 120 years old. It was built in 1900! People can not visit it.\nIt has not 3 doors."
    )
    assert sorted(shuffled(TEXT, generator).split()) == sorted(TEXT.split())
    assert shuffled(TEXT, generator).split() != TEXT.split()
    assert len(sentences(dropped(TEXT, generator))) == 2
    changed = wrong_numbers(TEXT, generator)
    assert len(changed) == len(TEXT)
    assert "120" not in changed
    assert "1900" not in changed
    assert wrong_numbers("No number.", generator) is None
    assert negated("No verb.") is None
    assert dropped("One sentence.", generator) is None
    assert shuffled("One sentence.", generator) is None
    made = damaged(TEXT, "Tell me about it.", "Another answer.", generator)
    assert set(made) == {"dropped", "shuffled", "numbers", "negation", "other", "repeated", "copied", "echo"}
