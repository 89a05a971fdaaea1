"""The notebooks are committed without outputs, and run with the light install: where torch cannot be imported."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
HEAVY = ("torch", "transformers", "trl", "datasets", "accelerate", "peft", "deepspeed")


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert code
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}
    contents = (ROOT / "docs/index.md").read_text(encoding="utf-8").split()
    assert f"notebooks/{path.stem}" in contents, "name the notebook in docs/index.md"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_without_torch(path, tmp_path):
    pytest.importorskip("datasketch")
    pytest.importorskip("scipy")
    for name in HEAVY:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} is not part of the light install')")
    script = "\n\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code")
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "src")])
    ran = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": paths}, cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "bleu agrees with people in" in ran.stdout
    assert not list(tmp_path.glob("bleuberi-*"))
