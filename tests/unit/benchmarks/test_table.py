"""The table of `make benchmark`, and the one on paper."""

import re
import subprocess
import sys

import pytest
from benchmarks import on_paper, table

from tests.conftest import ROOT


def test_cheap_rows_give_one_table():
    words = [
        sys.executable,
        "-m",
        "benchmarks.table",
        "--quick",
        "--only",
        "import/polars",
        "near/100",
        "start/data-import",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    state, rows = done.stdout.split("\n\n")
    assert re.search(r" cores, .*\nLoad at the start .*; at the end .*\nMedians of 1 rounds", state)
    header, line, *cells = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows.splitlines())
    assert header == ["what", "ours", "peer or script", "its time over ours", "note"]
    assert line == ["---"] * 5
    found = {row[2]: row for row in cells}
    assert set(found) == {"polars", "datasketch", "python -c pass"}
    assert all(row[1].endswith(" s") for row in cells)
    assert all(row[3].endswith("x") or row[4] == "not installed" for row in cells)
    near = found["datasketch"][4]
    assert near.startswith("found: 3 and 3; ")


def test_unknown_rows_are_refused():
    words = [sys.executable, "-m", "benchmarks.table", "--only", "speed"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown rows: speed; the groups are rewards, import" in done.stderr
    done = subprocess.run([*words[:-1], "near/7", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "No row is named near/7 here.\n")


def test_a_peer_that_is_not_installed_is_named():
    ours = table.Program("ours", ["-c", "print(3)"])
    peer = table.Program("missing", ["-c", "print(3)"], needs="no_such_module")
    (line,) = table.in_turns("what", ours, [peer], 1, "found")
    assert (line.peer, line.ratio, line.note) == ("missing", None, "not installed")


def test_medians_of_ratios_and_both_results(monkeypatch):
    seconds = iter([6.0, 2.0, 1.0, 4.0, 30.0, 10.0])  # peer, ours; ours, peer; peer, ours
    monkeypatch.setattr(table, "run", lambda program: (next(seconds), f"rows\n{len(program.name)}"))
    (line,) = table.in_turns("what", table.Program("ours", []), [table.Program("other", [])], 3, "found")
    assert line == table.Line("what", "2.00 s", "other", 3.0, "found: 4 and 5")
    assert line.markdown() == "| what | 2.00 s | other | 3x | found: 4 and 5 |"


def test_a_failing_program_is_an_error(capfd):
    with pytest.raises(subprocess.CalledProcessError):
        table.run(table.Program("broken", ["-c", "raise SystemExit('why')"]))
    assert "why" in capfd.readouterr().err


def test_the_table_on_paper_is_the_page_s():
    page = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    assert on_paper.table() in page


def test_numbers_on_paper_follow_from_the_assumptions():
    cells = on_paper.column(5_000_000, 8)
    hours = 5_000_000 * 350 / (8 * 2_500 * 0.9) / 3_600
    assert cells["hours of generation"] == f"{hours:.0f}" == "27"
    assert cells["dollars"] == f"{hours * 8 * 3:.0f}"
