"""`bleuberi references`: a pool gains a column, from the canned engine and from a server that fails half-way."""

import json

import pytest

from bleuberi.cli import references
from bleuberi.data.add_references import flag_of
from bleuberi.data.pool import read_pool
from bleuberi.errors import UserError
from bleuberi.generation.answer_store import JOURNAL, journal_line
from bleuberi.generation.base import Output
from tests.unit.generation.chat_server import ChatServer


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    rows = [{"id": f"r{n}", "prompt": f"p{n}", "ref_output_gold": f"gold {n} ✓", "odd": [n]} for n in range(9)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def words_for(pool, server, output):
    words = ["--hf_dataset_path", str(pool), "--model", "big/strong-1", "--output", str(output)]
    return [*words, "--base_url", server.url, "--concurrency", "2"]


def test_references_come_with_flags_and_provenance(pool, tmp_path, capsys):
    replies = {
        "p1": {"finish_reason": "length"},
        "p2": {"content": None, "refusal": "No."},
        "p3": (400, '{"error": {"message": "maximum context length is 8"}}'),
        "p4": {"content": "  "},
        "p5": {"content": "I'm sorry, but I can't help with that."},
    }
    output = tmp_path / "new" / "pool.jsonl"
    with ChatServer(lambda prompt, attempt: replies.get(prompt)) as server:
        assert references.main(words_for(pool, server, output)) == 0
        made, asked = output.read_bytes(), len(server.bodies)
        assert references.main(words_for(pool, server, output)) == 0
        assert (output.read_bytes(), len(server.bodies)) == (made, asked)
    rows = rows_of(output)
    flags = [None, "truncated", "refused", "prompt too long", "empty", "reads like a refusal", None, None, None]
    assert [row["ref_flag_strong-1"] or None for row in rows] == flags
    assert rows[0]["ref_output_strong-1"] == "echo p0"
    assert rows[3]["ref_output_strong-1"] is None
    assert [{key: row[key] for key in rows_of(pool)[0]} for row in rows] == rows_of(pool)
    manifest = json.loads((tmp_path / "new/pool.manifest.json").read_text())
    assert manifest["served_models"]["big/strong-1-2025"]["rows"] == 8
    assert manifest["config"]["sampling"]["temperature"] == 0.7
    assert manifest["flags"]["refused"] == 1
    assert "9 rows with ref_output_strong-1" in capsys.readouterr().out
    assert read_pool(str(output), ["gold", "strong-1"]).rows[0].reference_by_model["strong-1"] == "echo p0"


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ((400, '{"error": {"message": "maximum context length is 8"}}'), "9 prompt too long"),
        ({"content": " "}, "9 empty"),
    ],
)
def test_a_column_without_a_single_text_is_not_written(pool, tmp_path, reply, count):
    output = tmp_path / "out.jsonl"
    with ChatServer(lambda prompt, attempt: reply) as server, pytest.raises(UserError, match=count) as caught:
        references.main(words_for(pool, server, output))
    assert "gave no usable answer to any of 9 prompts" in caught.value.what
    assert not output.exists()
    with ChatServer(lambda prompt, attempt: None if prompt == "p6" else reply) as server:
        assert references.main(words_for(pool, server, output)) == 0


def test_an_interrupted_run_goes_on_and_pays_nothing_twice(pool, tmp_path):
    output = tmp_path / "out.jsonl"
    with ChatServer(lambda prompt, attempt: (401, "no") if prompt == "p6" else None) as server:
        words = words_for(pool, server, output)
        with pytest.raises(UserError, match="HTTP 401"):
            references.main(words)
        assert not output.exists()
        server.misbehave = lambda prompt, attempt: None
        assert references.main(words) == 0
        assert set(server.answered.values()) == {1}
    assert [row["ref_output_strong-1"] for row in rows_of(output)] == [f"echo p{n}" for n in range(9)]


