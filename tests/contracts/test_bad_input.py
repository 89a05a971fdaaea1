"""Wrong input to any command: exit code 2, two lines that say what and what to do, no traceback, nothing written."""

import gzip
import json
import shutil

import pytest

from bleuberi.cli import create_training_data, evaluate, train
from bleuberi.cli.parser import run
from tests.conftest import pool_rows

pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")

RANDOM = ["--selection_mode", "random", "--num_examples", "2"]
MODEL = ["--model", "TINY"]
BLEU = ["--metric", "bleu"]
SCORED = [*BLEU, "--outputs", "outputs.jsonl", "--model", "org/some-model"]
CPU_GRPO = ["grpo", "--config", "grpo_cpu", "--model_name_or_path", "TINY", "--dataset_path"]
CPU_SFT = ["sft", "--config", "sft_cpu", "--model_name_or_path", "TINY", "--dataset_path"]
EVALUATE = ["--prompts", "pool.jsonl", "--max_new_tokens", "4", "--models"]

DATA = [  # words behind `create_training_data.py`, the first line, the second line
    ([], "the following arguments are required: command", "--help"),
    (["dpo"], "invalid choice: 'dpo'", "--help"),
    (["grpo", "--num_exampels", "3"], "unrecognized arguments: --num_exampels", "Did you mean --num_examples?"),
    (["grpo", "--num_examples", "many"], "invalid int value: 'many'", "--help"),
    (["grpo", "--ref_models"], "expected at least one argument", "--help"),
    (["grpo", "--selection_mode", "hardest", *SCORED], "invalid choice: 'hardest'", "--help"),
    (["grpo", "--engine", "jax", *SCORED], "Unknown engine 'jax'.", "--engine"),
    (["grpo"], "--selection_mode hard needs scores, and --metric is not given.", "Add --metric bleu --model MODEL"),
    (["grpo", *BLEU], "--selection_mode hard needs scores, and --model (or --outputs) is not given.", "Add --metric"),
    (["grpo", *MODEL], "--selection_mode hard needs scores, and --metric is not given.", "Add --metric bleu"),
    (["grpo", "--selection_mode", "easy", *BLEU], "--selection_mode easy needs scores", "--selection_mode random"),
    (
        ["grpo", "--selection_mode", "random"],
        "--selection_mode random needs a number of examples.",
        "Add --num_examples N.",
    ),
    (["grpo", *SCORED, "--num_examples", "0"], "--num_examples is 0.", "at least 1"),
    (["grpo", *SCORED, "--num_examples", "-3"], "--num_examples is -3.", "at least 1"),
    (["grpo", *SCORED, "--inference_max_new_tokens", "0"], "--inference_max_new_tokens is below 1.", "512"),
    (["grpo", *SCORED, "--seed", "-1"], "--seed -1 is out of range.", "0 to 4294967295"),
    (["grpo", *SCORED, "--metric", "blue"], "Unknown reward or metric 'blue'.", "Available: bleu, rouge"),
    (["grpo", *SCORED, "--metric", "no.such:Reward"], "'no.such:Reward' could not be loaded", "package.module:Class"),
    (["grpo", *SCORED, "--ref_models", "gold", "o4"], "No column ref_output_o4 in ", "--ref_models gold"),
    (["grpo", *SCORED, "--output_dataset_name", "../up"], "'../up' is not a simple folder name", "--output_dir"),
    (["grpo", *SCORED, "--output_dataset_name", ".."], "'..' is not a simple folder name", "--output_dir"),
    (["grpo", *SCORED, "--output_dataset_name", ".hid"], "'.hid' is not a simple folder name", "--output_dir"),
    (["grpo", *SCORED, "--output_dataset_name", "/abs"], "'/abs' is not a simple folder name", "--output_dir"),
    (["grpo", *SCORED, "--output_dataset_name", ""], "'' is not a simple folder name", "--output_dir"),
    (["grpo", *SCORED, "--output_dataset_name", "x" * 256], "is not a simple folder name", "--output_dir"),
    (["grpo", *SCORED, "--outputs", "none.jsonl"], "File none.jsonl does not exist.", "--outputs"),
    (["grpo", *SCORED, "--outputs", "."], "File . does not exist.", "--outputs"),
    (["grpo", *SCORED, "--outputs", "strangers.jsonl"], "No row of strangers.jsonl has an id or a prompt", "this pool"),
    (["grpo", *SCORED, "--hf_dataset_path", "none.jsonl"], "File or folder none.jsonl does not exist.", "a hub id"),
    (["grpo", *SCORED, "--hf_dataset_path", "nobody/nothing"], "nobody/nothing is neither a local file", "network"),
    (["grpo", *SCORED, "--hf_dataset_path", "empty.jsonl"], "The pool empty.jsonl has no rows.", "complete"),
    (["grpo", *SCORED, "--hf_dataset_path", "broken.jsonl"], "broken.jsonl, line 2 is not valid JSON", "that line"),
    (["grpo", *SCORED, "--hf_dataset_path", "twice.jsonl"], "Duplicate id 'r0' (twice.jsonl, line 1", "unique"),
    (["grpo", *SCORED, "--hf_dataset_path", "columns.jsonl"], "columns.jsonl, line 1 has no usable `id`", "`id`"),
    (["grpo", *SCORED, "--hf_dataset_path", "noprompt.jsonl"], "line 1 has neither `messages` with", "`prompt`"),
    (["grpo", *SCORED, "--hf_dataset_path", "types.jsonl"], "types.jsonl, line 1: `prompt` holds int", "as a string"),
    (
        ["grpo", *SCORED, "--hf_dataset_path", "cut.jsonl.gz"],
        "cut.jsonl.gz is an incomplete or damaged gzip file",
        "again",
    ),
    (
        ["grpo", *SCORED, "--hf_dataset_path", "folder"],
        "folder is a folder, but not a data set",
        "data set's own folder",
    ),
    (["grpo", *SCORED, "--hf_dataset_path", "pool.xlsx"], "pool.xlsx has an unsupported file type", ".parquet"),
    (["grpo", *BLEU, "--model", "./folder"], "The folder ./folder does not contain a model", "`save_pretrained` wrote"),
    (["grpo", *BLEU, "--model", "./nothing"], "Model folder ./nothing does not exist.", "--model"),
    (["grpo", *BLEU, "--model", "nobody/nothing"], "The model nobody/nothing could not be loaded", "network"),
    (["grpo", *BLEU, "--model", "cut_model"], "The model cut_model could not be loaded", "--model"),
    (["grpo", *BLEU, *MODEL, "--engine", "vllm"], "vLLM", 'pip install "bleuberi[vllm]"'),
    (["sft"], "the following arguments are required: --input_data_path", "--help"),
    (
        ["sft", "--input_data_path", "nothing"],
        "Data set folder nothing does not exist.",
        "create_training_data.py grpo",
    ),
    (["sft", "--input_data_path", "folder"], "folder is a folder, but not a data set", "data set's own folder"),
    (["sft", "--input_data_path", "sft_data"], "sft_data is not a GRPO data set: it lacks prompt, references", "grpo"),
]
# One generation for two training steps, and a checkpoint after three.
HALVES = ["--per_device_train_batch_size", "2", "--num_generations", "2", "--steps_per_generation", "2"]
HALVES += ["--save_steps", "3"]
TRAIN = [
    (["grpo", "--config", "none.yaml"], "Config file none.yaml does not exist.", "a preset: dpo_cpu"),
    (["grpo", "--config", "bad.yaml"], "bad.yaml has a field 'learing_rate'", "Did you mean learning_rate?"),
    ([*CPU_GRPO, "grpo_data", "--lerning_rate", "1"], "no flag --lerning_rate", "Did you mean --learning_rate?"),
    ([*CPU_GRPO, "grpo_data", "--reward_funcs", "blue"], "Unknown reward or metric 'blue'.", "Available: bleu"),
    (
        [*CPU_GRPO, "grpo_data", "--reward_weights", "1", "2"],
        "There are 2 reward_weights for 1 rewards.",
        "Give one per reward.",
    ),
    ([*CPU_GRPO, "grpo_data"], "The data set has 2 usable prompts, fewer than the 4", "per_device_train_batch_size"),
    ([*CPU_GRPO, "grpo_data", "--max_prompt_tokens", "2"], "No row remains: kept 0 of 2", "--max_prompt_tokens"),
    ([*CPU_GRPO, "nothing"], "Data set folder nothing does not exist.", "create_training_data.py grpo"),
    ([*CPU_GRPO, "sft_data"], "sft_data is not a GRPO data set: it lacks prompt, references.", "grpo"),
    ([*CPU_GRPO, "grpo_data", *HALVES], "save_steps 3 puts checkpoints between the 2 micro-batches", "--save_steps 4"),
    (
        [*CPU_SFT, "sft_data", "--resume_from_checkpoint", "checkpoint-9"],
        "Checkpoint folder checkpoint-9 does not exist.",
        "Omit resume_from_checkpoint",
    ),
    ([*CPU_GRPO, "reserved"], "with names reserved by the trainer: completions", "Rename"),
    (
        [*CPU_GRPO, "grpo_data", "--model_name_or_path", "./folder"],
        "The folder ./folder does not contain a model",
        "Give",
    ),
    ([*CPU_SFT, "nothing"], "Data set folder nothing does not exist.", "create_training_data.py sft"),
    ([*CPU_SFT, "grpo_data"], "grpo_data is not an SFT data set.", "create_training_data.py sft"),
    ([*CPU_SFT, "sft_data", "--max_length", "3"], "No pair is left: kept 0 of 2", "Raise --max_length."),
    ([*CPU_SFT, "sft_data", "--model_name_or_path", "cut_model"], "cut_model could not be loaded", "--model"),
]
EVALUATION = [
    ([], "the following arguments are required: --models, --prompts", "--help"),
    ([*EVALUATE, "TINY"], "--models got", "Write NAME=FILE or NAME=MODEL"),
    ([*EVALUATE, "a=TINY", "a=TINY"], "Two models have the same name.", "base=... trained=..."),
    ([*EVALUATE, "a=TINY", "--metrics", "blue"], "Unknown reward or metric 'blue'.", "Available: bleu"),
    ([*EVALUATE, "a=TINY", "--prompts", "none.jsonl"], "File or folder none.jsonl does not exist.", "Check the path"),
    ([*EVALUATE, "a=TINY", "--ref_models", "o4"], "No column ref_output_o4 in pool.jsonl.", "--ref_models gold"),
    ([*EVALUATE, "a=TINY", "b=./folder"], "The folder ./folder does not contain a model", "Give a folder"),
    ([*EVALUATE, "a=TINY", "b=nobody/nothing"], "The model nobody/nothing could not be loaded", "network"),
    ([*EVALUATE, "a=TINY", "--max_new_tokens", "0"], "--max_new_tokens is 0.", "at least 1"),
]


