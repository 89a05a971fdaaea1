"""Text of models cannot drive a terminal: every control and override shows as its number, wherever it is printed."""

import ast
import json
import logging
import unicodedata

import pytest

from bleuberi.cli import agreement, data_check, explain
from bleuberi.cli.logs import talk_on_stderr
from bleuberi.cli.parser import run
from bleuberi.errors import UserError
from bleuberi.plain_text import one_line, plain, say
from bleuberi.view.markdown import markdown_table
from bleuberi.view.parts import Cell, Table
from bleuberi.view.terminal import print_table
from tests.conftest import ROOT

ANSI = "\x1b[31mred\x1b[0m \x1b]0;title\x07"
BIDI = "user\u202egpj.exe\u2066 isolate\u2069"
EVIL = f"{ANSI} {BIDI} \x9b2J zero\u200bwidth [bold]markup[/bold] <script>alert(1)</script>"
HARMFUL = {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u2069", "\u200b"}


def test_every_control_override_and_surrogate_is_escaped():
    for code in range(0x110000):
        char = chr(code)
        unsafe = unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"
        unsafe |= unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        if unsafe:
            shown = plain(char)
            assert shown.startswith("\\"), hex(code)
            assert shown.isascii()


def test_words_of_all_scripts_stay():
    text = "tab\tline\nनमस्ते می‌خواهم עברית 日本語 👩‍👩‍👧 e\u0301"
    assert plain(text) == text
    assert plain("a\r\nb") == "a\nb"
    assert one_line("a\n b\x1b[0m", 6) == "a b\\x…"


def test_say_and_errors_and_messages(capsys):
    say(EVIL)
    talk_on_stderr()
    logging.getLogger("bleuberi.test").warning("prompt %s", EVIL)

    def fail(_):
        raise UserError(EVIL, EVIL)

    assert run(fail, []) == 2
    printed = capsys.readouterr()
    assert not HARMFUL & set(printed.out + printed.err)
    assert "\\x1b[31mred" in printed.out
    assert "\\u202egpj" in printed.err


def test_explain_shows_escape_codes_as_text(capsys, tmp_path):
    words = ["--prompt", EVIL, "--response", f"the cat {EVIL}", "--reference", f"{EVIL} the cat"]
    assert explain.main(words) == 0
    printed = capsys.readouterr().out
    assert not HARMFUL & set(printed)
    assert "[bold]" in printed
    assert explain.main([*words, "--json"]) == 0
    assert "\x1b" in "".join(json.loads(capsys.readouterr().out)["tokens"])  # JSON carries it, and prints as ASCII


def test_data_check_and_tables(capsys, write_pool, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal cuts long cells
    pool = write_pool([{"id": f"r{n}\x1b[2J", "prompt": EVIL, "ref_output_gold": EVIL} for n in range(3)])
    assert data_check.main([str(pool)]) == 0
    print_table(Table("models", EVIL, ["model", "n"], [[Cell(EVIL), Cell("1", 1.0)]]))
    printed = capsys.readouterr().out
    assert not HARMFUL & set(printed)
    assert "[bold]" in printed
    assert (
        markdown_table(Table("t", "", ["a"], [[Cell("x|\n<script>\x1b")]])).splitlines()[2]
        == "| x\\| &lt;script>\\x1b |"
    )


def test_agreement_names_scores_as_text(capsys, tmp_path):
    pytest.importorskip("scipy")
    rows = [
        {"prompt": f"p{n}", "response_a": "a b c", "response_b": "a d", "winner": "model_a", "source": EVIL,
         "ref_output_gold": "a b", "evil\x1b[31m_a": 1.0, "evil\x1b[31m_b": 0.0}
        for n in range(6)
    ]  # fmt: skip
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--preferences", str(path), "--output_dir", str(tmp_path / "out"), "--rewards", "bleu", "--no_figures"]
    words += ["--resamples", "20", "--curve_orders", "0", "--score_columns", "evil\x1b[31m"]
    assert agreement.main(words) == 0
    printed = capsys.readouterr().out
    assert not HARMFUL & set(printed)
    assert "evil\\x1b[31m" in printed


def test_commands_print_with_say_only():
    """`print` of a command would pass a model's words on as they are."""
    for path in sorted((ROOT / "src/bleuberi/cli").glob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        bare = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert not bare, f"{path.name}, lines {bare}: use bleuberi.plain_text.say"
