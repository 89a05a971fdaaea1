"""A TRL that has other defaults or fields than the presets were written for is noticed, and told or refused."""

import json
import logging

import pytest

from bleuberi.errors import UserError
from bleuberi.training.settings import drift as trl_drift
from bleuberi.training.settings import read as run_config
from bleuberi.training.settings.drift import (
    Defaults,
    changes,
    check_drift,
    installed_defaults,
    recorded_defaults,
    write_record,
)
from bleuberi.training.settings.read import read_settings

pytest.importorskip("trl")

NOW = {"trl": "1.17.0", "transformers": "5.18.0"}
WORDS = ["--config", "grpo_cpu", "--model_name_or_path", "m", "--dataset_path", "d"]


def altered(changed=(), gone=(), method="grpo"):
    fields = {**recorded_defaults(method).fields, **dict(changed)}
    return Defaults(NOW, {name: value for name, value in fields.items() if name not in gone})


def test_the_record_is_what_the_command_writes(tmp_path):
    write_record(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == trl_drift.RECORD.read_text()


@pytest.mark.parametrize("method", ["grpo", "sft", "dpo"])
def test_the_installed_trl_is_the_one_the_presets_were_written_for(method):
    assert changes(recorded_defaults(method), installed_defaults(method)) == []
    assert check_drift("x.yaml", {}, recorded_defaults(method), installed_defaults(method)) is None


def test_what_differs_is_told_field_by_field():
    installed = altered({"beta": 0.04, "epsilon": 0.1, "new_loss_term": 0.5}, gone=["delta"])
    told = check_drift("x.yaml", {"beta": 0.0}, recorded_defaults("grpo"), installed)
    assert told == (
        "The presets were written for trl 1.16.0 and transformers 5.17.0; trl 1.17.0 and transformers 5.18.0 differs: "
        "beta was 0.0 by default, is 0.04 now (your settings state it); delta is gone; "
        "epsilon was 0.2 by default, is 0.1 now; new_loss_term is new, 0.5 by default."
    )


def test_fields_that_decide_nothing_are_not_told():
    assert check_drift("x", {}, recorded_defaults("sft"), altered({"logging_steps": 1}, ["run_name"], "sft")) is None


def test_a_stated_field_that_is_gone_is_refused():
    with pytest.raises(UserError) as caught:
        check_drift("my.yaml", {"loss_type": "bnpo", "seed": 1}, recorded_defaults("grpo"), altered(gone=["loss_type"]))
    assert caught.value.what == (
        "my.yaml states loss_type, which trl 1.17.0 and transformers 5.18.0 no longer has; "
        "it was written for trl 1.16.0 and transformers 5.17.0."
    )
    assert caught.value.cure.startswith("Install those: trl==1.16.0 transformers==5.17.0; or ")


def test_training_tells_the_difference_once(monkeypatch, caplog):
    monkeypatch.setattr(run_config, "installed_defaults", lambda method: altered({"min_p": 0.1}))
    with caplog.at_level(logging.WARNING, "bleuberi"):
        read_settings("grpo", WORDS)
    (record,) = caplog.records
    assert "min_p was null by default, is 0.1 now (your settings state it)." in record.getMessage()
    caplog.clear()
    read_settings("grpo", WORDS, problems=[])  # the doctor's call: it reports the difference itself
    assert caplog.records == []


def test_training_refuses_a_preset_whose_field_is_gone(monkeypatch, tmp_path):
    monkeypatch.setattr(run_config, "installed_defaults", lambda method: altered(gone=["entropy_coef"]))
    with pytest.raises(UserError, match=r"grpo_cpu\.yaml states entropy_coef, which trl 1\.17\.0"):
        read_settings("grpo", WORDS)


def test_the_record_names_the_pinned_trl():
    from tests.conftest import ROOT

    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    versions = json.loads(trl_drift.RECORD.read_text())["versions"]
    assert versions == {name: pins[name] for name in versions}
