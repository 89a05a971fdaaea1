"""Requests with another value in one field, and the fields that cannot change a result, with the reason."""

import dataclasses

import pytest

from bleuberi.agreement.config import PairsConfig, SystemsConfig
from bleuberi.agreement.config import ReferencesConfig as AgreementOfReferences
from bleuberi.check.run import CheckConfig
from bleuberi.data.add_references import ReferencesConfig
from bleuberi.data.import_pool import ImportConfig
from bleuberi.data.layouts import Layout
from bleuberi.errors import UserError
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.generation import EngineOptions
from bleuberi.generation.options import JudgeConfig
from bleuberi.selection.config import GrpoDataConfig
from bleuberi.selection.sft_pairs import SftDataConfig

PLACE = "where the result goes, or is cached"
WHETHER = "whether a result is replaced"
ROWS = "the request has a hash of the rows that were read"
SPEED = "how fast, or with which permission, a model answers, and not what"
ENGINE = "engines share responses by design: a response is that of a model and a sampling"
HUB = dict.fromkeys(("push_to_hub", "hub_public"), "where the result is uploaded to")

CANNOT_CHANGE = {
    GrpoDataConfig: {"output_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "engine": ENGINE, **HUB},
    EngineOptions: {
        "concurrency": SPEED, "timeout_seconds": SPEED, "api_key_env": SPEED, "trust_remote_code": SPEED,
        "ray_engine": ENGINE, "cluster": ENGINE,
    },
    SftDataConfig: {"output_dir": PLACE, "overwrite": WHETHER, **HUB},
    ImportConfig: {"output": PLACE, "overwrite": WHETHER, "split": ROWS, "subset": ROWS},
    Layout: dict.fromkeys(("known", "flat_trees"), "found in the files, and part of the sentence in the request"),
    ReferencesConfig: {
        "output": PLACE, "cache_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "engine": ENGINE,
    },
    CheckConfig: {"output_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "against_split": ROWS},
    EvaluationConfig: {
        "output_dir": PLACE, "cache_dir": PLACE, "overwrite": WHETHER, "split": ROWS, "engine": ENGINE,
        "prompts": "a file may be elsewhere; the request has the hash of its content",
        "lm_eval": "its results have a request of their own, for each model", "lm_eval_args": "as lm_eval",
        "retention": "a file may be elsewhere; the request has the hash of its prompts (retention_settings)",
    },
    JudgeConfig: {"pairs": "each pair is judged and cached by itself, and the result has those that were asked for"},
    PairsConfig: {"output_dir": PLACE, "overwrite": WHETHER},
    AgreementOfReferences: {"output_dir": PLACE, "overwrite": WHETHER},
    SystemsConfig: {"output_dir": PLACE, "overwrite": WHETHER},
}  # fmt: skip


def every_field(config, changes):
    """(field, config with another value); a field without a change and without a reason fails."""
    reasons = CANNOT_CHANGE.get(type(config), {})
    names = {field.name for field in dataclasses.fields(config)}
    assert names == reasons.keys() | changes.keys(), "a field is neither changed here nor explained"
    assert not reasons.keys() & changes.keys()
    return [(name, dataclasses.replace(config, **{name: value})) for name, value in changes.items()]


def refused(make, config):
    with pytest.raises(UserError, match=r"already exists with different settings \(.*existing .*, requested "):
        make(config)
