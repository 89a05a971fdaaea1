"""A Ray cluster of two hosts that meet over a network; one loses its power while the command runs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.end_to_end.test_cache_faults import contents
from tests.hosts import joined_hosts

pytestmark = pytest.mark.ray
pytest.importorskip("ray")

RAY = [str(Path(sys.executable).with_name("ray"))]
PORT = "6399"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A home of its own, where the cluster's token lies."""
    home = tmp_path_factory.mktemp("home")
    settings = {"HOME": str(home), "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    return {**{k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}, "PYTHONPATH": f"{ROOT / 'src'}", **settings}


@pytest.fixture(scope="module")
def cluster(environment):
    """The two hosts of a cluster that was started as docs/scale.md says, one core each."""
    subprocess.run([*RAY, "get-auth-token", "--generate"], env=environment, check=True, capture_output=True)
    with joined_hosts() as (first, second):
        flags = ["--num-cpus", "1", "--object-store-memory", "100000000", "--node-ip-address"]
        head = [*first.before, *RAY, "start", "--head", "--port", PORT, "--include-dashboard", "false", *flags]
        subprocess.run([*head, first.address], env=environment, check=True, capture_output=True, timeout=120)
        joining = [*second.before, *RAY, "start", "--address", f"{first.address}:{PORT}", *flags, second.address]
        subprocess.run(joining, env=environment, check=True, capture_output=True, timeout=120)
        yield first, second


def command(output_dir, model, *engine):
    flags = ["--hf_dataset_path", str(ROOT / "src/bleuberi/demo/pool.jsonl"), "--metric", "bleu", "--model", str(model)]
    flags += ["--num_examples", "30", "--inference_max_new_tokens", "16", "--output_dir", str(output_dir)]
    return [sys.executable, "-m", "bleuberi.cli.main", "data", "grpo", *flags, "--output_dataset_name", "made", *engine]


def test_a_host_that_loses_its_power_costs_its_unfinished_work_alone(cluster, environment, tiny_model, tmp_path):
    first, second = cluster
    alone = subprocess.run(
        command(tmp_path / "alone", tiny_model, "--engine", "transformers"),
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    engine = ["--engine", "ray", "--ray_address", f"{first.address}:{PORT}", "--ray_engine", "transformers"]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(
            [*first.before, *command(tmp_path / "both", tiny_model, *engine)], env=environment, stdout=log, stderr=log
        )
        deadline = time.monotonic() + 300
        while running.poll() is None and not list((tmp_path / "both").glob("inference_outputs/*/*.jsonl")):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
        second.lose_power()
        assert running.wait(timeout=400) == 0, (tmp_path / "log").read_text()[-3000:]
    assert "2 Ray workers on 2 machines" in (tmp_path / "log").read_text()
    for folder in ("inference_outputs", "data_grpo/made"):
        assert contents(tmp_path / "both" / folder) == contents(tmp_path / "alone" / folder)
    assert json.loads((tmp_path / "both/data_grpo/made/manifest.json").read_text())["rows_out"] == 30


def test_a_cluster_that_asks_for_a_token_says_so(cluster, environment, tiny_model, tmp_path):
    first, _ = cluster
    engine = ["--engine", "ray", "--ray_address", f"{first.address}:{PORT}"]
    without = {name: value for name, value in environment.items() if name != "RAY_AUTH_MODE"}
    done = subprocess.run(
        [*first.before, *command(tmp_path, tiny_model, *engine)],
        env=without, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "requires a token" in done.stderr
    assert "Set RAY_AUTH_MODE=token" in done.stderr
