"""`python -m tests.gpu` works as far as it can without a GPU: parts are carried, and runs are measured on the CPU."""

import json
import zipfile

import pytest

from tests.gpu import carry
from tests.gpu.__main__ import main

pytest.importorskip("trl")


def test_files_are_carried_in_parts(tmp_path):
    folder = tmp_path / "files"
    (folder / "llm").mkdir(parents=True)
    (folder / "llm/model.gguf").write_bytes(bytes(range(256)) * 50)
    with zipfile.ZipFile(folder / "made-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("made/__init__.py", "A = 1\n")
    carry.main(["pack", str(folder), "--part_mb", "0.005"])
    parts = tmp_path / "files.parts"
    assert max(path.stat().st_size for path in parts.iterdir() if path.name != "parts.json") == 5000
    carry.main(["unpack", str(parts), str(tmp_path / "there")])
    assert (tmp_path / "there/llm/model.gguf").read_bytes() == (folder / "llm/model.gguf").read_bytes()
    assert (tmp_path / "there/made/__init__.py").read_text() == "A = 1\n"
    (parts / "0000.0001").write_bytes(b"x")
    with pytest.raises(SystemExit, match="is damaged"):
        carry.main(["unpack", str(parts), str(tmp_path / "again")])
    (parts / "0000.0001").unlink()
    with pytest.raises(SystemExit, match="lacks 1 of 3 parts"):
        carry.main(["unpack", str(parts), str(tmp_path / "again")])


@pytest.mark.slow
def test_runs_are_measured_and_resumed(tiny_model, tmp_path, capsys):
    words = ["--cpu", "--model", str(tiny_model), "--steps", "4", "--folder", str(tmp_path / "runs"), "--result"]
    assert main([*words, str(tmp_path / "r.json"), "--only", "GRPO, LoRA", "SFT, all", "QLoRA", "SIGKILL"]) == 0
    told = json.loads((tmp_path / "r.json").read_text())
    run = told["paths"]["GRPO, LoRA"]
    assert run["export_off_by"] < 0.01
    assert min(run[name] for name in ("seconds_per_step", "tokens_per_second", "peak_bytes")) > 0
    assert run["peak_bytes_estimate"] > 0
    assert told["paths"]["SFT, all weights, bf16"]["seconds_per_step"] > 0
    resumed = told["paths"]["resume after SIGKILL"]
    assert (resumed["exit_code"], resumed["same_weights"], resumed["largest_loss_difference"]) == (-9, True, 0)
    printed = capsys.readouterr().out
    assert "left out GRPO, QLoRA" in printed
    assert "bitsandbytes is not installed" in printed


def test_without_a_gpu_it_says_so(capsys, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert main([]) == 2
    assert "There is no GPU that torch can use." in capsys.readouterr().err
