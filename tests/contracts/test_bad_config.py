"""Every mistake in the settings of a training run: two lines, exit code 2, and no model is ever read."""

import json
import shutil
import subprocess
import sys

import pytest

from bleuberi.cli import evaluate, train
from bleuberi.cli.parser import run

pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")

GRPO = [  # words behind a good GRPO command, the first line, the second line
    (["--loss_type", "bnpoo"], "loss_type is 'bnpoo', which is not one of: grpo, bnpo",
     "Did you mean loss_type: bnpo?"),
    (["--scale_rewards", "grp"], "scale_rewards is 'grp', which is not one of", "scale_rewards: group?"),
    (["--importance_sampling_level", "tokens"], "is not one of: token, sequence", "importance_sampling_level: token?"),
    (["--vllm_mode", "colocated"], "is not one of: colocate, server", "vllm_mode: colocate?"),
    (["--multi_objective_aggregation", "sum"], "not one of: sum_then_normalize", "sum_then_normalize"),
    (["--vllm_importance_sampling_mode", "token"], "not one of: token_truncate", "token_"),
    (["FILE", "beta: yes"], "beta is True, not float.", "quote words that YAML reads as something else"),
    (["FILE", "loss_type: bnpoo"], "loss_type is 'bnpoo'", "Did you mean loss_type: bnpo?"),
    (["FILE", "save_strategy: no"], "save_strategy is False, not",
     "quote words that YAML reads as something else, such as no."),
    (["FILE", "save_strategy: stpes"], "save_strategy is 'stpes', which is not one of: no", "save_strategy: steps?"),
    (["FILE", "lr_scheduler_type: cosin"], "lr_scheduler_type is 'cosin'", "Did you mean lr_scheduler_type: cosine?"),
    (["FILE", "optim: adam_w"], "optim is 'adam_w', which is not one of: adamw_torch", "optim: "),
    (["FILE", "dtype: bfloat17"], "dtype is 'bfloat17', which is not one of: auto, bfloat16", "dtype: bfloat16?"),
    (["FILE", "report_to: tensorbord"], "report_to is 'tensorbord'", "Did you mean report_to: tensorboard?"),
    (["--report_to", "tensorboard", "wandbb"], "report_to is 'wandbb'", "Did you mean report_to: wandb?"),
    (["--report_to", "neptune"], "report_to neptune needs a library that is not installed.", "pip install neptune"),
    (["--learning_rate", "-1e-6"], "learning_rate is -1e-6.", "at least 0"),
    (["--temperature", "0"], "temperature is 0.", "above 0"),
    (["--top_p", "1.5"], "top_p is 1.5.", "above 0 and at most 1"),
    (["--num_generations", "1"], "num_generations is 1.", "at least 2"),
    (["FILE", "learning_rate: .nan"], "learning_rate is nan.", "at least 0"),
    (["FILE", "max_prompt_tokens: 0"], "max_prompt_tokens is 0.", "at least 1"),
    (["--num_generations", "5"], "num_generations 5 does not divide the 16 completions", "a multiple of 5"),
    (["--generation_batch_size", "24"], "generation_batch_size 24 is not a multiple of", "Give a multiple of 16"),
    (["FILE", "warmup_ratio: 0.05"], "has warmup_ratio, which TRL 1.x", "Write warmup_steps: 0.05; below 1"),
    (["FILE", "max_prompt_length: 256"], "has max_prompt_length, which", "Write max_prompt_tokens: 256; longer"),
    (["--warmup_ratio", "0.1"], "bleuberi train grpo has warmup_ratio", "Write warmup_steps: 0.1;"),
    (["FILE", "torch_dtype: float32"], "has torch_dtype, which", "Write dtype: float32."),
    (["FILE", "no_such: 1"], "has a field 'no_such' that neither TRL nor bleuberi has.", "Remove it."),
    (["FILE", "num_iterations: [2]"], "num_iterations is [2], not int.", "Correct the file"),
    (["FILE", "reward_weights: [one]"], "reward_weights has 'one', not float.", "Correct the file"),
    (["--eval_strategy", "steps"], "eval_strategy is steps: there is no evaluation data", "--dev_prompts 64"),
    (["--load_in_8bit", "true"], "load_in_8bit is True: the model is not loaded in 8 bits here.", "load_in_4bit: true"),
    (["--load_in_4bit", "true", "--use_peft", "false"], "4-bit weights cannot be trained", "use_peft: true"),
    (["--load_in_4bit", "true"], "load_in_4bit True needs the package bitsandbytes", "pip install bitsandbytes"),
    (["--remove_unused_columns", "true"], "remove_unused_columns is True: the reward needs", "Leave it out."),
    (["--model_init_kwargs", '{"a": 1}'], "model_init_kwargs is {", "dtype, attn_implementation"),
    (["--use_vllm", "true"], "use_vllm: true needs the package vllm, which", 'pip install "bleuberi['),
    (["--sync_ref_model", "true", "--use_peft", "false"], "sync_ref_model is on and beta is 0", "Write beta: 0.04."),
    (["--sync_ref_model", "true", "--beta", "0.1"], "sync_ref_model needs a reference model", "use_peft: false"),
    (["--sync_ref_model", "true", "--beta", "0.1", "--use_peft", "false", "--fsdp", "full_shard"],
     "checkpoints of split models do not have", "sync_ref_model: false"),
    (["--warm_start", "sft_cpu", "--deepspeed", "zero3"], "warm_start cannot be combined with DeepSpeed",
     "train sft first"),
    (["--fit_completions", "2"], "fit_completions is 2.0.", "Give a share"),
    (["--use_kernels", "true"], "use_kernels is True and needs a GPU", "Leave use_kernels out."),
    (["--bf16", "true", "--use_cpu", "false"], "bf16 is on, and no GPU here can do it.", "the preset grpo_cpu"),
    (["--fp16", "true", "--bf16", "true"], "At most one of fp16 and bf16", "Correct"),
    (["--optim", "adamw_8bit"], "optim adamw_8bit needs the package bitsandbytes", "pip install bitsandbytes"),
    (["--optim", "schedule_free_adamw"], "needs the package schedulefree", "pip install schedulefree"),
    (["--attn_implementation", "flash_attention_2"], "flash_attention_2 and needs a GPU, but use_cpu is on.", "Leave"),
    (["--use_liger_kernel", "true"], "use_liger_kernel is True and needs a GPU", "Leave use_liger_kernel out."),
    (["--lora_target_modules", "q_proj", "lm_head"], "lora_target_modules has lm_head", "all-linear omits it"),
    (["--lora_target_modules", ".*_head"], "lora_target_modules has lm_head", "all-linear omits it"),
    (["--lora_target_modules", "c_attn"], "LoRA does not fit the model: Target modules", "all-linear"),
    (["--model_name_or_path", "other_head", "--lora_target_modules", "output_projection"],
     "LoRA would be on the model's output layer", "all-linear"),
    (["--cast_lm_head_to_fp32", "true"], "cast_lm_head_to_fp32 cannot be combined with LoRA", "use_peft: false"),
    (["--max_completion_length", "600"], "and the model has 512 positions.", "--max_completion_length"),
    (["--model_name_or_path", "quantised"], "quantised is stored quantised (bitsandbytes)", "--load_in_4bit true"),
    (["--deepspeed", "nowhere.json"], "", ""),
    (["--dataset_path", "nothing"], "Data set folder nothing does not exist.", "create_training_data.py grpo"),
    (["--dataset_path", "sft_data"], "sft_data is not a GRPO data set: it lacks prompt, references.", "grpo"),
    (["--resume_from_checkpoint", "away"], "Checkpoint folder away does not exist.", "automatically"),
    (["--output_dir", "other_model"], "checkpoint-3 is a checkpoint of another model than ", "another --output_dir"),
    (["--output_dir", "other_adapter"], "another model than ", "another --output_dir"),
    (["--config", "sft_cpu"], "which SFT has and GRPO has not.", "bleuberi train sft"),
]  # fmt: skip
SFT = [
    (["--loss_type", "nl"], "loss_type is 'nl', which is not one of: nll, dft, chunked_nll.", "loss_type: nll?"),
    (["--packing_strategy", "best"], "packing_strategy is 'best', which is not one of: bfd", "packing_strategy: "),
    (["--completion_only_loss", "false"], "completion_only_loss is False: the loss is on the answer", "Leave it out"),
    (["FILE", "assistant_only_loss: true"], "assistant_only_loss is True: ", "Leave it out"),
    (["FILE", "max_seq_length: 512"], "has max_seq_length, which", "Write max_length: 512."),
    (["--max_length", "0"], "max_length is 0.", "at least 1"),
    (["--padding_free", "true"], "padding_free does not enforce max_length 512.", "packing: true"),
    (["--activation_offloading", "true"], "activation_offloading is True and needs a GPU", "Leave"),
    (["--chat_template_kwargs", "enable_thinking"], "is 'enable_thinking', not a JSON object", "Write e.g."),
    (["--model_name_or_path", "quantised"], "quantised is stored quantised (bitsandbytes)", "--load_in_4bit true"),
    (["--dataset_path", "nothing"], "Data set folder nothing does not exist.", "create_training_data.py sft"),
    (["--dataset_path", "grpo_data"], "grpo_data is not an SFT data set.", "create_training_data.py sft"),
    (["--config", "grpo_cpu"], "which GRPO has and SFT has not.", "--config sft_paper"),
    (["--output_dir", "other_model"], "num_hidden_layers: existing 9, requested 2", "another --output_dir"),
]
DPO = [
    (["--loss_type", "hinged"], "loss_type is 'hinged', which is not one of: sigmoid, hinge,", "loss_type: hinge?"),
    (["--beta", "0"], "beta is 0: DPO's loss would be constant.", "Write beta: 0.1"),
    (["--beta", "0.00"], "beta is 0: DPO's loss would be constant.", "Write beta: 0.1"),
    (["--precompute_ref_log_probs", "true"], "precompute_ref_log_probs is True: the data set", "Leave it out"),
    (["--padding_free", "true"], "padding_free is True: TRL's DPOTrainer ignores it", "Leave it out."),
    (["--loss_weights", "0.5", "0.5"], "`loss_weights` must have the same length as `loss_type`", "Correct"),
    (["--loss_type", "exo_pair"], "loss_type exo_pair needs label_smoothing above 0", "label_smoothing: 0.001"),
    (["--sync_ref_model", "true"], "sync_ref_model needs a reference model", "use_peft: false"),
    (["--dataset_path", "nothing"], "Data set folder nothing does not exist.", "bleuberi data pairs"),
    (["--dataset_path", "sft_data"], "sft_data is not a DPO data set", "bleuberi data pairs"),
    (["--dataset_path", "grpo_data"], "grpo_data is not a DPO data set", "bleuberi data pairs"),
    (["--dataset_path", "turns_data"], "Row r0 of turns_data: rejected is not one assistant turn", "Give `prompt`"),
    (["--dataset_path", "equal_data"], "No pair is left: kept 0 of 8 (8 with two equal", "data pairs"),
    (["--max_length", "3"], "No pair is left: kept 0 of 8 (8 prompts that fill all 3 tokens).", "Raise --max_length"),
    (["--config", "grpo_cpu"], "which GRPO has and DPO has not.", "--config dpo_cpu"),
]


