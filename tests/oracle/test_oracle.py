"""Commands do what they did when `expected/` was recorded: exit codes, rows, scores, weights, hashes, signatures.

`python -m tests.oracle.record GROUP` records a group again where a change is meant; the commit then says why.
"""

import json
import subprocess
import sys
import warnings

import pytest

from tests.oracle.cases import GROUPS
from tests.oracle.compare import RELATIVE, TRAINED, TRAINING_GROUPS, differences, unequal_bits
from tests.oracle.run import HERE, ROOT

pytest.importorskip("trl")


@pytest.fixture(scope="module")
def recorded(request, tmp_path_factory):
    """The facts of now, of the groups that are tested: one process runs all of them."""
    folder = tmp_path_factory.mktemp("oracle")
    chosen = [item.callspec.params["group"] for item in request.session.items if item.originalname == "test_a_group"]
    words = [sys.executable, "-m", "tests.oracle.record", *dict.fromkeys(chosen), "--output_dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("group", GROUPS)
def test_a_group(group, recorded):
    expected, actual = (json.loads((folder / f"{group}.json").read_text()) for folder in (HERE / "expected", recorded))
    found = differences(expected["cases"], actual["cases"], TRAINED if group in TRAINING_GROUPS else RELATIVE)
    if expected["machine"] == actual["machine"] and (files := unequal_bits(expected["cases"], actual["cases"])):
        warnings.warn(f"Weights differ in their last bits: {', '.join(files)}", stacklevel=1)
    assert not found, "\n".join(found[:40])


def test_the_comparison_sees_a_change():
    facts = {"a": {"files": {"x": {"rows": 1, "hashes": ["00"], "score": 0.25}}}}
    for change in ({"rows": 2}, {"hashes": ["01"]}, {"score": 0.2500001}, {"more": 1}):
        assert len(differences(facts, {"a": {"files": {"x": facts["a"]["files"]["x"] | change}}})) == 1
    tensor = {"shape": [2, 2], "dtype": "torch.float32", "sum": 0.0, "norm": 2.0}
    assert not differences(tensor, tensor | {"sum": 1e-7}, TRAINED)
    assert differences(tensor, tensor | {"norm": 2.00001}, TRAINED)