def named(table):
    return [" ".join(words)[-60:] for words, _, _ in table]


@pytest.fixture(scope="module")
def place(tiny_model, tmp_path_factory):
    """A folder with good and bad files of every kind."""
    folder = tmp_path_factory.mktemp("place")

    def lines(name, *rows):
        (folder / name).write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))

    rows = pool_rows(6)
    lines("pool.jsonl", *rows)
    lines("outputs.jsonl", *({"id": row["id"], "output": row["prompt"]} for row in rows))
    lines("strangers.jsonl", {"id": "nobody", "output": "x"})
    lines("empty.jsonl")
    lines("broken.jsonl", rows[0], '{"id": \n')
    lines("twice.jsonl", rows[0], rows[0])
    lines("columns.jsonl", {"name": "x", "prompt": "P"})
    lines("noprompt.jsonl", {"id": "x", "ref_output_gold": "G"})
    lines("types.jsonl", {"id": "x", "prompt": 7, "ref_output_gold": "G"})
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(json.dumps(rows).encode())[:-9])
    (folder / "pool.xlsx").write_bytes(b"PK")
    (folder / "folder").mkdir()
    (folder / "folder/notes.txt").write_text("nothing here")
    (folder / "bad.yaml").write_text("learing_rate: 1\n")
    shutil.copytree(tiny_model, folder / "cut_model")
    (folder / "cut_model/model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    grpo = [{"id": f"r{n}", "source": "s", "messages": turns, "prompt": "Hi", "references": ["Hello."]} for n in (1, 2)]
    sft = [{"id": f"r{n}_0", "source": "s", "messages": turns} for n in (1, 2)]
    reserved = [{**row, "completions": "x"} for row in grpo]
    for name, content in (("grpo_data", grpo), ("sft_data", sft), ("reserved", reserved)):
        datasets.DatasetDict({"train": datasets.Dataset.from_list(content)}).save_to_disk(str(folder / name))
    return folder


def check(command, words, what, cure, place, tiny_model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    words = [word.replace("TINY", str(tiny_model)) for word in words]
    assert run(command, words) == 2
    said = capsys.readouterr().err.splitlines()
    progress = ("Pool ", "Pairs: ", "Prompts of", "Engine: ", "Answers ")
    told = [line for line in said if not line.startswith(progress)]
    assert len(told) == 2, said
    assert told[0].startswith("Error: ")
    assert what in told[0]
    assert cure in told[1]
    assert not any((tmp_path / "out").rglob("*")), "something was written"
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(("words", "what", "cure"), DATA, ids=named(DATA))
def test_create_training_data(words, what, cure, place, tiny_model, tmp_path, monkeypatch, capsys):
    if words and words[0] in ("grpo", "sft"):
        pool = ["--hf_dataset_path", "pool.jsonl"] if words[0] == "grpo" else []
        words = [words[0], *pool, *words[1:], "--output_dir", str(tmp_path / "out")]
    check(create_training_data.front_door, words, what, cure, place, tiny_model, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(("words", "what", "cure"), TRAIN, ids=named(TRAIN))
def test_train(words, what, cure, place, tiny_model, tmp_path, monkeypatch, capsys):
    command = train.grpo if words[0] == "grpo" else train.sft
    words = [*words[1:], "--output_dir", str(tmp_path / "out")]
    check(command, words, what, cure, place, tiny_model, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(("words", "what", "cure"), EVALUATION, ids=named(EVALUATION))
def test_evaluate(words, what, cure, place, tiny_model, tmp_path, monkeypatch, capsys):
    words = [*words, "--output_dir", str(tmp_path / "out")] if words else words
    check(evaluate.main, words, what, cure, place, tiny_model, tmp_path, monkeypatch, capsys)


def test_a_name_for_a_path_that_is_a_file(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (tmp_path / "out").write_text("a file")
    words = ["grpo", "--hf_dataset_path", "pool.jsonl", *SCORED, "--output_dir", str(tmp_path / "out")]
    assert run(create_training_data.front_door, words) == 2
    assert "could not be written" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "a file"


def test_an_evaluation_whose_prompts_are_all_too_long(place, tiny_model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    words = ["--prompts", "pool.jsonl", "--models", f"a={tiny_model}", "--max_new_tokens", "512"]
    assert run(evaluate.main, [*words, "--output_dir", str(tmp_path / "out")]) == 2
    what, cure = capsys.readouterr().err.splitlines()[-2:]
    assert what == "Error: Every prompt is too long for a model that may write 512 more tokens."
    assert cure.startswith("Lower --max_new_tokens")
    assert not (tmp_path / "out/evaluation.json").exists()
