"""docs/trl_versions.md says of TRL 1.16 what the installed one says, and of the presets what they state."""

import json
import re

import pytest
import yaml

from bleuberi.training.settings.conflicts import REMOVED
from bleuberi.training.settings.drift import installed_defaults
from bleuberi.training.settings.words import PRESETS
from tests.conftest import ROOT
from tests.unit.training.deciding_fields import DECIDING

pytest.importorskip("trl")

TABLES = (ROOT / "docs/trl_versions.md").read_text().split("## GRPO, field by field")[1].split("## What no field")[0]
GRPO, SFT = TABLES.split("## SFT, where")


def table(text):
    """field -> (0.17, 1.16, preset), as they are written."""
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|", text, re.MULTILINE)
    return {name: [cell.strip("`") for cell in cells] for name, *cells in rows}


@pytest.mark.parametrize(("method", "text"), [("grpo", GRPO), ("sft", SFT)])
def test_the_tables_are_true(method, text):
    defaults = installed_defaults(method).fields
    preset = yaml.safe_load((PRESETS / f"{method}_paper.yaml").read_text())
    rows = table(text)
    assert len(rows) > 10
    for name, (_, now, stated) in rows.items():
        assert now == (json.dumps(defaults[name]) if name in defaults else "-"), name
        assert json.loads(stated) == preset[name], name


def test_every_deciding_field_has_its_row():
    assert table(GRPO).keys() == DECIDING["grpo"]
    assert DECIDING["sft"] <= table(SFT).keys() | table(GRPO).keys()
    # A row that stands once for both is true of both.
    sft, preset = installed_defaults("sft").fields, yaml.safe_load((PRESETS / "sft_paper.yaml").read_text())
    for name in DECIDING["sft"] - table(SFT).keys():
        _, now, stated = table(GRPO)[name]
        assert (json.loads(now), json.loads(stated)) == (sft[name], preset[name]), name


def test_the_fields_that_are_gone_are_those_the_command_knows():
    told = (ROOT / "docs/trl_versions.md").read_text().split("## Gone since 0.17")[1]
    gone = [name for row in re.findall(r"^\| (`.+?`) \|", told, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert len(gone) > 10
    assert set(gone) <= REMOVED.keys()
