"""How a batch is cut into micro-batches and processes changes nothing where the loss does not depend on it."""

import itertools
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

SCRIPT = str(ROOT / "tests/end_to_end/fixed_completions.py")
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "GOMP_SPINCOUNT": "0"}


def run(*words):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def results(tiny_model, tmp_path_factory):
    """What was logged, and some weights, by process count and the words of `fixed_completions`."""
    work = tmp_path_factory.mktemp("invariance")
    run(SCRIPT, tiny_model, work / "one.json", "dapo:8x1", "dapo:1x8", "bnpo:8x1", "bnpo:2x4", "bnpo:2x4#again")
    run(*TORCHRUN, SCRIPT, tiny_model, work / "two.json", "dapo:4x1", "dapo:1x4")
    return {
        f"{name} {word}": result
        for name in ("one", "two")
        for word, result in json.loads((work / f"{name}.json").read_text()).items()
    }


def largest_difference(left, right):
    """Of losses, gradient norms, rewards and weights; relative where they are above 1, as gradient norms are."""
    numbers = [[*itertools.chain(*result["logged"]), *result["weights"]] for result in (left, right)]
    return max(abs(one - other) / max(1, abs(one)) for one, other in zip(*numbers, strict=True))


@pytest.mark.parametrize("other", ["one dapo:1x8", "two dapo:4x1", "two dapo:1x4"])
def test_dapo_is_the_same_however_the_batch_is_cut(results, other):
    assert largest_difference(results["one dapo:8x1"], results[other]) < 1e-5


def test_what_is_compared_moves(results):
    _losses, norms, rewards = zip(*results["one dapo:8x1"]["logged"], strict=True)
    assert min(norms) > 0.01
    assert len({round(norm, 3) for norm in norms}) == len({round(reward, 3) for reward in rewards}) == 3


def test_bnpo_depends_on_the_micro_batch_but_repeats_itself(results):
    assert largest_difference(results["one bnpo:2x4"], results["one bnpo:2x4#again"]) == 0
    assert largest_difference(results["one bnpo:2x4"], results["one bnpo:8x1"]) > 1e-5
