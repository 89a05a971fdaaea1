"""What a server sends instead of a finished text: asked again, counted, never kept; and what older caches kept."""

import json

import pytest

from bleuberi.artifacts import write_shard
from bleuberi.cli import cache, create_training_data, evaluate, references
from bleuberi.generation import EngineOptions
from bleuberi.generation.answer_store import JOURNAL, AnswerStore, journal_line
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import CachedEngine
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.openai_engine import OpenAIEngine
from bleuberi.records import Conversation, Message
from tests.unit.generation.chat_server import ChatServer

ROWS = 16
KEY = "ab" * 32
UNUSABLE = [
    {"content": {"text": "an object"}},
    {"content": 7},
    {"content": True},
    {"content": 0},
    {"content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
    {"content": [{"type": "text", "text": 7}]},
    {"content": [{"type": "text", "text": "half of a "}, "list"]},
    {"content": [["text"]]},
    {"content": "half a text", "finish_reason": "error"},
    {"content": "half a text", "finish_reason": "abort"},
    {"content": "half a text", "finish_reason": {"type": "stop"}},
    {"content": "half a text", "finish_reason": 1},
    {"content": None, "finish_reason": "tool_calls"},
    {"content": None, "refusal": {"text": "an object"}},
    (200, '{"choices": []}'),
    (200, '{"choices": [{"message": "a text"}]}'),
]


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    rows = [{"id": f"r{n}", "prompt": f"p{n}", "ref_output_gold": f"gold {n}"} for n in range(ROWS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ask(pool, server, output, *more):
    """The references that the command gets from the server, by the prompt's number; and their flags."""
    words = ["--hf_dataset_path", str(pool), "--model", "strong", "--output", str(output), "--base_url", server.url]
    assert references.main([*words, "--concurrency", "16", *more]) == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    return [row["ref_output_strong"] for row in rows], [row["ref_flag_strong"] or None for row in rows]


def kept_texts(folder):
    shards = folder.glob("inference_outputs/*/[!.]*.jsonl")
    return [
        row["text"] for path in shards for line in path.read_text().splitlines() if "key" in (row := json.loads(line))
    ]


def test_parts_of_text_are_joined_and_thoughts_are_left_out(pool, tmp_path):
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    parts = {
        "p0": [{"type": "text", "text": "one "}, {"type": "text", "text": "text"}],
        "p1": [thought, {"type": "text", "text": "one text"}],
        "p2": [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "one text"}],
        "p3": [thought],
        "p4": [],
    }
    with ChatServer(lambda prompt, _: {"content": parts[prompt]} if prompt in parts else None) as server:
        texts, flags = ask(pool, server, tmp_path / "new.jsonl")
    assert texts[:6] == ["one text", "one text", "one text", "", "", "echo p5"]
    assert flags[:6] == [None, None, None, "empty", "empty", None]


def test_what_is_not_a_finished_text_is_asked_again_and_only_texts_are_kept(pool, tmp_path):
    assert len(UNUSABLE) == ROWS
    with ChatServer(lambda prompt, attempt: None if attempt else UNUSABLE[int(prompt[1:])]) as server:
        texts, _ = ask(pool, server, tmp_path / "new.jsonl")
        assert texts == [f"echo p{n}" for n in range(ROWS)]
        assert set(server.attempts.values()) == {2}
        assert ask(pool, server, tmp_path / "again.jsonl")[0] == texts
        assert set(server.attempts.values()) == {2}
    assert sorted(kept_texts(tmp_path)) == sorted(texts)


def test_ends_that_other_servers_name_are_finished_texts(pool, tmp_path):
    ends = ["stop", "STOP", "eos_token", "end_turn", "stop_sequence", None, "", "length", "max_tokens", "model_length"]
    with ChatServer(lambda prompt, _: {"finish_reason": (ends + ["stop"] * ROWS)[int(prompt[1:])]}) as server:
        texts, flags = ask(pool, server, tmp_path / "new.jsonl")
        assert texts == [f"echo p{n}" for n in range(ROWS)]
        assert flags[: len(ends)] == [None] * 7 + ["truncated"] * 3
        assert set(server.attempts.values()) == {1}


def test_a_row_that_is_never_answered_is_a_counted_failure_and_not_kept(pool, tmp_path, capsys, caplog):
    with ChatServer(lambda prompt, _: UNUSABLE[8] if prompt == "p3" else None) as server:
        texts, flags = ask(pool, server, tmp_path / "new.jsonl")
        assert texts == [None if n == 3 else f"echo p{n}" for n in range(ROWS)]
        assert flags == ["no answer" if n == 3 else None for n in range(ROWS)]
        assert "1 no answer" in capsys.readouterr().out
        assert "finish_reason is 'error'" in caplog.text
        assert "1 prompts got no usable answer" in caplog.text
        assert json.loads((tmp_path / "new.manifest.json").read_text())["flags"] == {"no answer": 1}
        assert sorted(kept_texts(tmp_path)) == sorted(text for text in texts if text is not None)
        server.misbehave = lambda prompt, attempt: None
        asked = len(server.bodies)
        assert ask(pool, server, tmp_path / "new.jsonl", "--overwrite")[0][3] == "echo p3"
        assert len(server.bodies) == asked + 1


FILTERED = (400, '{"error": {"code": "data_inspection_failed", "message": "inappropriate content"}}')


def test_data_and_evaluation_leave_out_and_count_what_has_no_answer(pool, tmp_path, caplog):
    pytest.importorskip("datasets")
    with ChatServer(lambda prompt, _: {"p3": UNUSABLE[0], "p4": FILTERED}.get(prompt)) as server:
        server_words = ["--engine", "openai", "--base_url", server.url, "--concurrency", "16"]
        words = ["--hf_dataset_path", str(pool), "--metric", "bleu", "--model", "strong", *server_words]
        assert create_training_data.grpo([*words, "--output_dir", str(tmp_path / "data")]) == 0
        (manifest,) = (tmp_path / "data/data_grpo").glob("*/manifest.json")
        found = json.loads(manifest.read_text())
        assert (found["rows_out"], found["dropped"]["prompts without a usable answer"]) == (ROWS - 2, 1)
        assert found["dropped"]["prompts that the server's filter stopped"] == 1
        words = ["--prompts", str(pool), "--models", "a=strong", "--output_dir", str(tmp_path / "out"), *server_words]
        assert evaluate.main([*words, "--metrics", "bleu"]) == 0
    rows = json.loads((tmp_path / "out/evaluation.json").read_text())["rows"]
    assert rows["kept"] == ROWS - 2
    assert rows["dropped"]["without a usable answer of a model"] == 2
    assert "2 prompts lack a usable answer of a model and are omitted for all models" in caplog.text


@pytest.mark.parametrize("count", ['"many"', "NaN", "Infinity", "-1", "1e400", "true", "9" * 400, "[2]", "2.5"])
def test_odd_counts_and_names_never_reach_the_cache(count, tmp_path):
    reply = '{"choices": [{"message": {"content": "fine"}, "logprobs": {"content": [NaN]}, "finish_reason": "stop"}], '
    reply += f'"model": ["a list"], "usage": {{"completion_tokens": {count}}}}}'
    asked = [Conversation("r", [Message(role="user", content="p")])]
    with ChatServer(lambda prompt, attempt: (200, reply)) as server:
        engine = OpenAIEngine("strong", EngineOptions(base_url=server.url), first_delay_seconds=0.01)
        cached = CachedEngine(ModelIdentity("strong", "x", ""), lambda: engine, tmp_path)
        output = cached.answer(asked, Sampling())["r"]
    assert output[:4] == ("fine", "stop", 0, "")
    assert AnswerStore(cached.folder(Sampling())).missing([KEY]) == [True]  # the store can be read


def test_a_reply_that_is_nested_too_deeply_is_a_failed_try(tmp_path):
    asked = [Conversation("r", [Message(role="user", content="p")])]
    with ChatServer(lambda prompt, attempt: None if attempt else (200, "[" * 100_000)) as server:
        engine = OpenAIEngine("strong", EngineOptions(base_url=server.url), first_delay_seconds=0.01)
        cached = CachedEngine(ModelIdentity("strong", "x", ""), lambda: engine, tmp_path)
        assert cached.answer(asked, Sampling())["r"].text == "echo p"


ODD_OUTPUTS = [
    Output({"text": "an object"}, "stop", 1),
    Output(None, "stop", 1),
    Output(["a"], "stop", 1),
    Output("a", "error", 1),
    Output("a", None, 1),
    Output("a", "no_answer", 0),
    Output("a", "stop", "1"),
    Output("a", "stop", 1.5),
    Output("a", "stop", float("nan")),
    Output("a", "stop", True),
    Output("a", "stop", -1),
    Output("a", "stop", 10**400),
    Output("a", "stop", 1, ["m"]),
    Output("a", "stop", 1, "m", 7),
]


@pytest.mark.parametrize("output", ODD_OUTPUTS, ids=lambda output: repr(output)[7:60])
def test_the_store_raises_for_what_is_not_an_answer(output, tmp_path):
    store = AnswerStore(tmp_path)
    with pytest.raises(TypeError, match="returned an invalid answer"):
        store.append(KEY, output)
    with pytest.raises(TypeError, match="returned an invalid answer"):
        store.write("name", [KEY], [output])
    assert AnswerStore(tmp_path).missing([KEY]) == [True]


POISON = [
    {"text": [{"type": "text", "text": "parts"}]},
    {"text": {"an": "object"}},
    {"text": None},
    {"finish_reason": ["stop"]},
    {"finish_reason": "error"},
    {"tokens": "3"},
    {"tokens": None},
    {"served_model": 7},
]


def poison(folder):
    """Rewrite the shard of a cache as an older version could have written it, with a checksum that fits."""
    (shard,) = folder.glob("inference_outputs/*/[!.]*.jsonl")
    rows = [row for line in shard.read_text().splitlines() if "key" in (row := json.loads(line))]
    for row, odd in zip(rows, POISON, strict=False):
        row.update(odd)
    write_shard(shard, rows)
    return shard, rows


def test_a_poisoned_cache_heals(pool, tmp_path, caplog, capsys):
    with ChatServer() as server:
        texts, _ = ask(pool, server, tmp_path / "new.jsonl")
        _, rows = poison(tmp_path)
        words = [str(tmp_path), "--hf_dataset_path", str(pool), "--model", "strong", "--base_url", server.url]
        assert cache.explain([*words, "--inference_max_new_tokens", "2048"]) == 0
        shown = capsys.readouterr().out
        assert f"{ROWS - len(POISON)} of {ROWS} rows are cached" in shown
        assert f"{len(POISON)} missing" in shown
        assert "its cached answer is not usable" in shown
        caplog.clear()
        assert ask(pool, server, tmp_path / "again.jsonl")[0] == texts
        assert caplog.text.count(f"{len(POISON)} rows in ") == 1
        assert "unusable answers" in caplog.text
        assert len(server.bodies) == ROWS + len(POISON)
        caplog.clear()
        assert ask(pool, server, tmp_path / "third.jsonl")[0] == texts
        assert len(server.bodies) == ROWS + len(POISON)
        assert "not usable" not in caplog.text
    assert len(rows) == ROWS


def test_a_shard_whose_rows_are_all_poisoned_heals(pool, tmp_path):
    with ChatServer() as server:
        texts, _ = ask(pool, server, tmp_path / "new.jsonl", "--concurrency", "1")
        (shard,) = tmp_path.glob("inference_outputs/*/[!.]*.jsonl")
        rows = [row for line in shard.read_text().splitlines() if "key" in (row := json.loads(line))]
        write_shard(shard, [{**row, "text": ["parts of another length"] * 9} for row in rows])
        for name in ("again.jsonl", "third.jsonl"):
            assert ask(pool, server, tmp_path / name, "--concurrency", "1")[0] == texts
        assert len(server.bodies) == 2 * ROWS


def test_a_poisoned_journal_heals(pool, tmp_path, caplog):
    with ChatServer() as server:
        texts, _ = ask(pool, server, tmp_path / "new.jsonl")
        shard, rows = poison(tmp_path)
        (shard.parent / JOURNAL).write_bytes(b"".join(map(journal_line, rows)))
        shard.unlink()
        assert ask(pool, server, tmp_path / "again.jsonl")[0] == texts
    assert len(server.bodies) == ROWS + len(POISON)
    assert "unusable answers" in caplog.text
