"""The doctor's findings about a model and its tokenizer."""

import json
import shutil

import pytest

from tests.unit.doctor.conftest import finding, grpo_rows

pytest.importorskip("trl")


@pytest.fixture
def changed_model(tiny_model, tmp_path):
    def change(edit):
        folder = tmp_path / "changed"
        shutil.copytree(tiny_model, folder)
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder)
        edit(tokenizer)
        (folder / "chat_template.jinja").unlink(missing_ok=True)
        tokenizer.save_pretrained(folder)
        return folder

    return change


def test_a_tokenizer_without_template(doctor, save, changed_model, tmp_path):
    def unknown_family(tokenizer):
        tokenizer.chat_template = None

    folder = changed_model(unknown_family)
    data = save(grpo_rows())
    told = doctor("grpo_cpu", data, model=folder)
    assert "ChatML" in finding(told, "template")["text"]
    for name in ("tokenizer.json", "tokenizer_config.json"):  # a vocabulary of no family
        text = (folder / name).read_text(encoding="utf-8").replace("<|im_start|>", "<|turn|>")
        (folder / name).write_text(text, encoding="utf-8")
    told = doctor("grpo_cpu", data, model=folder)
    assert finding(told, "template")["text"].startswith("a plain one, the Tulu format")


def test_a_tokenizer_without_an_end_token(doctor, save, changed_model):
    def endless(tokenizer):
        tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        tokenizer.eos_token = None

    told = doctor("grpo_cpu", save(grpo_rows()), model=changed_model(endless), expected=2)
    assert "has no end token, so responses would never end" in finding(told, "end tokens")["text"]


def test_trusted_code_of_a_model_runs_in_the_doctor_too(doctor, save, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = shutil.copytree(tiny_model, tmp_path / "own")
    (folder / "own.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
        "class OwnModel(LlamaForCausalLM):\n    config_class = OwnConfig\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    told = doctor("grpo_cpu", save(grpo_rows()), "--trust_remote_code", "true", model=folder, expected=0)
    assert finding(told, "model")["verdict"] == "ok"
    told = doctor("grpo_cpu", save(grpo_rows(), "again"), model=folder, expected=2)
    assert "contains its own Python code" in finding(told, "model")["text"]


def test_a_base_that_is_stored_quantised(doctor, save, tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "quantised")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (folder / "config.json").write_text(json.dumps(config))
    told = doctor("grpo_cpu", save(grpo_rows()), model=folder, expected=2)
    assert "is stored quantised (bitsandbytes)" in finding(told, "model")["text"]
