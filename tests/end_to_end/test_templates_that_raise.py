"""Chat templates that refuse turns, as Gemma's and Mistral's do: two lines that name the row, or the system turn folded
into the user's, in data creation and in training alike."""

import json
import shutil

import pytest

from bleuberi.cli import create_training_data, train
from bleuberi.data.grpo_rows import read_grpo_rows
from bleuberi.errors import UserError
from bleuberi.generation.turns import folded

pytest.importorskip("torch")

NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def turn(role, content):
    return {"role": role, "content": content}


@pytest.fixture
def model(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "chat_template.jinja").write_text(NO_SYSTEM)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def write(path, turns):
    rows = [{"id": f"r{n}", "messages": [turn("user", f"Name {n}.")], "ref_output_gold": "One."} for n in range(6)]
    rows[3]["messages"] = turns
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def words(pool, model, out, *more):
    asked = ["--hf_dataset_path", str(pool), "--model", str(model), "--metric", "bleu", "--engine", "transformers"]
    return [*asked, "--inference_max_new_tokens", "4", "--output_dir", str(out), "--output_dataset_name", "made", *more]


@pytest.mark.parametrize(
    ("turns", "said", "cure"),
    [
        ([turn("system", "Be short."), turn("user", "Hi")], "System role not supported", "--fold_system"),
        ([turn("user", "Hi"), turn("user", "there")], "must alternate", "Change that row's turns, or drop the row"),
    ],
)
def test_the_row_is_named_by_data_creation_and_by_training(model, tmp_path, turns, said, cure):
    pool = write(tmp_path / "pool.jsonl", turns)
    with pytest.raises(UserError, match=rf"rejects the row r3 \(.*\): .*{said}") as caught:
        create_training_data.grpo(words(pool, model, tmp_path / "a"))
    assert cure in caught.value.cure
    random = [
        "--hf_dataset_path",
        str(pool),
        "--selection_mode",
        "random",
        "--num_examples",
        "6",
        "--output_dir",
        str(tmp_path / "b"),
    ]
    assert create_training_data.grpo([*random, "--output_dataset_name", "made"]) == 0
    data = tmp_path / "b/data_grpo/made"
    run = ["--model_name_or_path", str(model), "--output_dir", str(tmp_path / "run"), "--max_steps", "1"]
    with pytest.raises(UserError, match=rf"rejects the row r3 .*{said}"):
        train.grpo(["--config", "grpo_cpu", "--dataset_path", str(data), *run])


def test_the_system_turn_is_folded_into_the_users_when_asked(model, tmp_path):
    pool = write(tmp_path / "pool.jsonl", [turn("system", "Be short."), turn("user", "Hi")])
    assert create_training_data.grpo(words(pool, model, tmp_path / "a", "--fold_system")) == 0
    rows = {row["id"]: row for row in read_grpo_rows(tmp_path / "a/data_grpo/made")}
    assert len(rows) == 6
    assert rows["r3"]["messages"][:-1] == [turn("user", "Be short.\n\nHi")]
    assert rows["r0"]["messages"][:-1] == [turn("user", "Name 0.")]


def test_folded_turns():
    system, asked, said = turn("system", "S"), turn("user", "U"), turn("assistant", "A")
    assert folded([system, asked, said, turn("user", "V")]) == [turn("user", "S\n\nU"), said, turn("user", "V")]
    assert folded([asked, said, system, turn("user", "V")]) == [asked, said, turn("user", "S\n\nV")]
    assert folded([turn("developer", "D"), system]) == [turn("user", "D\n\nS")]
    assert folded([asked]) == [asked]
