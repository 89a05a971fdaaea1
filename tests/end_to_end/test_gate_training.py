"""The gate through the real trainer: noise gives no advantage, real differences keep theirs, the mean reward stays."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from statistics import fmean

import pytest

from tests.conftest import ROOT
from tests.end_to_end.gate_run import GROUP, Noise, run

pytest.importorskip("trl")


def groups(found):
    """The rows by step and prompt; each is one group."""
    by_prompt = defaultdict(list)
    for row in found["rows"]:
        by_prompt[row["step"], row["spread"]].append(row)
    return by_prompt


def true_scores(rows):
    return Noise()(
        prompts=[], responses=[row["completion"] for row in rows], references=[[row["spread"]] for row in rows]
    )


def check_gated(found):
    """What must hold of any gated run with one reward."""
    for (_, spread), rows in groups(found).items():
        assert len(rows) == GROUP
        advantages = [row["advantage"] for row in rows]
        handed, scores = [row["rewards"][0] for row in rows], true_scores(rows)
        if spread == "0.001":
            assert len(set(scores)) > 1
            assert advantages == [0.0] * GROUP, "noise became an advantage"
            assert len(set(handed)) == 1
            assert handed[0] == pytest.approx(fmean(scores), rel=1e-6)
        elif spread == "1":
            assert min(map(abs, advantages)) > 0
            assert max(advantages) > 0.5
            assert handed == pytest.approx(scores, rel=1e-6)
        else:
            assert [value is None for value in handed] == [value is None for value in scores]
    for entry in found["metrics"]:
        rows = [row for row in found["rows"] if row["step"] == entry["step"]]
        present = {row["spread"] for row in rows} - {"none"}
        low = [
            len({score for score in true_scores(groups(found)[entry["step"], spread]) if score is not None}) == 1
            or spread == "0.001"
            for spread in present
            if any(score is not None for score in true_scores(groups(found)[entry["step"], spread]))
        ]
        assert entry["frac_low_signal"] == pytest.approx(fmean(low))
        known = [score for score in true_scores(rows) if score is not None]
        assert entry["reward"] == pytest.approx(fmean(known), rel=1e-5), "the reward curve moved"


def test_noise_gets_no_advantage(tiny_model, tmp_path):
    found = run(tiny_model, tmp_path, active=True)
    check_gated(found)
    assert {row["spread"] for row in found["rows"]} == {"0.001", "1", "none", "some"}


def test_without_the_gate_noise_counts_as_much_as_a_real_difference(tiny_model, tmp_path):
    found = run(tiny_model, tmp_path, active=False)
    noise = [row["advantage"] for row in groups(found)[1, "0.001"]]
    assert max(map(abs, noise)) > 0.5
    assert found["metrics"][0]["frac_low_signal"] > 0, "it is counted all the same"


@pytest.mark.parametrize("aggregation", ["sum_then_normalize", "normalize_then_sum"])
def test_noise_of_two_rewards(tiny_model, tmp_path, aggregation):
    found = run(tiny_model, tmp_path, rewards=2, multi_objective_aggregation=aggregation)
    for (_, spread), rows in groups(found).items():
        if spread == "0.001":
            # The batch's own mean, which is taken off at last by one of the two, is zero but for rounding.
            most = 0.0 if aggregation == "sum_then_normalize" else 1e-6
            assert max(abs(row["advantage"]) for row in rows) <= most
        if spread == "1":
            assert max(row["advantage"] for row in rows) > 0.5


@pytest.mark.slow
def test_two_processes(tiny_model, tmp_path):
    """Also where a group's completions are made by two processes, each of which sees only its own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        [*command, "-m", "tests.end_to_end.gate_run", str(tiny_model), str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    for name, prompts in (("whole", 4), ("spanning", 3)):
        assert len(groups(found[name])) == 2 * prompts
        check_gated(found[name])
    assert any(spread == "0.001" for _, spread in groups(found["spanning"]))
