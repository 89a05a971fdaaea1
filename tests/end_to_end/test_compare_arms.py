"""`bleuberi compare` with arms that start from another arm's weights, or train on scored samples."""

import json
import os
import signal

import pytest

from bleuberi.artifacts import json_hash
from bleuberi.comparison.protocol import read_protocol
from bleuberi.comparison.rerun import rerun
from bleuberi.comparison.run import open_workshop
from tests.end_to_end.comparisons import Killed, lines, no_demo, options, quietly
from tests.end_to_end.experiment import write_pools, write_protocol
from tests.unit.comparison.test_inputs import eager

pytest.importorskip("trl")
pytestmark = pytest.mark.slow


def test_a_run_starts_from_another_ones_weights_which_are_trained_again_if_they_are_gone(tiny_model, tmp_path):
    write_pools(tmp_path)
    arms = {
        "base": {"kind": "base"},
        "sft": {"kind": "sft", "seeds": [3]},
        "sft_grpo": {"kind": "grpo", "start": "sft", "seeds": [3], "settings": {"max_steps": 2}},
    }
    primary = {"arm": "sft_grpo", "against": "sft", "metric": "bleu"}
    protocol = write_protocol(tmp_path / "third/protocol.yaml", tiny_model, arms=arms, primary=primary)
    cache = tmp_path / "cache"
    assert quietly(protocol, cache, only=("sft",)).missing == ["base", "sft_grpo@3"]
    read = read_protocol(protocol)
    sft = next(run for run in read.runs if run.name == "sft@3")
    entry = open_workshop(read, cache, no_demo).entry(sft)
    assert (entry.weights / "model.safetensors").is_file(), "sft_grpo@3 starts from it"
    record = entry.trained.read_bytes()
    entry.drop_weights()
    outcome = quietly(protocol, cache)
    assert outcome.missing == []
    assert entry.trained.read_bytes() == record, "the second training came out the same, and its cost is not counted"
    assert not entry.weights.exists()
    costs = {
        name: json.loads((protocol.parent / f"runs/{name}/cost.json").read_text()) for name in ("sft@3", "sft_grpo@3")
    }
    assert costs["sft_grpo@3"]["start"] == costs["sft@3"]["total"]
    total = costs["sft_grpo@3"]["training"]["backward"]["tokens"] + costs["sft@3"]["total"]["backward"]["tokens"]
    assert costs["sft_grpo@3"]["total"]["backward"]["tokens"] == total
    manifest = json.loads((protocol.parent / "runs/sft_grpo@3/manifest.json").read_text())
    start = json.loads((protocol.parent / "runs/sft@3/manifest.json").read_text())
    assert manifest["config"]["training"]["start"] == json_hash(start["config"]["training"])


def test_arms_of_scored_samples_are_killed_resumed_and_counted(tiny_model, tmp_path):
    """SFT on the best samples, and DPO on the best and the worst: one killed while it draws, one while it trains."""
    write_pools(tmp_path)
    sampled = {"seeds": [1], "samples": 4}
    arms = {"base": {"kind": "base"}, "best": {"kind": "bestof", **sampled}, "dpo": {"kind": "dpo", **sampled}}
    primary = {"arm": "dpo", "against": "best", "metric": "bleu"}
    model = eager(tiny_model, tmp_path)
    steps = {"save_steps": 1, "per_device_train_batch_size": 2}
    settings = {
        "bestof": {"config": "sft_cpu", "max_steps": 2, **steps},
        "dpo": {"config": "dpo_cpu", "max_steps": 8, "learning_rate": 5e-3, "gradient_accumulation_steps": 1, **steps},
    }
    protocol = write_protocol(tmp_path / "best/protocol.yaml", model, arms=arms, primary=primary, settings=settings)
    drawing = Killed(tmp_path, protocol, "--only", "best@1")
    drawing.wait_for("cache/experiments/data/*/inference_outputs")
    os.kill(drawing.child(), signal.SIGKILL)
    assert "The data of best was killed (SIGKILL)." in drawing.process.communicate(timeout=300)[0]
    assert quietly(protocol, tmp_path / "cache", only=("best",)).made == ["best@1"]
    training = Killed(tmp_path, protocol, "--only", "dpo@1")
    training.wait_for_step(3)
    os.kill(training.child(), signal.SIGKILL)
    assert "dpo@1: training was killed (SIGKILL)." in training.process.communicate(timeout=300)[0]
    assert quietly(protocol, tmp_path / "cache").made == ["base", "dpo@1"]
    logs = [path.read_text() for path in tmp_path.glob("cache/experiments/models/*/log.txt")]
    assert sum(text.count("Going on from") for text in logs) == 1
    found = rerun(options(protocol, tmp_path / "cache"), "dpo@1", lambda line: None)
    assert (found.equal, found.same_weights) == (True, True)
    costs = {name: json.loads((protocol.parent / f"runs/{name}@1/cost.json").read_text()) for name in ("best", "dpo")}
    assert costs["dpo"]["data"]["generated"] == costs["best"]["data"]["generated"]
    log = [entry for entry in lines(protocol.parent / "runs/dpo@1/metrics.jsonl") if "num_tokens" in entry]
    passes = costs["dpo"]["training"]["backward"]
    assert (len(log), passes["tokens"]) == (8, log[-1]["num_tokens"])
    assert 8 * 2 < passes["sequences"] <= 8 * 2 * 2, "two pairs per step, of two responses; fewer at an epoch's end"
    assert costs["dpo"]["training"]["forward"] == passes, "the reference model reads what the policy reads"
    manifest = json.loads((protocol.parent / "runs/dpo@1/manifest.json").read_text())
    assert manifest["config"]["training"]["method"] == "dpo"
    assert manifest["config"]["training"]["data"]["rows"] == "best and worst of samples"
    cost = costs["best"]
    assert cost["data"]["generated"]["sequences"] == 32
    assert cost["total"]["generated"]["tokens"] == cost["data"]["generated"]["tokens"] > 0
    assert cost["training"]["backward"]["sequences"] > 0
    manifest = json.loads((protocol.parent / "runs/best@1/manifest.json").read_text())
    assert manifest["config"]["training"]["method"] == "bestof"
    assert manifest["config"]["training"]["data"]["drawn"]["num_samples"] == 4
