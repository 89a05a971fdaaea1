"""Flags come from the fields of frozen dataclasses: type, default, choices and help are written once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest

from bleuberi.agreement.config import PairsConfig
from bleuberi.check.config import CheckConfig
from bleuberi.cli import (
    agreement,
    card,
    create_training_data,
    data_best,
    data_check,
    data_export,
    data_generate,
    data_import,
    doctor,
    evaluate,
    headroom,
    references,
    report,
)
from bleuberi.cli.engine_flags import take_engine_options
from bleuberi.cli.judge_flags import take_judge
from bleuberi.cli.parser import Parser, add_flags, take
from bleuberi.data.config import DPO, ExportConfig, ImportConfig, ReferencesConfig
from bleuberi.data.export.recipes import command
from bleuberi.data.export.rows import TARGETS
from bleuberi.demo.facts_pool import Dials
from bleuberi.doctor.config import Asked
from bleuberi.errors import UserError
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.controls import read_controls
from bleuberi.flags import flag
from bleuberi.generation.base import Sampling
from bleuberi.report.config import CardConfig, ReportConfig
from bleuberi.selection.config import GrpoDataConfig, SamplesConfig, SftDataConfig
from bleuberi.selection.modes import MODES


@dataclass(frozen=True, slots=True)
class Settings:
    source: Path = field(metadata={"help": "required"})
    rows: int | None = flag(None, "a number", least=1)
    share: float = flag(0.5, "a share of 100 %")
    names: tuple[str, ...] = flag(("a", "b"), "some names", metavar="NAME")
    options: dict[str, str] = flag({}, "pairs")
    loud: bool = flag(False, "a switch")
    mode: str = flag("easy", "a mode", choices=("easy", "hard"))
    inner: int = 7  # no help, so no flag


def parser(**more):
    made = Parser("test", "A test.")
    add_flags(made, Settings, **more)
    return made


def read(*words, **more):
    return take(vars(parser(**more).parse_args(words)), Settings)


def test_defaults_are_those_of_the_dataclass():
    assert read("--source", "x") == Settings(Path("x"))


def test_values_get_the_types_of_the_fields():
    words = ["--source", "x", "--rows", "3", "--share", "0.25", "--names", "c", "--loud", "--mode", "hard"]
    assert read(*words) == Settings(Path("x"), 3, 0.25, ("c",), {}, True, "hard")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: --source"),
        (["--source", "x", "--rows", "0"], "0 must be at least 1"),
        (["--source", "x", "--mode", "odd"], "invalid choice: 'odd'"),
        (["--source", "x", "--inner", "1"], "unrecognized arguments: --inner"),
    ],
)
def test_what_no_field_allows_is_refused(words, message):
    with pytest.raises(UserError, match=message):
        read(*words)


def test_help_shows_each_default_as_it_would_be_typed():
    text = " ".join(parser().format_help().split())
    assert "a share of 100 % (default: 0.5)" in text
    assert "some names (default: a b)" in text
    assert "a number --share" in text  # None, {} and False are not shown
    assert "pairs --loud" in text


def test_names_prefix_and_types_choose_and_change_flags():
    made = Parser("test", "A test.")
    add_flags(made, Settings, ["rows", "options"], prefix="my_", options=lambda word: dict([word.split("=")]))
    given = vars(made.parse_args(["--my_rows", "2", "--my_options", "a=b"]))
    assert given == {"my_rows": 2, "my_options": {"a": "b"}}
    assert take(given, Settings, "my_", source=Path("x")) == Settings(Path("x"), 2, options={"a": "b"})
    assert given == {}


def test_an_unset_flag_leaves_no_value_but_shows_its_default():
    made = parser(names=["rows", "share"], unset=True)
    assert vars(made.parse_args(["--rows", "1"])) == {"rows": 1}
    assert "a share of 100 % (default: 0.5)" in " ".join(made.format_help().split())


COMMANDS = {
    "data grpo": (create_training_data.grpo_parser("x"), "", GrpoDataConfig()),
    "data sft": (create_training_data.sft_parser("x"), "--input_data_path d", SftDataConfig(Path("d"))),
    "data bestof": (data_best.make_parser("bestof"), "--input_data_path d", SamplesConfig("d")),
    "data pairs": (data_best.make_parser("pairs"), "--input_data_path d", SamplesConfig("d")),
    "headroom": (headroom.make_parser(), "--input_data_path d", SamplesConfig("d")),
    "data check": (data_check.make_parser(), "p", CheckConfig("p")),
    "data import": (data_import.make_parser(), "f g --output o", ImportConfig(("f", "g"), Path("o"))),
    "data export": (
        data_export.make_parser(), "s --to trl --output o.jsonl", ExportConfig("s", "trl", Path("o.jsonl"))
    ),
    "references": (
        references.make_parser(), "--hf_dataset_path p --model m --output o", ReferencesConfig("p", "m", Path("o"))
    ),
    "data generate": (data_generate.make_parser(), "--output o", Dials()),
    "doctor": (doctor.make_parser(), "", Asked()),
    "report": (report.make_parser(), "p q", ReportConfig((Path("p"), Path("q")))),
    "card": (card.make_parser(), "m", CardConfig(Path("m"))),
    "agreement": (
        agreement.parser(), "--preferences p --output_dir o", PairsConfig(preferences="p", output_dir=Path("o"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_without_optional_flags_makes_the_default_config(name):
    made, words, config = COMMANDS[name]
    arguments = vars(made.parse_args(words.split()))
    if "ray_engine" in arguments:
        take_engine_options(arguments)
    if "sampling" in {one.name for one in fields(config)}:
        arguments["sampling"] = take(arguments, Sampling)
    arguments.pop("arena", None)
    assert take(arguments, type(config)) == config


def test_evaluate_without_optional_flags_makes_the_default_config():
    arguments = vars(evaluate.make_parser().parse_args(["--models", "a=m", "--prompts", "p", "--output_dir", "o"]))
    take_engine_options(arguments)
    assert take_judge(arguments) is None
    arguments["controls"] = read_controls(arguments["controls"])
    assert take(arguments, EvaluationConfig) == EvaluationConfig(("a=m",), "p", output_dir=Path("o"))


def test_the_choices_of_to_are_the_shapes_of_data_export():
    assert set(ExportConfig.__dataclass_fields__["to"].metadata["choices"]) == {*TARGETS, DPO}
    with pytest.raises(KeyError, match="axolotl"):  # not the command of another trainer
        command("axolotl", Path("rows.jsonl"))


def test_the_choices_of_selection_mode_are_the_modes():
    assert set(GrpoDataConfig.__dataclass_fields__["selection_mode"].metadata["choices"]) == set(MODES)
