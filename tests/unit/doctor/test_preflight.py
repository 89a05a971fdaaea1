"""The doctor says what a run would end with, before it starts, and its numbers follow the config."""

import json
import shutil

import pytest

from bleuberi.cli.doctor import main
from bleuberi.doctor.findings import Report
from bleuberi.doctor.settings import told_method
from bleuberi.errors import UserError
from bleuberi.training.settings.read import PRESETS, read_settings
from tests.unit.doctor.conftest import dpo_rows, finding, grpo_rows, sft_rows

pytest.importorskip("trl")


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_every_preset_gets_a_report(preset, doctor, save):
    grpo = preset.startswith("grpo")
    limit = ["--max_prompt_tokens", "64"] if grpo else []
    data = save({"grpo": grpo_rows, "sft": sft_rows, "dpo": dpo_rows}[preset.partition("_")[0]](64))
    told = doctor(preset, data, "--gpu", "A100-80GB", *limit)
    problems = {entry["topic"] for entry in told["findings"] if entry["verdict"] == "problem"}
    # What this machine may lack, and the tiny model's 512 positions, are no fault of the preset.
    assert problems <= {"versions", "positions", "use_vllm", "optim", "load_in_4bit", "attn_implementation"}, told
    assert finding(told, "settings")["text"].startswith(f"a {preset.partition('_')[0].upper()} run")
    assert told["numbers"]["memory_estimate"]["peak"] > 1e7


