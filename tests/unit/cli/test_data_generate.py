"""`bleuberi data generate`: the pool, its manifest, what is reused and refused, and a flag for each dial."""

import dataclasses
import hashlib
import json

import pytest

from bleuberi.cli.data_generate import main, make_parser
from bleuberi.data.pool import read_pool
from bleuberi.demo.facts_pool import PRESETS, Dials, generate, preset
from bleuberi.errors import UserError


def test_the_pool_and_its_manifest(tmp_path, capsys):
    path = tmp_path / "facts.jsonl"
    words = ["--output", str(path), "--rows", "12", "--seed", "3", "--references", "2", "--split", "dev"]
    assert main(words) == 0
    assert "12 rows in" in capsys.readouterr().out
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows == list(generate(Dials(rows=12, seed=3, references=2, split="dev")))
    assert read_pool(str(path), ["gold", "writer_2"]).name == "facts"
    manifest = json.loads((tmp_path / "facts.manifest.json").read_text())
    assert manifest["kind"] == "generated_pool"
    assert manifest["rows"] == 12
    assert manifest["config"] == {"preset": "learn", **Dials(rows=12, seed=3, references=2, split="dev").settings()}
    assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_command_reuses_and_another_is_refused(tmp_path, capsys):
    path = tmp_path / "facts.jsonl"
    words = ["--output", str(path), "--rows", "5", "--json"]
    assert main(words) == 0
    assert main(words) == 0
    made = path.stat().st_mtime_ns
    with pytest.raises(UserError, match="already exists"):
        main([*words, "--seed", "2"])
    assert path.stat().st_mtime_ns == made
    before = path.read_bytes()
    assert main([*words, "--seed", "2", "--overwrite"]) == 0
    assert path.read_bytes() != before


def test_reused_is_told(tmp_path, capsys):
    words = ["--output", str(tmp_path / "facts.jsonl"), "--rows", "5", "--json"]
    told = []
    for _ in range(2):
        assert main(words) == 0
        told.append(json.loads(capsys.readouterr().out)["reused"])
    assert told == [False, True]


def test_dials_change_a_preset(tmp_path):
    path = tmp_path / "facts.jsonl"
    assert main(["--output", str(path), "--rows", "4", "--preset", "nothing", "--noise_words", "5"]) == 0
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows == list(generate(preset("nothing", rows=4, noise_words=5)))
    assert all(len(row["ref_output_gold"].split()) == 5 for row in rows)


def test_every_dial_has_a_flag_whose_help_tells_its_default_and_every_preset_is_explained():
    text = " ".join(make_parser().format_help().split())
    flags = {flag: action for action in make_parser()._actions for flag in action.option_strings}
    for field in dataclasses.fields(Dials):
        assert f"(default: {field.default})" in flags[f"--{field.name}"].help
    assert all(name in text for name in PRESETS)
