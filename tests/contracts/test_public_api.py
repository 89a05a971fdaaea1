"""The public API: imports that stay. The table in docs/architecture.md names the same."""

import importlib
import re
import sys

import pytest

from bleuberi.rewards import Bleu
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


def test_the_api_page_describes_exactly_these():
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    described = {}
    for directive, name in re.findall(r"^\.\. (\w+):: ([\w.]+)$", page, re.M):
        if directive == "currentmodule":
            names = described.setdefault(name, set())
        else:
            names.add(name)
    assert described == {module: set(names) for module, names in PUBLIC.items()}


@pytest.fixture
def renamed(tmp_path, monkeypatch):
    """A module whose public name `Blue` is now `bleuberi.rewards.Bleu`."""
    lines = (
        "from bleuberi.deprecation import moved_names",
        "__getattr__ = moved_names(__name__, {'Blue': 'bleuberi.rewards:Bleu'}, removed_in='0.3')",
    )
    (tmp_path / "renamed_in_a_test.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("renamed_in_a_test")
    del sys.modules["renamed_in_a_test"]


def test_an_old_name_still_works_and_the_caller_is_warned_with_the_new_one(renamed):
    with pytest.warns(DeprecationWarning, match=r"Blue is now bleuberi\.rewards\.Bleu; .* in bleuberi 0\.3") as warned:
        from renamed_in_a_test import Blue
    assert Blue is Bleu
    assert {warning.filename for warning in warned} <= {__file__, "<frozen importlib._bootstrap>"}
    with pytest.warns(DeprecationWarning, match="Blue is now") as warned:
        assert renamed.Blue is Bleu
    assert warned[0].filename == __file__


def test_a_name_that_never_was_is_an_import_error(renamed):
    with pytest.raises(ImportError, match="Green"):
        from renamed_in_a_test import Green  # noqa: F401
