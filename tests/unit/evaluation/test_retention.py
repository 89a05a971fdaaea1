"""What a training changed on other prompts: KL to the base, drift and diversity."""

import json

import pytest

from bleuberi.cli.evaluate import main
from bleuberi.errors import UserError
from bleuberi.evaluation.retention import distinct_pairs
from tests.conftest import pool_rows
from tests.unit.comparison.test_inputs import eager


def test_diversity_is_the_share_of_different_word_pairs():
    assert distinct_pairs(["a b c", "a b c"]) == 0.5
    assert distinct_pairs(["a b", "c d"]) == 1
    assert distinct_pairs(["a", ""]) is None


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_files_of_responses_cannot_be_asked(tmp_path):
    pool = write(tmp_path / "pool.jsonl", pool_rows(3))
    answers = write(tmp_path / "answers.jsonl", [{"id": f"r{n}", "response": "x"} for n in range(3)])
    words = ["--models", f"base={answers}", f"other={answers}", "--prompts", pool, "--retention", pool]
    with pytest.raises(UserError, match="--retention needs a model, but base contains responses"):
        main([*words, "--output_dir", str(tmp_path / "made")])


@pytest.mark.slow
def test_a_changed_model_drifts_and_an_equal_one_does_not(tiny_model, tmp_path):
    pytest.importorskip("transformers")
    pool = write(tmp_path / "pool.jsonl", pool_rows(2))
    topics = ("rain in spring", "a green boat", "old maps", "the night train")
    others = write(tmp_path / "others.jsonl", [{"id": topic, "prompt": f"Tell me about {topic}."} for topic in topics])
    changed = eager(tiny_model, tmp_path)
    words = ["--models", f"base={tiny_model}", f"changed={changed}", "--prompts", pool, "--controls", "none"]
    words += ["--metrics", "bleu", "--max_new_tokens", "12", "--engine", "transformers", "--retention", others]
    assert main([*words, "--output_dir", str(tmp_path / "made")]) == 0
    record = json.loads((tmp_path / "made/evaluation.json").read_text())["retention"]
    base, trained = record["models"]
    assert (record["prompts"], record["samples"], base["name"], trained["name"]) == (4, 4, "base", "changed")
    assert "kl" not in base
    assert trained["kl"]["value"] > 0.01
    assert trained["same"]["value"] < 1
    assert 0 < base["diversity"]["value"] <= 1
    table = (tmp_path / "made/comparison.md").read_text()
    assert "KL to base per token" in table
    assert "4 prompts that are not the evaluation's; 4 samples per prompt" in table


@pytest.mark.slow
def test_the_divergence_of_a_model_from_itself_is_none(tiny_model, tmp_path):
    pytest.importorskip("transformers")
    from bleuberi.evaluation.token_kl import token_kl
    from bleuberi.generation import EngineOptions
    from bleuberi.generation.base import Output
    from bleuberi.records import Conversation, Message

    asked = [Conversation(name, [Message(role="user", content=name)]) for name in "ab"]
    responses = [Output("yes it is", "stop", 4), Output("", "length", 0)]
    found, reason = token_kl(str(tiny_model), str(tiny_model), asked, responses, EngineOptions())
    assert (found, reason) == ([pytest.approx(0.0, abs=1e-6), None], None)
    found, _ = token_kl(str(tiny_model), str(eager(tiny_model, tmp_path)), asked, responses, EngineOptions())
    assert found[0] > 0.01