def test_what_is_there_is_not_overwritten(pool, tmp_path):
    output = tmp_path / "out.jsonl"
    output.write_text("mine")
    with ChatServer() as server:
        words = words_for(pool, server, output)
        with pytest.raises(UserError, match="already exists"):
            references.main(words)
        assert output.read_text() == "mine"
        assert references.main([*words, "--overwrite"]) == 0
        with pytest.raises(UserError, match="already has a column ref_output_gold"):
            references.main([*words, "--name", "gold", "--overwrite"])
        with pytest.raises(UserError, match="temperature must be at least 0"):
            references.main([*words, "--temperature", "-1"])
        with pytest.raises(UserError, match=r"not a \.jsonl file"):
            references.main([*words, "--output", "x.csv"])


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("I'm sorry, but I cannot share that.", "reads like a refusal"),
        ("I can't assist with that request.", "reads like a refusal"),
        ("As an AI language model, I am unable to browse.", "reads like a refusal"),
        ("“I'm unable to help with that.”", "reads like a refusal"),
        ("I'm sorry for your loss. Here is a poem.", None),
        ("The word 'cannot' is one word.", None),
        ("I can't believe it! she cried.", None),
    ],
)
def test_refusals_are_told_by_how_they_begin(text, flag):
    assert flag_of(Output(text, "stop", 5)) == flag


def test_half_of_a_surrogate_pair_becomes_a_mark_that_every_reader_takes(pool, tmp_path, caplog):
    answers = tmp_path / "answers.jsonl"
    rows = [{"id": f"r{n}", "response": "half \ud800 a pair" if n == 4 else f"answer {n} 😀"} for n in range(9)]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--hf_dataset_path", str(pool), "--model", "m", "--engine", "canned", "--answers", str(answers)]
    for output in (tmp_path / "new.jsonl", tmp_path / "again.jsonl"):  # the second time from the cache
        caplog.clear()
        with caplog.at_level("WARNING"):
            assert references.main([*words, "--output", str(output)]) == 0
        assert "1 responses contained lone surrogates" in caplog.text
        made = read_pool(str(output), ["m"]).rows
        assert made[4].reference_by_model["m"] == "half \ufffd a pair"
        assert made[5].reference_by_model["m"] == "answer 5 😀"


def test_a_journal_left_by_a_kill_after_its_sealing_is_cleared(pool, tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps({"id": f"r{n}", "response": f"answer {n}"}) + "\n" for n in range(9)))
    words = ["--hf_dataset_path", str(pool), "--model", "m", "--engine", "canned", "--answers", str(answers)]
    assert references.main([*words, "--output", str(tmp_path / "new.jsonl")]) == 0
    (shard,) = tmp_path.glob("inference_outputs/*/[!.]*.jsonl")
    kept = [json.loads(line) for line in shard.read_text().splitlines()]
    journal = shard.parent / JOURNAL
    journal.write_bytes(b"".join(journal_line(row) for row in kept if "key" in row))
    assert references.main([*words, "--output", str(tmp_path / "again.jsonl")]) == 0
    assert not journal.exists()
    assert list(shard.parent.glob("[!.]*.jsonl")) == [shard]
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "new.jsonl").read_bytes()


def test_thoughts_are_flagged_and_can_be_cut(pool, tmp_path):
    replies = {"p1": {"content": "<think>Hm.</think>\n\nYes."}, "p2": {"content": "Hm.\n</think>\nI can't help you."}}
    with ChatServer(lambda prompt, attempt: replies.get(prompt)) as server:
        assert references.main(words_for(pool, server, tmp_path / "a.jsonl")) == 0
        asked = len(server.bodies)
        assert references.main([*words_for(pool, server, tmp_path / "b.jsonl"), "--cut_thoughts"]) == 0
        assert len(server.bodies) == asked  # the whole answers are in the cache
    kept, cut = rows_of(tmp_path / "a.jsonl"), rows_of(tmp_path / "b.jsonl")
    assert [row["ref_flag_strong-1"] or None for row in kept[:4]] == [None, "holds thoughts", "holds thoughts", None]
    assert kept[1]["ref_output_strong-1"] == "<think>Hm.</think>\n\nYes."
    assert [row["ref_output_strong-1"] for row in cut[:3]] == ["echo p0", "Yes.", "I can't help you."]
    assert [row["ref_flag_strong-1"] or None for row in cut[:3]] == [None, None, "reads like a refusal"]
