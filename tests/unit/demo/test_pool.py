"""The demo's pool keeps what its README says: sizes, lengths, no repetitions."""

import json
import math
import re
from collections import Counter

import numpy as np
import pytest

from tests.conftest import ROOT

POOL = ROOT / "src/bleuberi/demo/pool.jsonl"
ROWS = [json.loads(line) for line in POOL.read_text(encoding="utf-8").splitlines()]
COLUMNS = ["id", "source", "messages", "prompt", "ref_output_gold", "ref_output_second"]


def shingles(text, size=3):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + size]) for place in range(len(words) - size + 1)}


def most_alike(texts):
    """The largest share of word triples that two of the texts have in common, and the two."""
    made = [shingles(text) for text in texts]
    best = (0.0, 0, 0)
    for one in range(len(made)):
        for two in range(one):
            union = len(made[one] | made[two])
            best = max(best, (len(made[one] & made[two]) / union if union else 0.0, one, two))
    return best


def test_columns_and_turns():
    assert len(ROWS) >= 240
    for row in ROWS:
        assert list(row) == COLUMNS
        assert row["messages"] == [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": row["ref_output_gold"]},
        ]
        assert all(
            isinstance(row[name], str) and row[name] == row[name].strip() for name in COLUMNS if name != "messages"
        )


@pytest.mark.parametrize("column", ["ref_output_gold", "ref_output_second"])
def test_references_have_12_to_60_words(column):
    lengths = [len(row[column].split()) for row in ROWS]
    assert min(lengths) >= 12
    assert max(lengths) <= 60


def test_nothing_stands_twice():
    for column in ("id", "prompt", "ref_output_gold", "ref_output_second"):
        assert len({row[column] for row in ROWS}) == len(ROWS), column
    assert all(row["ref_output_gold"] != row["ref_output_second"] for row in ROWS)


@pytest.mark.parametrize("column", ["prompt", "ref_output_gold"])
def test_no_two_texts_are_nearly_the_same(column):
    alike, one, two = most_alike([row[column] for row in ROWS])
    assert alike < 0.35, (ROWS[one][column], ROWS[two][column])


def test_no_two_rows_ask_for_the_same_thing_in_other_words():
    """Rare words that two rows share, prompt and answers together: paraphrases come to 0.58 and more, others to 0.4."""
    columns = ("prompt", "ref_output_gold", "ref_output_second")
    texts = [" ".join(row[column] for column in columns).lower() for row in ROWS]
    stems = [Counter(word[:6] for word in re.findall(r"\w{4,}", text)) for text in texts]
    rows_with = Counter(stem for counted in stems for stem in counted)
    places = {stem: place for place, stem in enumerate(rows_with)}
    weights = np.zeros((len(ROWS), len(places)))
    for row, counted in enumerate(stems):
        for stem, count in counted.items():
            weights[row, places[stem]] = (1 + math.log(count)) * math.log(len(ROWS) / rows_with[stem])
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    alike = np.tril(weights @ weights.T, -1)
    one, two = np.unravel_index(alike.argmax(), alike.shape)
    assert alike.max() < 0.5, (ROWS[one]["prompt"], ROWS[two]["prompt"])


def test_many_kinds_and_none_rules():
    kinds = [row["source"] for row in ROWS]
    assert len(set(kinds)) >= 12
    assert max(map(kinds.count, set(kinds))) < len(ROWS) / 4


def test_the_readme_tells_the_numbers():
    text = " ".join((ROOT / "src/bleuberi/demo/README.md").read_text().split())
    lengths = [len(row[name].split()) for row in ROWS for name in ("ref_output_gold", "ref_output_second")]
    kinds = {row["source"].partition("/")[2] for row in ROWS}
    assert f"{len(ROWS)} everyday English instructions of {len(kinds)} kinds" in text
    assert f"two independent answers of {min(lengths)} to {max(lengths)} words" in text
    assert "language model wrote every row" in text
    assert "CC0" in text
