"""README's result is the committed evaluation's, and the evaluation is of all runs that the protocol asks for."""

import json
import runpy

import yaml

from tests.conftest import ROOT

MADE = runpy.run_path(str(ROOT / "docs/make_result.py"))


def test_the_table_is_that_of_the_experiment():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == MADE["page"](readme, MADE["read"]()), "type: make docs"


def test_the_experiment_has_every_run_of_its_protocol():
    protocol = yaml.safe_load((MADE["EXPERIMENT"] / "protocol.yaml").read_text())
    asked = {
        f"{name}@{seed}" if "seeds" in arm else name
        for name, arm in protocol["arms"].items()
        for seed in arm.get("seeds", [0])
    }
    assert {model["name"] for model in MADE["read"]()["models"]} == asked
    assert {path.name for path in (MADE["EXPERIMENT"] / "runs").iterdir()} == asked


def test_the_table_follows_its_evaluation():
    """Another number in the evaluation is another table, whatever it says."""
    evaluation = MADE["read"]()
    changed = json.loads(json.dumps(evaluation))
    changed["groups"][3]["mean"]["facts"]["value"] = 0.123
    assert "| 0.123 |" in MADE["result"](changed)
    assert MADE["result"](changed) != MADE["result"](evaluation)