def test_a_good_run_is_told_in_aligned_lines(tiny_model, save, capsys, tmp_path):
    words = ["--config", "grpo_cpu", "--dataset_path", str(save(grpo_rows())), "--model_name_or_path", str(tiny_model)]
    assert main([*words, "--output_dir", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("0 problems, ")
    assert any(line.startswith("ok       round trip ") for line in lines)
    assert all(len(line) <= 120 for line in lines)
    starts = {
        line.index(text) for line in lines for text in ("16 answers come back", "16 prompts: half") if text in line
    }
    assert len(starts) == 1


def test_more_gpus_than_there_are(doctor, save):
    import torch

    many = str(torch.cuda.device_count() + 8)
    data = save(grpo_rows(64))
    told = doctor("grpo_paper", data, "--processes", many, expected=2)
    assert f"for {many} GPUs, this machine has" in finding(told, "devices")["text"]
    assert "--gpu A100-80GB" in finding(told, "devices")["cure"]
    told = doctor("grpo_paper", data, "--processes", many, "--gpu", "H100")
    assert finding(told, "devices")["verdict"] == "ok"
    assert told["numbers"]["completions_per_step"] == 32 * int(many)


def test_the_packaged_deepspeed_configs_are_known_by_name(doctor, save):
    words = ["--processes", "8", "--gpu", "A100-80GB", "--host_memory", "500", "--deepspeed"]
    told = doctor("grpo_paper", save(grpo_rows(64)), *words, "zero3")
    assert finding(told, "model")["verdict"] == "ok"


@pytest.mark.parametrize(
    ("words", "topic", "said"),
    [
        (["--num_generations", "5"], "settings", "num_generations"),
        (["--gradient_accumulation_steps", "64"], "rows", "fewer than the 256 prompts drawn at once"),
        (["--max_prompt_tokens", "2"], "prompts", "16 over max_prompt_tokens 2 are dropped"),
        (["--max_completion_length", "600"], "positions", "and the model has 512 positions"),
        (
            [
                "--save_strategy",
                "steps",
                "--save_steps",
                "1",
                "--steps_per_generation",
                "4",
                "--gradient_accumulation_steps",
                "2",
            ],
            "checkpoints",
            "save_steps 1 puts checkpoints between",
        ),
        (["--reward_funcs", "blue"], "rewards", "Unknown reward or metric 'blue'"),
        (["--reward_weights", "1", "2"], "rewards", "2 reward_weights for 1 rewards"),
        (["--host_memory", "0.1"], "host memory", "of 0.1 GB"),
        (["--gpu", "C64", "--use_cpu", "false"], "settings", "No GPU is known as 'C64'"),
        (["--deepspeed", "nowhere.json"], "model", "DeepSpeed config nowhere.json does not exist"),
        (["--nodes", "2"], "settings", "--processes is 1, which is not a multiple of the 2 nodes"),
        (["--launch", "nowhere.yaml"], "settings", "Launch config nowhere.yaml does not exist"),
        (["--dtype", "float3"], "settings", "float3"),
    ],
)
def test_what_a_run_would_end_with(doctor, save, words, topic, said):
    told = doctor("grpo_cpu", save(grpo_rows()), *words, expected=2)
    assert said in finding(told, topic)["text"]
    assert finding(told, topic)["cure"]


def test_every_problem_with_the_settings_is_printed_and_train_raises_the_first(doctor, save):
    words = ["--loss_type", "bnpoo", "--num_generations", "1", "--learning_rate", "-1", "--load_in_8bit", "true"]
    told = doctor("grpo_cpu", save(grpo_rows()), *words, expected=2)
    said = [entry["text"] for entry in told["findings"]]
    assert [entry["topic"] for entry in told["findings"]] == ["settings"] * 4
    for name in ("loss_type is 'bnpoo'", "num_generations is 1.", "learning_rate is -1", "load_in_8bit is True"):
        assert sum(name in text for text in said) == 1, (name, said)
    words = ["--config", "grpo_cpu", "--dataset_path", "data", "--model_name_or_path", "m", *words]
    with pytest.raises(UserError) as caught:
        read_settings("grpo", words)
    assert caught.value.what == said[0]


@pytest.mark.parametrize(("fast", "warned"), [("float32", True), ("bfloat16", False)])
def test_bfloat16_on_a_processor_without_its_instructions(
    doctor, save, tiny_model, tmp_path, monkeypatch, fast, warned
):
    monkeypatch.setattr("bleuberi.doctor.batch.fast_dtype", lambda: fast)
    data = save(grpo_rows())
    for words in (["--dtype", "bfloat16"], ["--bf16", "true"]):
        found = [entry for entry in doctor("grpo_cpu", data, *words)["findings"] if entry["topic"] == "bf16"]
        assert [entry["verdict"] for entry in found] == ["warning"] * warned
    stored = shutil.copytree(tiny_model, tmp_path / "half")
    config = json.loads((stored / "config.json").read_text())
    (stored / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    told = doctor("grpo_cpu", data, "--dtype", "auto", model=stored)
    found = [entry for entry in told["findings"] if entry["topic"] == "bf16"]
    assert [entry["verdict"] for entry in found] == ["warning"] * warned
    for words in ([], ["--dtype", "auto"]):
        assert not [entry for entry in doctor("grpo_cpu", data, *words)["findings"] if entry["topic"] == "bf16"]


@pytest.mark.parametrize(("processes", "said"), [("1", "1 process on"), ("2", "2 processes on")])
def test_processes_are_counted_in_plain_words(doctor, save, processes, said):
    told = doctor("grpo_cpu", save(grpo_rows()), "--processes", processes)
    assert said in finding(told, "devices")["text"]
    assert "process(es)" not in json.dumps(told)


@pytest.mark.parametrize(
    ("words", "topic", "said"),
    [
        (["--deepspeed", "zero3"], "DeepSpeed", "ZeRO-3"),
        (["--launch", "one_node"], "settings", "for 8 processes"),
        (["--launch", "fsdp2"], "FSDP", "split over the processes"),
    ],
)
def test_files_that_the_package_carries_are_known_by_name(doctor, save, words, topic, said):
    pytest.importorskip("deepspeed")
    found = finding(doctor("grpo_cpu", save(grpo_rows()), *words), topic)
    assert found["verdict"] == "ok"
    assert said in found["text"]


@pytest.mark.parametrize("flag", ["--processes", "--nodes", "--gpu_memory", "--host_memory"])
def test_numbers_that_mean_nothing(flag):
    with pytest.raises(UserError, match="must be above 0"):
        main(["--config", "grpo_cpu", flag, "-1"])


def test_a_memory_must_be_a_number():
    with pytest.raises(UserError, match="must be above 0"):
        main(["--config", "grpo_cpu", "--host_memory", "nan"])


@pytest.mark.parametrize(("generation", "accumulated", "steps"), [(2, 2, 16), (4, 2, 16), (2, 4, 8), (4, 1, 32)])
def test_steps_are_counted_as_the_trainer_counts_them(doctor, save, generation, accumulated, steps):
    words = [
        "--per_device_train_batch_size",
        "4",
        "--num_generations",
        "8",
        "--num_train_epochs",
        "1",
        "--max_steps",
        "-1",
    ]
    words += ["--steps_per_generation", str(generation), "--gradient_accumulation_steps", str(accumulated)]
    told = doctor("grpo_cpu", save(grpo_rows()), *words, "--save_strategy", "no")
    assert told["numbers"]["steps"] == steps


def test_the_method_is_told_from_the_fields(tmp_path):
    assert told_method(["--config", "grpo_cpu"]) == "grpo"
    assert told_method(["--config=sft_paper"]) == "sft"
    assert told_method(["--max_length", "5"]) == "sft"
    assert told_method(["--base_template", "paper", "--max_length", "5"]) == "sft"
    assert told_method(["--use_kernels", "true", "--max_length", "5"]) == "sft"
    assert told_method(["--config", "dpo_cpu"]) == "dpo"
    assert told_method(["--max_length", "5", "--beta", "0.1"]) == "dpo"
    with pytest.raises(
        UserError, match=r"only fields that all of them have\.\nAdd --method grpo, --method sft or --method dpo\."
    ):
        told_method(["--seed", "1"])
    with pytest.raises(UserError, match=r"several methods \(beta of GRPO and DPO, packing of SFT\)"):
        told_method(["--packing", "true", "--beta", "0"])
    with pytest.raises(UserError, match=r"several methods \(beta of GRPO and DPO\)"):
        told_method(["--beta", "0.1"])


def test_a_run_without_a_checkpoint_before_its_end(doctor, save):
    data = save(grpo_rows(64))
    told = doctor("grpo_paper", data, "--gpu", "A100-80GB")
    assert finding(told, "checkpoints")["verdict"] == "warning"
    assert "no checkpoint before the end of the 16 steps: a killed run starts" in finding(told, "checkpoints")["text"]
    words = finding(told, "checkpoints")["cure"].removeprefix("Set ").partition(":")[0].split()
    told = doctor("grpo_paper", data, "--gpu", "A100-80GB", *words)
    assert finding(told, "checkpoints") == {
        "topic": "checkpoints", "verdict": "ok", "text": "7 checkpoints before the last of 16 steps", "cure": ""
    }  # fmt: skip
    told = doctor("grpo_paper", data, "--gpu", "A100-80GB", "--enable_jit_checkpoint", "true")
    assert "but for one at SIGTERM" in finding(told, "checkpoints")["text"]


def test_the_papers_batch_on_several_gpus(doctor, save):
    told = doctor("grpo_paper", save(grpo_rows(64)), "--gpu", "H100", "--processes", "8")
    (found,) = [one for one in told["findings"] if "of the preset on one GPU" in one["text"]]
    assert found["verdict"] == "warning"
    assert "8 times the 32" in found["text"]
    assert "--per_device_train_batch_size 4 --gradient_accumulation_steps 1" in found["cure"]


def test_a_run_that_cannot_learn(doctor, save):
    data = save(grpo_rows())
    told = doctor("grpo_cpu", data, "--learning_rate", "0")
    assert finding(told, "learning")["text"] == "the learning rate is 0: nothing is learned"
    told = doctor("grpo_cpu", data, "--reward_weights", "0")
    assert finding(told, "learning")["text"] == "every reward has weight 0: nothing is learned"
    told = doctor("grpo_cpu", data, "--max_steps", "4", "--warmup_steps", "4")
    assert "the warm-up of 4 steps is as long as the run (4 steps)" in finding(told, "learning")["text"]
    told = doctor("grpo_cpu", data, "--mask_truncated_completions", "true", "--max_completion_length", "3")
    assert "100% of the rows have no reference that ends within" in finding(told, "learning")["text"]
    told = doctor("grpo_cpu", data, "--mask_truncated_completions", "true")
    assert "learning" not in {one["topic"] for one in told["findings"]}


def test_a_trl_with_other_defaults_is_in_the_report(doctor, save, monkeypatch):
    from bleuberi.training.settings import read
    from bleuberi.training.settings.drift import Defaults, recorded_defaults

    others = {**recorded_defaults("grpo").fields, "min_p": 0.1}
    monkeypatch.setattr(read, "installed_defaults", lambda method: Defaults({"trl": "9.9"}, others))
    found = finding(doctor("grpo_cpu", save(grpo_rows())), "TRL")
    assert found["verdict"] == "warning"
    assert "min_p was null by default, is 0.1 now" in found["text"]


def test_a_report_counts_what_it_says():
    report = Report()
    report.add("a", "warning", "w", "c")
    assert (report.exit_code, report.as_text().splitlines()[-1]) == (0, "0 problems, 1 warning")
    report.add_error("b", UserError("what", "cure"))
    assert report.exit_code == 2
    assert "-> cure" in report.as_text()
