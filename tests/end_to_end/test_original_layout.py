"""A folder that the method's original program filled goes through the data command and both job scripts as it is."""

import csv
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")

NAME = "mini_bleu_tiny_1ref-gold_hard_6"


@pytest.fixture(scope="module")
def original(tiny_model, tmp_path_factory):
    """The folder `data` of a clone of the original, with its pool saved by `save_to_disk`."""
    folder = tmp_path_factory.mktemp("original")
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()
    pool = [json.loads(line) for line in sorted(lines, key=len)[:12]]  # the tiny model has few positions
    datasets.DatasetDict({"train": datasets.Dataset.from_list(pool)}).save_to_disk(str(folder / "mini"))
    data = folder / "data"
    for name in ("inference_outputs", "scored_outputs", "data_grpo", "data_sft"):
        (data / name).mkdir(parents=True)
    with (data / f"inference_outputs/{tiny_model.name}_inference_results.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, escapechar="\\", lineterminator="\n")
        writer.writerow(["id", "source", "prompt", "response"])
        writer.writerows([row["id"], row["source"], row["prompt"], 'A \\ "quoted"\nresponse.'] for row in pool)
    scores = {row["id"]: {"score": place / 100, "metric": "bleu"} for place, row in enumerate(pool)}
    (data / "scored_outputs/mini_bleu_tiny_1ref-gold.json").write_text(json.dumps(scores))
    (data / "scored_outputs/mini_bleu_tiny_1ref-gold_distribution.png").write_bytes(b"png")
    picked = [
        {"id": row["id"], "source": row["source"], "messages": row["messages"], "prompt": row["prompt"],
         "ground_truth": row["ref_output_gold"], "references": [row["ref_output_gold"]],
         "bleu_score": scores[row["id"]]["score"]}
        for row in pool[:6]
    ]  # fmt: skip
    datasets.DatasetDict({"train": datasets.Dataset.from_list(picked)}).save_to_disk(str(data / f"data_grpo/{NAME}"))
    (data / f"data_grpo/{NAME}/bleu_distribution.png").write_bytes(b"png")
    pairs = [
        {"id": f"{row['id']}_0", "source": row["source"], "messages": [
            {"content": row["prompt"], "role": "user"}, {"content": row["references"][0], "role": "assistant"}]}
        for row in picked
    ]  # fmt: skip
    datasets.DatasetDict({"train": datasets.Dataset.from_list(pairs)}).save_to_disk(str(data / f"data_sft/{NAME}_SFT"))
    settings = {
        "MODEL": tiny_model, "POOL": folder / "mini", "NUM_EXAMPLES": 6, "NUM_GPUS": 0, "DATA_DIR": data,
        "CKPT_DIR": folder / "models", "PYTHON": sys.executable,
    }  # fmt: skip
    return folder, data, {**os.environ, **{name: str(value) for name, value in settings.items()}}


def content(data):
    return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def run(command, environment, cwd="/"):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.slow
def test_the_data_command_and_both_job_scripts_take_it_as_it_is(original, tiny_model):
    folder, data, environment = original
    before = content(data)
    front_door = [sys.executable, str(ROOT / "training/create_training_data.py")]
    grpo = ["grpo", "--hf_dataset_path", "mini", "--ref_models", "gold", "--metric", "bleu", "--model", str(tiny_model)]

    said = run([*front_door, *grpo, "--num_examples", "6", "--output_dir", str(data)], environment, folder)
    assert f"The data set {data}/data_grpo/{NAME} was made by another program" in said
    sft = [*front_door, "sft", "--input_data_path", str(data / f"data_grpo/{NAME}"), "--output_dir", str(data)]
    assert f"The data set {data}/data_sft/{NAME}_SFT was made by another program" in run(sft, environment)
    assert content(data) == before

    words = ["--max_steps", "1"]
    lengths = ["--max_completion_length", "8", "--max_prompt_tokens", "400"]
    assert "its 6 rows are used as they are" in run(
        ["bash", str(ROOT / "training/grpo.sh"), *words, *lengths], environment
    )
    assert "its 6 rows are used as they are" in run(["bash", str(ROOT / "training/sft.sh"), *words], environment)
    assert content(data) == before, "nothing was written, generated or replaced"
    for run_name in ("tiny_BLEU_1ref-gold_6", "tiny_SFT_1ref-gold_6"):
        manifest = json.loads((folder / f"models/{run_name}/manifest.json").read_text())
        assert (manifest["steps"], manifest["rows_used"]) == (1, 6)


def test_another_selection_comes_from_its_scores(original, tiny_model):
    folder, data, environment = original
    before = content(data)
    command = [sys.executable, str(ROOT / "training/create_training_data.py"), "grpo", "--hf_dataset_path", "mini"]
    command += ["--metric", "bleu", "--model", str(tiny_model), "--num_examples", "3", "--selection_mode", "easy"]
    run([*command, "--output_dir", str(data)], environment, folder)
    after = content(data)
    assert {name: text for name, text in after.items() if name in before} == before
    assert {name.split("/")[1] for name in after.keys() - before.keys()} == {"mini_bleu_tiny_1ref-gold_easy_3"}
