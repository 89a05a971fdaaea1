"""Small trainings by command, in this process: a few prompts and the tests' tiny model.

As a program it runs the commands of a JSON list one after the other, and writes what came of each into a file.
"""

import contextlib
import io
import json
import logging
import sys
from pathlib import Path

from bleuberi.cli.main import find_command
from bleuberi.cli.parser import run

PROMPTS = [f"Say the number {number}." for number in range(8)]
SHORT = {
    "grpo": ["--num_generations", "2", "--per_device_train_batch_size", "4", "--max_completion_length", "8"],
    "sft": ["--per_device_train_batch_size", "2"],
    "dpo": ["--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1"],
}


def bleuberi(*words):
    """The exit code of a command."""

    def command(argv):
        found, rest = find_command(argv)
        return found(rest)

    return run(command, [str(word) for word in words])


def save_data(folder, prompts=PROMPTS):
    """`grpo`, `sft` and `dpo` data sets in the folder; the answer to a prompt is its last word. The last pair of `dpo`
    has two equal responses."""
    from datasets import Dataset, DatasetDict

    rows = []
    for number, prompt in enumerate(prompts):
        answer = prompt.split()[-1]
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        rows.append({"id": f"r{number}", "messages": turns, "prompt": prompt, "references": [answer]})
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(folder / "grpo"))
    pairs = [{name: row[name] for name in ("id", "messages")} for row in rows]
    DatasetDict({"train": Dataset.from_list(pairs)}).save_to_disk(str(folder / "sft"))
    said = [[{"role": "assistant", "content": text}] for row in rows for text in (row["references"][0], "no idea")]
    choices = [
        {"id": row["id"], "prompt": row["messages"][:1], "chosen": said[2 * n], "rejected": said[2 * n + 1]}
        for n, row in enumerate(rows)
    ]
    choices.append({**choices[-1], "id": "equal", "rejected": choices[-1]["chosen"]})
    DatasetDict({"train": Dataset.from_list(choices)}).save_to_disk(str(folder / "dpo"))
    return folder


def train_words(method, data, model, output, *more):
    """The words of `bleuberi train`, without LoRA."""
    words = ["train", method, "--config", f"{method}_cpu", "--dataset_path", data / method, *SHORT[method]]
    words += ["--model_name_or_path", model, "--output_dir", output, "--use_peft", "false", *more]
    return [str(word) for word in words]


def strict_lines(path):
    """The objects of a JSON-lines file; NaN and Infinity, which are not JSON, fail."""

    def refuse(word):
        raise AssertionError(f"{path.name} has a bare {word}")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def main(commands, result):
    """Run each command; `result` gets their exit codes, standard output and errors."""
    done = []
    for words in commands:
        out, err = io.StringIO(), io.StringIO()
        logging.getLogger("bleuberi").handlers.clear()  # it would write into the last command's errors
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = bleuberi(*words)
        done.append({"code": code, "out": out.getvalue(), "err": err.getvalue()})
        Path(result).write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])
