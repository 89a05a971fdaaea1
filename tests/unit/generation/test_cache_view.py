"""`bleuberi cache ls|explain|prune` on real caches."""

import json

import pytest

from bleuberi.cli import cache
from bleuberi.cli.main import find_command
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.answer_store import JOURNAL, journal_line, shard_paths, to_row
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import prompt_key
from bleuberi.records import Conversation, Message


@pytest.fixture
def made(tmp_path):
    """A pool of 12 rows, its canned answers, and a cache with those of the first eight."""
    rows = [{"id": f"r{n}", "prompt": f"question {n}", "ref_output_gold": "x"} for n in range(12)]
    pool, answers = tmp_path / "pool.jsonl", tmp_path / "answers.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers.write_text("".join(json.dumps({"id": row["id"], "response": "an answer"}) + "\n" for row in rows))
    engine = cached_engine("strong", "canned", tmp_path / "inference_outputs", EngineOptions(answers=answers))
    asked = [Conversation(row["id"], [Message(role="user", content=row["prompt"])]) for row in rows]
    engine.answer(asked[:8], Sampling())
    words = [str(tmp_path), "--hf_dataset_path", str(pool), "--model", "strong", "--engine", "canned"]
    return engine, asked, [*words, "--answers", str(answers)]


def test_ls_names_model_sampling_and_rows(made, tmp_path, capsys):
    engine, asked, _ = made
    (engine.folder(Sampling()) / JOURNAL).write_bytes(
        journal_line(to_row(prompt_key(asked[9]), Output("a", "stop", 1)))
    )
    command, rest = find_command(["cache", "ls", str(tmp_path)])
    assert command(rest) == 0
    shown = capsys.readouterr().out
    assert "8 rows, 1 shards" in shown
    assert "strong (answers:" in shown
    assert Sampling().signature() in shown
    assert "1 rows of an interrupted run" in shown


def test_explain_gives_each_row_its_own_reason(made, capsys):
    engine, asked, words = made
    folder = engine.folder(Sampling())
    engine.answer(asked[8:10], Sampling(temperature=0.0))
    (folder / JOURNAL).write_bytes(journal_line(to_row(prompt_key(asked[10]), Output("a", "stop", 1))))
    assert cache.explain([*words, "--rows", "99"]) == 0
    shown = capsys.readouterr().out
    assert f"8 of 12 rows are cached in {folder}" in shown
    assert "r8: cached with other settings: sampling: existing greedy|max:512, requested temp:0.7|" in shown
    assert "r9: cached with other settings" in shown
    assert "r10: it is in an interrupted run's journal" in shown
    assert "r11: this prompt is not cached" in shown
    victim = shard_paths(folder)[0]
    victim.write_bytes(victim.read_bytes()[:-30])
    cache.explain(words)
    assert "8 missing, e.g. r0: its shard was damaged" in capsys.readouterr().out


def test_prune_removes_what_is_named_and_nothing_else(made, tmp_path, capsys):
    engine, asked, _ = made
    engine.answer(asked, Sampling(temperature=0.0))
    good, greedy = engine.folder(Sampling()), engine.folder(Sampling(temperature=0.0))
    for name in ("0.jsonl.damaged", ".1.jsonl.x.partial.jsonl"):
        (good / name).write_text("junk")
    before = {path: path.read_bytes() for path in shard_paths(good)}
    cache.prune([str(tmp_path)])
    assert "2 would be removed" in capsys.readouterr().out
    assert (good / "0.jsonl.damaged").exists()
    cache.prune([str(tmp_path), "--yes"])
    assert {path.name for path in good.iterdir()} == {"cache.json", ".lock", *(path.name for path in before)}
    assert {path: path.read_bytes() for path in shard_paths(good)} == before
    cache.prune([str(tmp_path), "--older_than_days", "1", "--yes"])
    assert "Nothing to remove" in capsys.readouterr().out
    cache.prune([str(tmp_path), "--model", greedy.name, "--yes"])
    assert not greedy.exists()
    assert good.exists()


def test_a_folder_without_caches_is_said(tmp_path):
    with pytest.raises(UserError, match="no cached responses"):
        cache.ls([str(tmp_path)])
