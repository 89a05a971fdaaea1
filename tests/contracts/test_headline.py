"""README's results are the committed evaluations', and each evaluation is of all runs that its protocol asks for."""

import re
import runpy
from dataclasses import replace

import pytest
import yaml

from tests.conftest import ROOT

QUOTED = re.compile(r"<!-- (experiments/\S+/table\.md) -->\n(.+?)\n<!-- end -->", re.DOTALL)
MADE = runpy.run_path(str(ROOT / "docs/make_result.py"))


def test_the_tables_are_those_of_the_experiments():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == MADE["page"](readme, MADE["read"]()), "type: make docs"


def test_a_page_quotes_the_table_of_an_experiment_word_for_word():
    quoted = {
        (page, match[1]): match[2].strip()
        for page in (ROOT / "docs").glob("*.md")
        for match in QUOTED.finditer(page.read_text(encoding="utf-8"))
    }
    assert quoted
    for (page, table), lines in quoted.items():
        assert lines in (ROOT / table).read_text(encoding="utf-8"), page


@pytest.mark.parametrize("name", MADE["EXPERIMENTS"])
def test_the_experiment_has_every_run_of_its_protocol(name):
    folder = ROOT / "experiments" / name
    protocol = yaml.safe_load((folder / "protocol.yaml").read_text())
    asked = {
        f"{arm}@{seed}" if "seeds" in settings else arm
        for arm, settings in protocol["arms"].items()
        for seed in settings.get("seeds", [0])
    }
    assert {model.name for model in MADE["read"]()[name].models} == asked
    assert {path.name for path in (folder / "runs").iterdir()} == asked


@pytest.mark.parametrize("name", MADE["EXPERIMENTS"])
def test_the_table_follows_its_evaluation(name):
    """Another number in the evaluation is another table, whatever it says."""
    evaluation = MADE["read"]()[name]
    group = evaluation.groups[3]
    mean = {**group.mean, "facts": replace(group.mean["facts"], value=0.123)}
    changed = replace(evaluation, groups=(*evaluation.groups[:3], replace(group, mean=mean)))
    assert "| 0.123 |" in MADE["result"](changed)
    assert MADE["result"](changed) != MADE["result"](evaluation)
