"""The tutorial's own commands, in its order, with a tiny model and the fewest steps: what it promises is there."""

import re
import shlex
import shutil

import pytest

from bleuberi.cli.create_training_data import front_door
from bleuberi.cli.main import find_command
from tests.conftest import ROOT

pytest.importorskip("trl")
SMALLER = {"48": "8", "24": "4"}  # tokens and held-out prompts; examples
MORE = {
    "doctor": "--max_completion_length 256",  # the tiny vocabulary cuts references into more tokens
    "train grpo": "--max_steps 1 --num_generations 2 --per_device_train_batch_size 4 --max_completion_length 8",
    "train sft": "--max_steps 1",
}


def commands():
    """The words of each command of the tutorial's blocks up to its last section."""
    page = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8").partition("## On a GPU")[0]
    for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if line.startswith(("bleuberi ", "python training/create_training_data.py ")):
                yield shlex.split(line)


@pytest.mark.slow
def test_the_tutorial_as_written(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    shutil.copy(ROOT / "src/bleuberi/demo/pool.jsonl", tmp_path / "work/pool.jsonl")
    ran = []
    for program, *words in commands():
        words = [SMALLER.get(word, word.replace("$MODEL", str(tiny_model))) for word in words]
        if program == "python":
            assert front_door(words[1:]) == 0
        else:
            command, rest = find_command(words)
            assert command([*rest, *MORE.get(" ".join(words[: -len(rest)]), "").split()]) == 0
        ran.append(words[0])
    assert ran[-3:] == ["train", "evaluate", "report"]
    for path in (
        "checked/held_out.jsonl",
        "data/data_grpo/mine/selection.png",
        "data/data_sft/mine_SFT/manifest.json",
        "grpo/metrics.jsonl",
        "sft/model.safetensors",
        "evaluation/evaluation.json",
        "report/report.html",
    ):
        assert (tmp_path / "work" / path).is_file(), path
