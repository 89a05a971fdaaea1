"""`--model_revision` means every file of that revision: policy, reference model, tokenizer, template, end tokens."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import CHAT_TEMPLATE, ROOT, save_tiny_model
from tests.end_to_end.training import PROMPTS, bleuberi, save_data, strict_lines, train_words
from tests.hub_server import commit, local_hub

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

MODEL = "org/two-revisions"
TEMPLATE = CHAT_TEMPLATE.replace("<|im_start|>", "<|im_start|>of v1: ")
REWARD = ["--reward_funcs", "tests.end_to_end.test_stopped_training:StopsInStep", "--sample_every", "0"]
SHORT = ["--max_steps", "2", "--disable_tqdm", "true"]


def save_other_revision(tiny_model, folder):
    """Another size, template and end token than the model of `main`."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer, config = AutoTokenizer.from_pretrained(tiny_model), LlamaConfig.from_pretrained(tiny_model)
    tokenizer.chat_template = TEMPLATE
    config.hidden_size, config.head_dim = 16, 4
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_start|>")]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The commands' results by name, the folder that they worked in, and which files they asked the hub for."""
    work = tmp_path_factory.mktemp("revision")
    save_tiny_model(work / "main")
    save_other_revision(work / "main", work / "v1")
    save_data(work)
    (work / "stop_in_step").write_text("2")

    def grpo(name, *more):
        return train_words("grpo", work, MODEL, work / name, *REWARD, *SHORT, "--beta", "0.04", *more)

    v1, jit = ["--model_revision", "v1"], ["--enable_jit_checkpoint", "true", "--max_steps", "4"]
    lora = ["--use_peft", "true", "--lora_r", "2", "--max_steps", "4", "--enable_jit_checkpoint", "true"]
    doctor = ["doctor", "--json", "--method", "grpo", *grpo("doctor")[2:], *v1]
    commands = {
        "stopped": grpo("full", *v1, *jit),
        "resumed": grpo("full", *v1, *jit),
        "without": grpo("full", *jit),
        "lora": grpo("lora", *v1, *lora),
        "sft": train_words("sft", work, MODEL, work / "sft_run", *SHORT, *v1),
        "doctor": doctor,
        "unknown": grpo("unknown", "--model_revision", "v9"),
    }
    with local_hub(work / "cache", {("models", MODEL): {"main": work / "main", "v1": work / "v1"}}) as served:
        environment, server = served
        environment |= {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "CI": "1"}
        program = [sys.executable, "-m", "tests.end_to_end.training", json.dumps(list(commands.values())), "done.json"]
        ran = subprocess.run(program, cwd=work, env={**os.environ, **environment}, capture_output=True, text=True)
        asked = [path for path in server.asked if path.startswith(f"/{MODEL}/resolve/")]
    assert ran.returncode == 0, ran.stderr[-3000:]
    results = json.loads((work / "done.json").read_text())
    return dict(zip(commands, results, strict=True)), work, asked


def metrics(folder):
    return [entry for entry in strict_lines(folder / "metrics.jsonl") if "train_runtime" not in entry]


def test_the_reference_model_is_the_policy_before_training(done):
    for name in ("full", "lora"):
        assert metrics(done[1] / name)[0]["kl"] == pytest.approx(0, abs=1e-6)


def test_a_stopped_run_of_a_revision_resumes(done):
    results, work, _ = done
    assert results["stopped"]["code"] == 143, results["stopped"]["err"][-3000:]
    assert results["resumed"]["code"] == 0, results["resumed"]["err"][-3000:]
    assert "Going on from" in results["resumed"]["err"]
    assert metrics(work / "full")[2]["kl"] < 0.1


@pytest.mark.parametrize("name", ["full", "lora", "sft_run"])
def test_the_finished_model_is_of_that_revision(done, name):
    _, work, _ = done
    folder = work / name
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 16
    assert (folder / "chat_template.jinja").read_text() == TEMPLATE
    ends = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    assert len(ends) == 2, "the end tokens are those of main"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["config"]["model_revision"] == "v1"
    assert manifest["base_commit"] == commit(work / "v1")
    assert f"from `{MODEL}` (revision `v1`, commit `{commit(work / 'v1')}`)" in (folder / "README.md").read_text()


@pytest.mark.parametrize("place", ["adapter", "checkpoint-4"])
def test_an_adapter_names_its_base_and_revision(done, place):
    config = json.loads((done[1] / "lora" / place / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (MODEL, "v1")


def test_another_revision_is_another_run(done):
    without = done[0]["without"]
    assert without["code"] == 2
    assert "model_revision: existing v1, requested None" in without["err"]


def test_the_doctor_looks_at_that_revision(done):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    results, work, _ = done
    report = json.loads(results["doctor"]["out"])
    assert [finding for finding in report["findings"] if finding["verdict"] == "problem"] == []
    model, tokenizer = (kind.from_pretrained(work / "v1") for kind in (AutoModelForCausalLM, AutoTokenizer))
    assert report["numbers"]["memory_estimate"]["static"]["weights"] == 4 * model.num_parameters()
    asked = tokenizer.apply_chat_template([{"role": "user", "content": PROMPTS[0]}], add_generation_prompt=True)
    assert report["numbers"]["prompt_tokens"]["max"] == len(asked["input_ids"])


def test_a_revision_that_does_not_exist_is_told_in_two_lines(done):
    unknown = done[0]["unknown"]
    assert unknown["code"] == 2
    assert f"{MODEL} could not be loaded: v9 is not a valid" in unknown["err"].splitlines()[-2]


def test_no_file_of_main_is_asked_for_but_where_main_is_meant(done):
    _, _, asked = done
    assert [path for path in asked if "/resolve/v1/" in path]
    assert "\n".join(path for path in asked if "/resolve/main/" in path) == ""


def test_a_folder_has_no_revisions(tiny_model, tmp_path, capsys):
    words = train_words("sft", save_data(tmp_path), tiny_model, tmp_path / "run", "--model_revision", "v1")
    assert bleuberi(*words) == 2
    assert "is a folder, and folders have no revisions" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
