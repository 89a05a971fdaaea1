"""The doctor's findings about a data set: its references, its pairs, and what of them is cut or cannot be scored."""

import pytest

from bleuberi.cli.doctor import main
from bleuberi.columns import REFERENCES
from tests.unit.doctor.conftest import REFERENCE, dpo_rows, finding, grpo_rows, sft_rows

pytest.importorskip("trl")


def test_a_data_set_without_references(doctor, save):
    told = doctor("grpo_cpu", save(grpo_rows(references=())), expected=2)
    assert "16 of 16 rows have no reference" in finding(told, "references")["text"]
    rows = grpo_rows()
    rows[0][REFERENCES] = [" "]
    told = doctor("grpo_cpu", save(rows, "one"), expected=0)
    assert finding(told, "references")["verdict"] == "warning"
    told = doctor("grpo_cpu", save(sft_rows(), "sft"), expected=2)
    assert "it lacks prompt, references" in finding(told, "data set")["text"]


def test_a_reward_that_cannot_read_the_references(doctor, save):
    russian = ("Мост.",)
    data = save([*grpo_rows(12, russian), *grpo_rows(4)])
    told = doctor("grpo_cpu", data, "--reward_funcs", "rouge", expected=2)
    (found,) = [one for one in told["findings"] if "cannot read" in one["text"]]
    assert found["text"] == "The reward rouge cannot read 12 of 16 rows (75%), mostly Cyrillic."
    assert "rouge:auto" in found["cure"]
    doctor("grpo_cpu", data, "--reward_funcs", "rouge:auto", "chrf", "meteor", expected=0)
    few = save([*grpo_rows(2, russian), *grpo_rows(14)], "few")
    told = doctor("grpo_cpu", few, "--reward_funcs", "rouge", expected=0)
    assert [one["verdict"] for one in told["findings"] if "cannot read" in one["text"]] == ["warning"]


def test_references_longer_than_a_completion(doctor, save):
    told = doctor("grpo_cpu", save(grpo_rows()), "--max_completion_length", "3", expected=2)
    assert finding(told, "references")["verdict"] == "problem"
    assert told["numbers"]["rows_never_rewarded_for_stopping"] == 1
    rows = grpo_rows(20)
    rows[0][REFERENCES] = ["word " * 400]
    rows[1][REFERENCES] = ["word " * 400, REFERENCE]  # one that fits is enough
    told = doctor("grpo_cpu", save(rows, "some"), expected=0)
    assert told["numbers"]["rows_never_rewarded_for_stopping"] == 0.05


def test_the_loss_mask_is_shown(tiny_model, save, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    data = save(sft_rows())
    words = ["--config", "sft_cpu", "--dataset_path", str(data), "--model_name_or_path", str(tiny_model)]
    assert main([*words, "--output_dir", str(tmp_path)]) == 0
    plain = capsys.readouterr().out
    assert f"⟦{REFERENCE}<|im_end|>⟧" in plain
    assert "⟦<|im_start|>user" not in plain
    assert "\x1b[32" not in plain
    assert "\x1b[1;32" not in plain
    monkeypatch.delenv("NO_COLOR")
    main([*words, "--output_dir", str(tmp_path)])
    assert f"\x1b[1;32m⟦{REFERENCE}<|im_end|>⟧" in capsys.readouterr().out


def test_pairs_for_dpo(doctor, save):
    rows = dpo_rows()
    rows[0]["rejected"] = rows[0]["chosen"]
    told = doctor("dpo_cpu", save(rows), expected=0)
    assert finding(told, "responses")["text"].startswith("32 responses: half up to")
    assert finding(told, "pairs")["text"] == "kept 15 of 16 (1 with two equal responses within 512 tokens)"
    assert told["numbers"]["rows"] == 15
    whole = doctor("dpo_cpu", save(dpo_rows(), "whole"), "--use_peft", "false", expected=0)
    assert "start model for the KL term" in whole["numbers"]["memory_estimate"]["static"]
    assert "start model for the KL term" not in told["numbers"]["memory_estimate"]["static"], "LoRA needs none"
    told = doctor("dpo_cpu", save(sft_rows(), "sft"), expected=2)
    assert "is not a DPO data set" in finding(told, "data set")["text"]


def test_pairs_that_are_cut(doctor, save):
    told = doctor("sft_cpu", save(sft_rows()), "--max_length", "20", expected=0)
    assert "16 are cut at max_length 20" in finding(told, "pairs")["text"]
    assert finding(told, "pairs")["verdict"] == "warning"
    assert (
        "keep no answer"
        in finding(doctor("sft_cpu", save(sft_rows(), "b"), "--max_length", "2", expected=2), "pairs")["text"]
    )