def named(table):
    return [" ".join(words)[-50:] for words, _, _ in table]


@pytest.fixture(scope="module")
def place(tiny_model, tmp_path_factory):
    """Good data sets of both kinds, and output folders with checkpoints of other models."""
    folder = tmp_path_factory.mktemp("place")
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    grpo = [
        {"id": f"r{n}", "source": "s", "messages": turns, "prompt": "Hi", "references": ["Hello."]} for n in range(8)
    ]
    sft = [{"id": f"r{n}_0", "source": "s", "messages": turns} for n in range(8)]
    dpo = [{"id": f"r{n}", "prompt": turns[:1], "chosen": turns[1:], "rejected": turns[1:]} for n in range(8)]
    other = [{"role": "assistant", "content": "No."}]
    sets = {"equal_data": dpo, "turns_data": [{**row, "rejected": turns} for row in dpo]}
    sets |= {"dpo_data": [{**row, "rejected": other} for row in dpo]}
    for name, content in (("grpo_data", grpo), ("sft_data", sft), *sets.items()):
        datasets.DatasetDict({"train": datasets.Dataset.from_list(content)}).save_to_disk(str(folder / name))
    config = json.loads((tiny_model / "config.json").read_text())
    for name in ("other_model/checkpoint-3", "other_model/checkpoint-1", "other_adapter/checkpoint-10"):
        (folder / name).mkdir(parents=True)
    (folder / "other_model/checkpoint-1/config.json").write_text(json.dumps(config))
    (folder / "other_model/checkpoint-3/config.json").write_text(json.dumps({**config, "num_hidden_layers": 9}))
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "org/other"}
    (folder / "other_adapter/checkpoint-10/adapter_config.json").write_text(json.dumps(adapter))
    shutil.copytree(tiny_model, folder / "home/tiny")
    shutil.copytree(tiny_model, folder / "quantised")
    shutil.copytree(tiny_model, folder / "other_head")
    (folder / "other_head/config.json").write_text(json.dumps({**config, "model_type": "biogpt"}))
    stored = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    (folder / "quantised/config.json").write_text(json.dumps({**config, "quantization_config": stored}))
    return folder


