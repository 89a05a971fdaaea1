"""Pairs for DPO: the tokens that generation begins with, every drop counted, and TRL's trainer gets exactly them."""

import json

import pytest

from bleuberi.data.dpo_rows import read_dpo_rows
from bleuberi.errors import UserError
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.training.dpo import encode_choices
from bleuberi.training.model_loading import load_policy_tokenizer
from bleuberi.training.settings.read import read_settings
from bleuberi.training.sft_tokens import SftEncoder
from bleuberi.training.view import run_section

pytest.importorskip("trl")

ASKED = [{"role": "user", "content": "Hello?"}]


def said(text):
    return [{"role": "assistant", "content": text}]


def pair(chosen, rejected, prompt=ASKED, **more):
    return {"id": "r1", "prompt": prompt, "chosen": said(chosen), "rejected": said(rejected), **more}


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    return load_policy_tokenizer(str(tiny_model))


def test_both_responses_follow_the_prompt_that_generation_begins_with(tokenizer):
    encoded = encode_choices([pair("Bye.\n", "No", score_chosen=0.5)], tokenizer, None)
    (row,) = encoded.rows
    assert row["prompt_ids"] == prompt_ids(tokenizer, ASKED)
    assert tokenizer.decode(row["chosen_ids"]) == "Bye.\n<|im_end|>"
    assert tokenizer.decode(row["rejected_ids"]) == "No<|im_end|>"
    assert set(row) == {"prompt_ids", "chosen_ids", "rejected_ids"}
    lengths = [len(row[name]) for name in ("prompt_ids", "chosen_ids", "rejected_ids")]
    assert encoded.counts(None) == (0, lengths[1] + lengths[2], 2 * lengths[0] + lengths[1] + lengths[2])


def test_what_cannot_be_learned_from_is_dropped_and_counted(tokenizer):
    room = len(prompt_ids(tokenizer, ASKED)) + 2
    rows = [
        pair("abcdefgh", "zyx"),
        pair("same", "same"),
        pair("abcdefgh", "abcdefgh and more"),
        pair("Bye.", "No", [*ASKED, *said("Hi."), *ASKED]),
    ]
    encoded = encode_choices(rows, tokenizer, room)
    assert encoded.tally.sentence() == (
        f"kept 1 of 4 (2 with two equal responses within {room} tokens, 1 prompts that fill all {room} tokens)"
    )
    cut, learned, read = encoded.counts(room)
    assert (cut, learned, read) == (2, 4, 2 * room)
    assert encode_choices(rows, tokenizer, None).tally.sentence() == "kept 3 of 4 (1 with two equal responses)"
    with pytest.raises(UserError, match=r"No pair is left: kept 0 of 1 \(1 with two equal responses\)"):
        encode_choices([pair("same", "same")], tokenizer, None)


def test_a_thought_of_one_response_alone_leaves_no_common_prompt(tiny_model):
    tokenizer = load_policy_tokenizer(str(tiny_model))
    tokenizer.chat_template = tokenizer.chat_template.replace("assistant\n", "assistant\n<think>\n")
    assert SftEncoder(tokenizer).note.startswith("prompts end in an open thought")
    rows = [pair("<think>Why</think>Bye.", "No"), pair("Bye.", "No")]
    tally = encode_choices(rows, tokenizer, None).tally
    assert tally.sentence() == "kept 1 of 2 (1 whose responses follow different prompts)"


def test_the_trainers_batches_and_its_reference_model_are_ours(tiny_model, tmp_path, tokenizer):
    """The batch has our tokens, and the first loss is log 2: policy and reference start equal."""
    from bleuberi.training.dpo import train_dpo
    from tests.end_to_end.training import save_data, train_words

    data = save_data(tmp_path)
    words = train_words("dpo", data, tiny_model, tmp_path / "out", "--max_steps", "4", "--learning_rate", "1e-2")
    folder = train_dpo(read_settings("dpo", words[2:]))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["method"], manifest["rows_in"], manifest["rows_used"]) == ("dpo", 9, 8)
    assert manifest["dropped"] == {"with two equal responses within 512 tokens": 1}
    log = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    assert log[0]["loss"] == pytest.approx(0.6931, abs=1e-4)
    assert log[2]["rewards/margins"] > 0.1, "it learns to prefer the chosen response"
    encoded = encode_choices(read_dpo_rows(data / "dpo"), tokenizer, 512)
    assert log[3]["num_tokens"] == sum(one.tokens for one in encoded.sequences), (
        "four steps are one epoch of our tokens"
    )
    assert manifest["tokens_in_loss"] == encoded.counts(512)[1]
    section = run_section(folder, "run", "dpo")
    assert section.title == "Training run: DPO"
    assert {"preferred", "margins", "logps"} <= {chart.name for chart in section.charts}
    card = (folder / "README.md").read_text()
    assert "DPO on scored responses, from" in card
    assert "| rewards/margins |" in card


@pytest.mark.parametrize("name", ["packing", "num_generations"])
def test_fields_of_another_method_are_named(name, tmp_path):
    other = {"packing": "SFT", "num_generations": "GRPO"}[name]
    words = ["--config", "dpo_cpu", f"--{name}", "4", "--model_name_or_path", "m", "--dataset_path", str(tmp_path)]
    with pytest.raises(UserError, match=rf"{name}, which {other} has and DPO has not\.") as caught:
        read_settings("dpo", words)
    assert "--config dpo_cpu" in caught.value.cure
