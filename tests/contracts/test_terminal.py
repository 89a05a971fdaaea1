"""Commands where output is not a wide UTF-8 terminal: narrow, without colours, another encoding, pipes, no stdin."""

import json
import os
import subprocess
import sys

import pytest

from bleuberi.cli.main import find_command
from bleuberi.cli.parser import say_json

WORDS = "Größe – 東京 …"
EXPLAIN = ["explain", "--response", WORDS, "--reference", WORDS]
CHECK = ["data", "check", "pool.jsonl"]
NARROW = {"NO_COLOR": "1", "COLUMNS": "40"}
LOCALES = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
]


def called(words, folder, **environment):
    """The command in a process of its own, its output a pipe, its standard input closed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONIOENCODING", "LC_ALL")}
    return subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", sys.executable, "-m", "bleuberi.cli.main", *words],
        cwd=folder, env={**kept, **environment}, capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("words", [["--help"], CHECK, EXPLAIN], ids=lambda words: words[0])
def test_narrow_piped_and_without_colours_or_stdin(words, pool_file):
    done = called(words, pool_file.parent, **NARROW)
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).decode("utf-8")
    assert "\x1b" not in said
    assert "\r" not in said
    for word in {"data": ["duplicate_prompt", "24 rows"], "explain": ["BLEU", "brevity"], "--help": ["demo"]}[words[0]]:
        assert word in said


@pytest.mark.parametrize("locale", LOCALES, ids=lambda locale: next(iter(locale.values())))
def test_another_encoding_shows_characters_by_their_number(locale, tmp_path):
    (tmp_path / "text").write_text(WORDS, encoding="utf-8")
    done = called(["explain", "--response", "@text", "--reference", "@text"], tmp_path, **locale)
    assert done.returncode == 0, done.stderr
    assert b"\\u6771" in done.stdout
    assert b"BLEU    1.0000" in done.stdout


def test_an_error_in_another_encoding_is_two_lines(tmp_path):
    done = called(["data", "check", "größe.jsonl"], tmp_path, **LOCALES[0])
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert b"gr\\xf6\\xdfe.jsonl" in done.stderr


def printed(words, capsys):
    """What the command prints, as one JSON document."""
    command, rest = find_command(words)
    assert command(rest) == 0
    return json.loads(capsys.readouterr().out)


def test_data_check_as_json(pool_file, tmp_path, capsys):
    told = printed(["data", "check", str(pool_file), "--output_dir", str(tmp_path / "out"), "--json"], capsys)
    assert told["rows"] == told["kept"] == 24
    assert told["table"] == json.loads((tmp_path / "out/check.json").read_text())["table"]
    assert str(tmp_path / "out/check.json") in told["files"]


def test_agreement_as_json(tmp_path, capsys):
    pair = {"response_a": "one", "response_b": "two", "ref_output_gold": "one more"}
    rows = [{**pair, "prompt": f"P{number}", "winner": "ab"[number % 2]} for number in range(4)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["agreement", "--preferences", str(tmp_path / "pairs.jsonl"), "--resamples", "20", "--json"]
    told = printed([*words, "--output_dir", str(tmp_path / "out"), "--no_figures", "--rewards", "bleu"], capsys)
    assert told["verdict"] == json.loads((tmp_path / "out/agreement.json").read_text())["verdict"]


def test_evaluate_and_its_cache_as_json(pool_file, tiny_model, tmp_path, capsys):
    words = ["evaluate", "--models", f"base={tiny_model}", f"same={tiny_model}", "--prompts", str(pool_file)]
    words += ["--max_new_tokens", "2", "--engine", "transformers", "--output_dir", str(tmp_path / "out"), "--json"]
    words += ["--controls", "echo"]  # the others ask the base again, with other settings
    told = printed(words, capsys)
    assert told["prompts"] == 24
    assert [model["name"] for model in told["models"]] == ["base", "same"]
    (cache,) = printed(["cache", "ls", str(tmp_path / "out"), "--json"], capsys)["caches"]
    assert cache["rows"] == 24
    assert cache["settings"]["model"]["model"] == str(tiny_model)


def test_json_has_null_for_what_is_no_number(capsys):
    say_json({"value": float("nan"), "values": (1.0, float("-inf")), "name": "a\x7f"})
    told = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert told == {"value": None, "values": [1.0, None], "name": "a\x7f"}
