"""Arguments of the chat template reach data creation, training, samples, SFT, the doctor and evaluation alike.

Each command runs on a model whose template has the argument, and on one whose template is the same without needing it.
"""

import json
import shutil

import pytest

from tests.end_to_end.training import bleuberi, save_data, strict_lines, train_words

pytest.importorskip("trl")

SILENT = ["--chat_template_kwargs", '{"enable_thinking": false}']
TEMPLATE = (
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


@pytest.fixture
def models(tiny_model, tmp_path):
    """With the argument, and with its value built in."""
    for name, template in (("asks", TEMPLATE), ("built_in", "{% set enable_thinking = false %}" + TEMPLATE)):
        shutil.copytree(tiny_model, tmp_path / name)
        (tmp_path / name / "chat_template.jinja").write_text(template, encoding="utf-8")
    return tmp_path / "asks", tmp_path / "built_in"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return save_data(tmp_path)


def steps(folder):
    lines = strict_lines(folder / "metrics.jsonl")
    return [{name: value for name, value in line.items() if "time" not in name} for line in lines if "loss" in line]


def same_run(one, other):
    return (
        steps(one) == steps(other)
        and (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    )


@pytest.mark.parametrize("method", ["grpo", "sft"])
def test_a_training_asks_the_same_prompts(method, data, models, tmp_path):
    asks, built_in = models
    reward = ["--reward_funcs", "tests.end_to_end.vowel_reward:Vowels", "--sample_every", "2"]
    more = ["--max_steps", "2", "--save_strategy", "no", *(reward if method == "grpo" else [])]
    assert bleuberi(*train_words(method, data, asks, tmp_path / "given", *more, *SILENT)) == 0
    assert bleuberi(*train_words(method, data, built_in, tmp_path / "built", *more)) == 0
    assert bleuberi(*train_words(method, data, asks, tmp_path / "without", *more)) == 0
    assert same_run(tmp_path / "given", tmp_path / "built")
    assert not same_run(tmp_path / "given", tmp_path / "without")
    if method == "grpo":
        samples = [(tmp_path / name / "completions.jsonl").read_bytes() for name in ("given", "built", "without")]
        assert samples[0] == samples[1] != samples[2]
    saved = json.loads((tmp_path / "given/manifest.json").read_text())["config"]["chat_template_kwargs"]
    assert saved == {"enable_thinking": False}

    from transformers import AutoTokenizer

    turns = [{"role": "user", "content": "Hi?"}]
    prompts = {
        AutoTokenizer.from_pretrained(folder).apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        for folder in (tmp_path / "given", tmp_path / "built")
    }
    assert len(prompts) == 1, "the trained model is asked as it was trained"


@pytest.mark.slow
def test_data_creation_and_evaluation_ask_them_too(models, pool_file, tmp_path, monkeypatch, capsys):
    asks, built_in = models
    monkeypatch.chdir(tmp_path)
    common = ["--engine", "transformers", "--hf_dataset_path", pool_file, "--metric", "bleu", "--num_examples", "4"]

    def scores(name, model, *more):
        words = ["data", "grpo", *common, "--inference_max_new_tokens", "8", "--model", model, *more]
        assert bleuberi(*words, "--output_dir", tmp_path, "--output_dataset_name", name) == 0
        return json.loads((tmp_path / "data_grpo" / name / "selection.json").read_text())["rows"]

    given = scores("given", asks, *SILENT)
    assert given == scores("built", built_in) != scores("without", asks)
    request = json.loads((tmp_path / "data_grpo/given/manifest.json").read_text())["config"]
    assert request["chat_template_kwargs"] == {"enable_thinking": False}
    capsys.readouterr()

    def means(name, model, *more):
        words = ["evaluate", "--engine", "transformers", "--models", f"base={model}", "--prompts", pool_file]
        assert bleuberi(*words, "--max_new_tokens", "8", "--output_dir", tmp_path / name, "--json", *more) == 0
        return json.loads(capsys.readouterr().out)["models"][0]["mean"]

    assert means("e1", asks, *SILENT) == means("e2", built_in) != means("e3", asks)


def test_a_data_set_made_with_other_prompts_is_warned_of(models, pool_file, tmp_path, monkeypatch, capsys):
    asks, _ = models
    monkeypatch.chdir(tmp_path)
    words = ["data", "grpo", "--engine", "transformers", "--hf_dataset_path", pool_file, "--metric", "bleu"]
    words += ["--model", asks, "--inference_max_new_tokens", "8", "--output_dir", tmp_path]
    assert bleuberi(*words, "--output_dataset_name", "made", "--num_examples", "8", *SILENT) == 0
    (tmp_path / "data_grpo/made").rename(tmp_path / "grpo")
    capsys.readouterr()
    run = train_words("grpo", tmp_path, asks, tmp_path / "run")[2:]
    assert bleuberi("doctor", *run, "--json", "--max_prompt_tokens", "400") in (0, 2)
    findings = json.loads(capsys.readouterr().out)["findings"]
    told = [one["text"] for one in findings if one["topic"] == "prompts" and one["verdict"] == "warning"]
    assert "the data set's responses were made with chat_template_kwargs {'enable_thinking': False}" in told[0]
    assert bleuberi("doctor", *run, "--json", "--max_prompt_tokens", "400", *SILENT) in (0, 2)
    assert "chat_template_kwargs" not in capsys.readouterr().out
