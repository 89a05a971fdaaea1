"""SFT pairs of a GRPO data set, and data sets whose prompts ask for reasoning."""

import json

import pytest

from bleuberi.cli.create_training_data import front_door
from bleuberi.data.reasoning import with_reasoning, without_reasoning
from bleuberi.errors import UserError
from tests.unit.selection.conftest import OUTPUTS, manifest, rows

pytest.importorskip("datasets")


def test_sft_pairs_of_a_data_set(grpo, capsys):
    folder = grpo("--num_examples", "4", "--ref_models", "gold", "o4-mini-2025-04-16", "--output_dataset_name", "two")
    words = ["sft", "--input_data_path", str(folder), "--output_dir", str(grpo.data)]
    assert front_door(words) == 0
    made = grpo.data / "data_sft/two_SFT"
    assert capsys.readouterr().out.splitlines()[-1] == f"8 prompt-response pairs in {made}"
    pairs = rows(made)
    expected = [
        (f"{row['id']}_{place}", reference) for row in rows(folder) for place, reference in enumerate(row["references"])
    ]
    assert [(pair["id"], pair["messages"][-1]["content"]) for pair in pairs] == expected
    assert [list(pair) for pair in pairs] == [["id", "source", "messages"]] * 8
    assert [[turn["role"] for turn in pair["messages"]] for pair in pairs] == [["user", "assistant"]] * 8
    before = made.stat().st_mtime_ns
    assert front_door(words) == 0
    assert made.stat().st_mtime_ns == before
    grpo("--num_examples", "3", "--output_dataset_name", "two", "--overwrite")
    with pytest.raises(UserError, match="already exists with different settings"):
        front_door(words)
    assert front_door([*words, "--overwrite"]) == 0
    assert len(rows(made)) == 3


def test_reasoning_asks_for_tags_and_scores_the_answer(grpo):
    plain = grpo()
    tagged = "".join(
        json.dumps({"id": key, "output": f"<think>Some long idle words.</think><answer>{text}</answer>"}) + "\n"
        for key, text in OUTPUTS.items()
    )
    grpo.outputs.write_text(tagged)
    folder = grpo("--reasoning")
    assert folder.name == "pool_bleu_on_answer_some-model_1ref-gold_hard_12_reasoning"
    assert manifest(folder)["reward_signature"].endswith("|on:first-answer-tag-or-behind-think-or-all")
    scores = {row["id"]: row["bleu_on_answer_score"] for row in rows(folder)}
    assert scores == {row["id"]: row["bleu_score"] for row in rows(plain)}
    system = {row["messages"][0]["content"] for row in rows(folder)}
    assert len(system) == 1
    assert all(tag in system.copy().pop() for tag in ("<think>", "</think>", "<answer>"))
    assert rows(folder)[0]["messages"][0]["role"] == "system"
    with pytest.raises(UserError, match=r"already exists"):
        grpo("--output_dataset_name", folder.name)


def test_sft_pairs_leave_the_reasoning_turn_out(grpo):
    """References have no tags: pairs that ask for them would teach the model to ignore the request."""
    folder = grpo("--reasoning", "--selection_mode", "random", "--num_examples", "3", scored=False)
    assert folder.name.endswith("_random_3_reasoning")
    assert front_door(["sft", "--input_data_path", str(folder), "--output_dir", str(grpo.data)]) == 0
    pairs = rows(grpo.data / "data_sft" / f"{folder.name}_SFT")
    assert pairs
    assert all([turn["role"] for turn in row["messages"]] == ["user", "assistant"] for row in pairs)


def test_reasoning_keeps_the_pools_own_system_turn():
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    asked = with_reasoning(turns)
    assert asked[0]["content"].startswith("Be brief.\n\n")
    assert asked[1:] == turns[1:]
    assert with_reasoning(asked) == asked
    assert without_reasoning(asked) == turns