def words_for(method, words, tiny_model, tmp_path):
    if words[0] == "FILE":
        path = tmp_path / "mine.yaml"
        base = "per_device_train_batch_size: 16\nuse_cpu: true\nbf16: false\n"
        path.write_text(base + words[1] + "\n")
        words = ["--config", str(path), *words[2:]]
    if words[0] != "--config":
        words = ["--config", f"{method}_cpu", *words]
    base = {
        "--model_name_or_path": str(tiny_model),
        "--dataset_path": f"{method}_data",
        "--output_dir": str(tmp_path / "out"),
    }
    return [*words, *(word for pair in base.items() if pair[0] not in words for word in pair)]


@pytest.fixture
def no_model(monkeypatch):
    """Fail where weights would be read."""
    import transformers

    def reached(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(transformers.PreTrainedModel, "from_pretrained", reached)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", reached)


def check(command, words, what, cure, place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert run(command, words) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2, told
    assert told[0].startswith("Error: ")
    assert what in told[0]
    assert cure in told[1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("words", "what", "cure"), GRPO, ids=named(GRPO))
def test_grpo(words, what, cure, no_model, place, tiny_model, tmp_path, monkeypatch, capsys):
    check(train.grpo, words_for("grpo", words, tiny_model, tmp_path), what, cure, place, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(("words", "what", "cure"), SFT, ids=named(SFT))
def test_sft(words, what, cure, no_model, place, tiny_model, tmp_path, monkeypatch, capsys):
    check(train.sft, words_for("sft", words, tiny_model, tmp_path), what, cure, place, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(("words", "what", "cure"), DPO, ids=named(DPO))
def test_dpo(words, what, cure, no_model, place, tiny_model, tmp_path, monkeypatch, capsys):
    check(train.dpo, words_for("dpo", words, tiny_model, tmp_path), what, cure, place, tmp_path, monkeypatch, capsys)


def test_the_sizes_are_told_for_the_processes_that_there_are(
    no_model, place, tiny_model, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("WORLD_SIZE", "4")
    words = words_for("grpo", ["--generation_batch_size", "32"], tiny_model, tmp_path)
    check(train.grpo, words, "x 4 processes", "Give a multiple of 64", place, tmp_path, monkeypatch, capsys)


EARLY = ["--loss_type bnpoo", "--temperature 0", "--num_generations 5", "--warmup_ratio 0.1", "--eval_strategy steps",
         "--dataset_path nothing", "--output_dir other_model"]  # fmt: skip


def test_what_needs_no_library_is_told_before_torch_is_loaded(place, tiny_model, tmp_path):
    """All in one process, whose modules are looked at afterwards."""
    commands = [words_for("grpo", early.split(), tiny_model, tmp_path) for early in EARLY]
    code = (
        "import json, sys\n"
        "from bleuberi.cli import train\nfrom bleuberi.cli.parser import run\n"
        "codes = [run(train.grpo, words) for words in json.loads(sys.argv[1])]\n"
        "print(json.dumps([codes, sorted({'torch', 'transformers', 'trl', 'datasets'} & sys.modules.keys())]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)], cwd=place, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[2] * len(EARLY), []], done.stderr
    assert len(done.stderr.splitlines()) == 2 * len(EARLY)


def test_a_tilde_is_the_home_folder_everywhere(place, tiny_model, tmp_path, monkeypatch, pool_file):
    """In flags of both forms, in a config file, and behind NAME= of an evaluation."""
    from bleuberi.training.settings.read import check_places, read_settings

    monkeypatch.setenv("HOME", str(place))
    home = f"{place}/"
    (place / "run.yaml").write_text("output_dir: ~/out\nuse_cpu: true\nbf16: false\nresume_from_checkpoint: ~/home\n")
    words = ["--config=~/run.yaml", "--model_name_or_path", "~/home/tiny", "--dataset_path=~/grpo_data"]
    check_places("grpo", words)
    read = read_settings("grpo", words)
    assert read.model.model_name_or_path == home + "home/tiny"
    assert read.run.dataset_path == home + "grpo_data"
    assert read.args.output_dir == home + "out"
    assert read.args.resume_from_checkpoint == home + "home"

    asked = []
    monkeypatch.setattr("bleuberi.evaluation.run.evaluate", lambda config: asked.append(config.models) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate.main(["--models", "base=~/home/tiny", "b=org/x", "--prompts", str(pool_file), "--output_dir", "o"])
    assert asked == [(("base", home + "home/tiny"), ("b", "org/x"))]
