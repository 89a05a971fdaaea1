"""A section's three printers: the same cells and sentences on the page, the terminal and in Markdown."""

import re

import pytest

from bleuberi.statistics import shown
from bleuberi.view.charts import intervals
from bleuberi.view.html import numbers, render
from bleuberi.view.markdown import markdown
from bleuberi.view.parts import Cell, Chart, Notice, Section, Table, count, estimated, share
from bleuberi.view.pictures import write_picture, write_pictures
from bleuberi.view.terminal import print_section

GAIN = {"value": 0.0214, "low": -0.004, "high": 0.0461}
TEX = r"$\frac{x$"


def section(rows=2):
    table = Table(
        "scores", "Scores of models", ["model", "gain", "rows", "cut", "signature"],
        [[Cell(f"model {n}"), estimated(GAIN, "+.3f"), count(1234 + n), share(0.25, 0), Cell("bleu|v:1")]
         for n in range(rows)],
        "made up", details=("signature",), wide=("cut",),
    )  # fmt: skip
    other = Table("more", "More of it", ["a", "b"], [[Cell("only there"), Cell("")]], only_page=True)
    notices = [Notice("verdict", "It is so."), Notice("note", "Few prompts."), Notice("warning", "Not alike.")]
    return Section("s-1", "made", "Made", "folder", notices=notices, tables=[table, other], signatures={"bleu": "v:1"})


def printed(made, width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    print_section(made)
    return capsys.readouterr().out


def test_every_printer_shows_the_same_cells_and_sentences(monkeypatch, capsys):
    pytest.importorskip("vl_convert")
    made = section()
    page, text, terminal = render([made], "t"), markdown(made), printed(made, 100, monkeypatch, capsys)
    for shown_text in ("Scores of models", "model 1", "+0.021 [-0.004, +0.046]", "1,235", "25%", "made up", "It is so.",
                       "Few prompts.", "Not alike."):  # fmt: skip
        assert all(shown_text in place for place in (page, text, terminal)), shown_text
    for detail in ("only there", "bleu|v:1"):
        assert detail in page
        assert detail not in text.replace("\\", "")
        assert detail not in terminal
    assert "Note: Few prompts." in text
    assert "Warning: Not alike." in terminal


def test_the_verdict_is_first_in_a_file_and_last_on_a_terminal(monkeypatch, capsys):
    made = section()
    assert markdown(made).startswith("It is so.\n")
    assert markdown(made).endswith("- bleu: `v:1`\n")
    assert printed(made, 100, monkeypatch, capsys).endswith("It is so.\n")


def test_a_narrow_terminal_leaves_out_wide_columns_and_never_cuts_a_number(monkeypatch, capsys):
    assert "25%" in printed(section(), 60, monkeypatch, capsys)
    narrow = printed(section(), 20, monkeypatch, capsys)
    assert "25%" not in narrow
    assert "+0.021 [-0.004, +0.046]" in narrow


def test_a_long_table_is_shortened_on_a_terminal_only(monkeypatch, capsys):
    made = section(rows=99)
    terminal = printed(made, 100, monkeypatch, capsys)
    assert "The first 60 of 99 rows" in terminal
    assert "model 59" in terminal
    assert "model 60" not in terminal
    assert "| model 98 |" in markdown(made)


def test_programs_get_the_bounds_of_an_interval():
    (row, _) = numbers([section()])["sections"][0]["tables"][0]["rows"]
    assert row == ["model 0", GAIN, 1234, 0.25, "bleu|v:1"]


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0), (None, None, 0)]
)
def test_one_rule_tells_the_sides_of_an_interval(low, high, expected):
    assert shown.side({"value": 0.0, "low": low, "high": high}) == expected
    assert shown.side({"value": 0.0, "low": -float("inf"), "high": float("inf")}) == 0


def test_a_picture_has_title_note_and_signature_and_tex_is_only_text(tmp_path):
    pytest.importorskip("vl_convert")
    rows = [{"name": TEX, "value": 20.0, "low": 10.0, "high": 40.0, "group": TEX}]
    made = Chart("c", f"Title {TEX}", intervals(rows, TEX, form=".1f", lines=[0, None]), "the note", "bleu|v:1")
    paths = write_pictures(tmp_path, [made], "p_")
    assert [path.name for path in paths] == ["p_c.png", "p_c.svg"]
    write_picture(tmp_path / "two.svg", [made, made], columns=2)
    write_picture(tmp_path / "again.svg", [made, made], columns=2)
    for name, copies in (("p_c.svg", 1), ("two.svg", 2)):
        svg = (tmp_path / name).read_text()
        for text in (f"Title {TEX}", "the note", "bleu|v:1"):
            assert len(re.findall(f">{re.escape(text)}<", svg)) == copies
        assert ">20.0<" in svg
        assert "2e+1" not in svg
    assert (tmp_path / "two.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
    assert (tmp_path / "p_c.png").read_bytes().startswith(b"\x89PNG")
