"""State of earlier runs that is damaged is set aside and said, and what it had is made again."""

import json
import sqlite3

import pytest

from bleuberi.artifacts import read_manifest, read_state, write_text
from bleuberi.cli.main import find_command
from bleuberi.errors import UserError
from bleuberi.evaluation.config import EvaluationConfig, refuse_other_evaluation
from bleuberi.evaluation.models import read_models
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Sampling
from bleuberi.records import Conversation, Example, Message
from bleuberi.rewards import Bleu
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.cached import CachedReward
from bleuberi.selection.scores import score_pool

ROWS = {"responses": ["a", "b"], "references": [["x"], ["y"]]}


class Given(TextReward):
    name = "given"

    def signature(self):
        return "given|v:1"

    def score_batch(self, responses, references):
        return [float(len(text)) for text in responses]


def damaged_database(path):
    CachedReward(Given(), path)(**ROWS)
    content = bytearray(path.read_bytes())
    content[40:4096] = b"\xff" * 4056
    path.write_bytes(bytes(content))


def other_table(path):
    with sqlite3.connect(path) as store:
        store.execute("CREATE TABLE scores (a, b, c)")
    store.close()


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(b"not a database at all" * 99), damaged_database, other_table]
)
def test_scores(tmp_path, damage, caplog):
    path = tmp_path / "scores.sqlite"
    damage(path)
    assert CachedReward(Given(), path)(**ROWS) == [1.0, 1.0]
    assert "scores.sqlite.damaged" in caplog.text
    assert (tmp_path / "scores.sqlite.damaged").is_file()
    assert CachedReward(Given(), path)(**ROWS) == [1.0, 1.0]


def test_a_full_disk_is_said_in_two_lines(tmp_path):
    path = tmp_path / "scores.sqlite"
    CachedReward(Given(), path)(**ROWS)

    class Full(CachedReward):
        def _fill(self, *given):
            with sqlite3.connect(self.path) as store:
                store.execute("PRAGMA max_page_count = 2")
                store.execute("CREATE TABLE more AS SELECT randomblob(100000)")

    with pytest.raises(UserError, match=r"scores\.sqlite could not be written: database or disk is full"):
        Full(Given(), path)(**ROWS)


@pytest.mark.parametrize("content", ["", "[1]", '{"a": ', "[" * 100_000, '"text"', "\udcff"])
def test_files_of_state(tmp_path, content, caplog):
    (tmp_path / "s.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    assert read_state(tmp_path / "s.json") == {}
    assert "s.json is damaged; it was renamed to s.json.damaged" in caplog.text
    assert read_state(tmp_path / "s.json") == {}


@pytest.mark.parametrize(
    "content",
    [
        '{"schema_version": 1e999}',
        "[" * 100_000,
        '{"schema_version": 1, "config": []}',
        '{"schema_version": null}',
        "3",
    ],
)
def test_odd_manifests_are_two_lines(tmp_path, content):
    write_text(tmp_path / "manifest.json", content)
    with pytest.raises(UserError, match=r"The manifest .* cannot be read"):
        read_manifest(tmp_path)


def test_scores_of_a_pool_are_made_again(tmp_path, caplog):
    examples = [Example("a", "s", [Message(role="user", content="p")], "p", "x y", ["x y"])]
    path = tmp_path / "scores.json"
    before = score_pool(examples, ["x y"], Bleu(), path).values
    (tmp_path / "scores.manifest.json").write_text("[]")
    assert score_pool(examples, ["x y"], Bleu(), path).values == before
    assert "scores.manifest.json is damaged" in caplog.text
    assert not [name for name in tmp_path.iterdir() if "imported" in name.name]


@pytest.mark.parametrize("content", ["", "[]", '{"model": "text"}'])
def test_the_file_of_a_cache(tmp_path, content, capsys, caplog):
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "response": "R"}\n')
    options = EngineOptions(answers=tmp_path / "answers.jsonl")
    engine = cached_engine("strong", "canned", tmp_path / "inference_outputs", options)
    engine.answer([Conversation("a", [Message(role="user", content="p")])], Sampling())
    (engine.folder(Sampling()) / "cache.json").write_text(content)
    command, words = find_command(["cache", "ls", str(tmp_path)])
    assert command(words) == 0
    assert "1 rows" in capsys.readouterr().out
    assert "cache.json is damaged" in caplog.text


def test_a_damaged_evaluation_is_made_again(tmp_path, caplog):
    (tmp_path / "evaluation.json").write_text('{"config": ')
    config = EvaluationConfig(read_models(["a=x.jsonl", "b=y.jsonl"]), "pool.jsonl", output_dir=tmp_path)
    assert refuse_other_evaluation(config, {"metrics": []}) is False
    assert "evaluation.json is damaged" in caplog.text
    (tmp_path / "evaluation.json").write_text(json.dumps({"config": "odd"}))
    assert refuse_other_evaluation(config, {"metrics": []}) is False
