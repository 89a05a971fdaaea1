"""Stored samples: all rows of an id, one setting, and k samples through the output cache."""

import json

import pytest

from bleuberi.data.made_responses import read_responses
from bleuberi.errors import UserError
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import CachedEngine, sample_seed
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Conversation, Example, Message
from bleuberi.selection.responses import answers_from_file
from bleuberi.selection.samples import samples_from_file

POOL = [Example(row, "s", [Message(role="user", content=row)], row, "", ["R"]) for row in "ab"]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_all_rows_of_an_id_are_its_samples_and_the_first_is_its_output(tmp_path):
    rows = [{"id": row, "response": f"{row}{number}", "finish_reason": "stop"} for number in range(4) for row in "ab"]
    path = write(tmp_path / "outputs.jsonl", rows)
    samples = samples_from_file(POOL, path, None, Sampling(), 8).rows
    assert [[sample.text for sample in found] for found in samples] == [
        ["a0", "a1", "a2", "a3"],
        ["b0", "b1", "b2", "b3"],
    ]
    assert samples[0][0].finish_reason == "stop"
    made = answers_from_file(POOL, path, None)
    assert made.text_by_id == {"a": "a0", "b": "b0"}
    assert made.provenance["repeated_ids"] == 6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"temperature": 0.9, "seed": 1}, {"temperature": 0.7, "seed": 1}),
        ("temp:0.9|top_k:50|seed:1", "temp:0.9|top_k:0|seed:1"),
        ({"temperature": 0.9}, None),
    ],
)
def test_samples_of_different_settings_are_refused(tmp_path, one, other):
    rows = [{"id": "a", "response": "x", "sampling": one}, {"id": "a", "response": "y", "sampling": other}]
    with pytest.raises(UserError, match=r"mixes samples of different settings: outputs.jsonl, line 1 .* line 2"):
        samples_from_file(POOL, write(tmp_path / "outputs.jsonl", rows), None, Sampling(), 8)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"temperature": 0.9, "seed": 1}, {"seed": 2, "temperature": 0.9}),
        ("temp:0.9|seed:1", "temp:0.9|seed:7"),
        ('{"temperature": 0.9, "seed": 1}', '{"seed": 2, "temperature": 0.9}'),  # as a CSV file has them
    ],
)
def test_seeds_may_differ(tmp_path, one, other):
    rows = [{"id": "a", "response": "x", "sampling": one}, {"id": "a", "response": "y", "sampling": other}]
    made = samples_from_file(POOL, write(tmp_path / "outputs.jsonl", rows * 2), None, Sampling(), 8)
    assert len(made.rows[0]) == 4
    assert "0.9" in made.provenance["sampling"]
    assert "seed" not in made.provenance["sampling"]


def test_samples_of_another_model_do_not_count(tmp_path):
    rows = [
        {"id": "a", "response": "x", "model": "mine", "sampling": "temp:0.9"},
        {"id": "a", "response": "y", "model": "other", "sampling": "temp:0.1"},
    ]
    path = write(tmp_path / "outputs.jsonl", rows)
    assert [row.text for row in read_responses(path, "mine")] == ["x"]


class CountingEngine:
    """Answers with the seed that it was called with, and counts its calls."""

    shard_rows = 2
    calls = 0

    def generate(self, conversations, sampling, seed, on_output):
        CountingEngine.calls += 1
        return [Output(f"{row.messages[0]['content']} {seed}", "stop", 3) for row in conversations]


def test_samples_are_ordinary_cached_runs_and_more_of_them_keep_the_old(tmp_path):
    def engine():
        return CachedEngine(ModelIdentity("m", "files:1", "t"), CountingEngine, tmp_path)

    CountingEngine.calls = 0
    asked = [Conversation(row, [Message(role="user", content=row)]) for row in "abc"]
    sampling = Sampling(temperature=0.9, seed=7)
    two = list(engine().answer_samples(asked, sampling, 2))
    assert CountingEngine.calls == 4  # two shards a sample
    assert [samples[0].text[0] for samples in two] == ["a", "b", "c"]
    assert two[0][0] != two[0][1]
    four = list(engine().answer_samples(asked, sampling, 4))
    assert CountingEngine.calls == 8
    assert [samples[:2] for samples in four] == two
    assert list(engine().answer(asked, sampling).values()) == [samples[0] for samples in four]
    assert CountingEngine.calls == 8


def test_seeds_of_samples_do_not_meet():
    seeds = {sample_seed(seed, sample) for seed in range(20) for sample in range(20)}
    assert len(seeds) == 400
    assert sample_seed(42, 0) == 42
