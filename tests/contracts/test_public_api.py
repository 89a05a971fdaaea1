"""The public API: imports that stay. The table in docs/architecture.md names the same."""

import importlib
import re

import pytest

from tests.conftest import ROOT

PUBLIC = {
    "bleuberi.rewards": ("REWARDS", "Bleu", "BleuRougeF1", "References", "Reward", "RougeL", "load_reward"),
    "bleuberi.rewards.adapters": ("OpenRlhfReward", "RubricReward", "VerifiersReward", "VerlScore"),
    "bleuberi.generation": ("ENGINES", "EngineOptions", "cached_engine", "load_engine"),
    "bleuberi.generation.base": ("Output", "Sampling"),
    "bleuberi.artifacts": ("read_manifest",),
    "bleuberi.errors": ("MissingExtraError", "UserError"),
}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_can_be_imported_and_are_documented(module):
    found = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert hasattr(found, name), f"{module} lost {name}"


def test_the_documented_table_names_exactly_these():
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.split("## Public API")[1]
    documented = {
        module: tuple(re.findall(r"`(\w+)`", names))
        for module, names in re.findall(r"^\| `(bleuberi[\w.]*)` \| (.*?) \|", table, re.M)
    }
    assert documented == PUBLIC
