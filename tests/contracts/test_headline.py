"""README's results are the committed evaluations', and each evaluation is of all runs that its protocol asks for."""

import json
import runpy

import pytest
import yaml

from tests.conftest import ROOT

MADE = runpy.run_path(str(ROOT / "docs/make_result.py"))


def test_the_tables_are_those_of_the_experiments():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == MADE["page"](readme, MADE["read"]()), "type: make docs"


@pytest.mark.parametrize("name", MADE["EXPERIMENTS"])
def test_the_experiment_has_every_run_of_its_protocol(name):
    folder = ROOT / "experiments" / name
    protocol = yaml.safe_load((folder / "protocol.yaml").read_text())
    asked = {
        f"{arm}@{seed}" if "seeds" in settings else arm
        for arm, settings in protocol["arms"].items()
        for seed in settings.get("seeds", [0])
    }
    assert {model["name"] for model in MADE["read"]()[name]["models"]} == asked
    assert {path.name for path in (folder / "runs").iterdir()} == asked


@pytest.mark.parametrize("name", MADE["EXPERIMENTS"])
def test_the_table_follows_its_evaluation(name):
    """Another number in the evaluation is another table, whatever it says."""
    evaluation = MADE["read"]()[name]
    changed = json.loads(json.dumps(evaluation))
    changed["groups"][3]["mean"]["facts"]["value"] = 0.123
    assert "| 0.123 |" in MADE["result"](changed)
    assert MADE["result"](changed) != MADE["result"](evaluation)
