"""The help of `bleuberi train`: our own flags come from the config that TRL's parser reads."""

from dataclasses import MISSING, fields

import pytest

from bleuberi.cli.train import make_parser
from bleuberi.training.config import CommonConfig, RunConfig, SftRunConfig

TRLS = {"--config", "--model_name_or_path", "--output_dir", "--push_to_hub"}
NOT_A_RUNS = {"-h", "--json"}
USED = {
    "grpo": {one.name for one in fields(RunConfig)},
    "sft": {one.name for one in fields(CommonConfig)} | {"chat_template_kwargs"},
    "dpo": {one.name for one in fields(CommonConfig)} | {"chat_template_kwargs"},
}


def listed(method):
    """Flag -> argparse's action."""
    return {action.option_strings[0]: action for action in make_parser(method)._actions}


@pytest.mark.parametrize("method", USED)
def test_every_setting_of_ours_that_a_method_uses_is_listed_with_its_default(method):
    flags = listed(method)
    assert flags.keys() - TRLS - NOT_A_RUNS == {f"--{name}" for name in USED[method]}
    for one in fields(SftRunConfig):
        if one.name in USED[method]:
            default = one.default if one.default is not MISSING else one.default_factory()
            assert flags[f"--{one.name}"].default == default
            assert flags[f"--{one.name}"].help == one.metadata["help"]


@pytest.mark.parametrize("method", USED)
def test_a_parser_of_trl_changes_no_help(method):
    """It replaces the annotations of the fields by the classes that they name."""
    trl = pytest.importorskip("trl")
    before = make_parser(method).format_help()
    trl.TrlParser((SftRunConfig,))
    assert make_parser(method).format_help() == before
    assert fields(CommonConfig)[0].type is str


def test_trls_parser_reads_the_flags_as_they_are_listed():
    trl = pytest.importorskip("trl")
    words = ["--low_signal_gate", "--reasoning", "false", "--reward_funcs", "bleu", "rouge", "--dev_every", "3"]
    (run,) = trl.TrlParser((RunConfig,)).parse_args_and_config(words)
    assert run == RunConfig(low_signal_gate=True, reward_funcs=["bleu", "rouge"], dev_every=3)


@pytest.mark.parametrize("method", USED)
def test_the_flags_of_trl_that_are_listed_exist(method):
    trl = pytest.importorskip("trl")
    args = {"grpo": trl.GRPOConfig, "sft": trl.SFTConfig, "dpo": trl.DPOConfig}[method]
    names = {one.name for kind in (args, trl.ModelConfig) for one in fields(kind)}
    assert {flag.removeprefix("--") for flag in TRLS} - names == {"config"}
