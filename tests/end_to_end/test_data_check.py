"""`data check` through its command, on real files."""

import json

import pytest

from bleuberi.cli import data_check
from bleuberi.cli.main import COMMANDS, find_command
from bleuberi.cli.parser import run
from bleuberi.data.pool import read_pool
from tests.end_to_end.demo_rows import lines, pool_rows, write


@pytest.fixture
def dirty_pool(tmp_path):
    """40 sound rows, and one of each trouble behind them."""
    rows = pool_rows()[:40]
    copy = {**rows[0], "id": "copy", "prompt": rows[0]["prompt"].upper()}
    copy.pop("messages", None)
    refused = {**rows[1], "id": "refused", "prompt": "Name seven rivers of the north", "messages": None}
    refused["ref_output_gold"] = "I'm sorry, but I can't help with that."
    tested = {**rows[2], "id": "tested", "messages": None, "prompt": "Who wrote the song about a copper bridge?"}
    return write(tmp_path / "dirty.jsonl", [*rows, copy, refused, tested])


def test_the_command_is_in_the_table():
    assert "data check" in COMMANDS
    assert find_command(["data", "check", "x"]) == (data_check.main, ["x"])


def test_the_table_alone_writes_nothing(dirty_pool, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert data_check.main([str(dirty_pool)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("43 rows, ")
    assert any(line.split()[0] == "duplicate_prompt" and " 1 " in line for line in printed.splitlines())
    assert sorted(tmp_path.iterdir()) == before


def test_flags_are_dropped_with_a_manifest_and_the_rest_is_left_as_it_was(dirty_pool, tmp_path, capsys):
    tests = write(tmp_path / "tests.jsonl", [{"prompt": "who wrote the song about a copper bridge"}])
    words = [str(dirty_pool), "--against", str(tests), "--output_dir", str(tmp_path / "clean")]
    words += ["--drop", "duplicate_prompt", "refusal", "in_test_prompts"]
    assert data_check.main(words) == 0
    assert "kept 40 of 43 (1 duplicate_prompt, 1 refusal, 1 in_test_prompts)" in capsys.readouterr().out
    assert lines(tmp_path / "clean/pool.jsonl") == lines(dirty_pool)[:40]
    assert len(read_pool(str(tmp_path / "clean/pool.jsonl"), ["gold"]).rows) == 40
    manifest = json.loads((tmp_path / "clean/manifest.json").read_text())
    assert (manifest["rows_in"], manifest["rows_out"]) == (43, 40)
    assert manifest["dropped"] == {"duplicate_prompt": 1, "refusal": 1, "in_test_prompts": 1}
    flags = {row["id"]: row for row in lines(tmp_path / "clean/flags.jsonl")}
    assert flags["copy"]["duplicate_prompt"]
    assert flags["copy"]["group"] == lines(dirty_pool)[0]["id"]
    assert flags["tested"]["in_test_prompts"]
    assert not flags["tested"]["refusal"]
    assert data_check.main(words) == 0  # the same again


def test_held_out_rows_keep_near_duplicates_on_one_side(dirty_pool, tmp_path):
    for seed in range(4):
        folder = tmp_path / f"split{seed}"
        assert (
            data_check.main([str(dirty_pool), "--held_out", "12", "--seed", str(seed), "--output_dir", str(folder)])
            == 0
        )
        held, train = (lines(folder / name) for name in ("held_out.jsonl", "train.jsonl"))
        assert len(held) + len(train) == 43
        assert 11 <= len(held) <= 12
        sides = [{row["id"] for row in part} for part in (held, train)]
        assert any({"copy", lines(dirty_pool)[0]["id"]} <= side for side in sides)


def test_dates_and_bytes_of_a_parquet_pool_become_texts(tmp_path):
    import datetime

    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = {"id": ["a", "b", "c"], "prompt": ["One?", "Two?", "Three?"], "ref_output_gold": ["1 it is", "2", "3"],
             "made": [datetime.date(2026, 1, day) for day in (1, 2, 3)], "raw": [b"x", b"y", b"z"]}  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "pool.parquet")
    data_check.main([str(tmp_path / "pool.parquet"), "--held_out", "1", "--output_dir", str(tmp_path / "out")])
    kept = [row for name in ("train", "held_out") for row in lines(tmp_path / f"out/{name}.jsonl")]
    assert sorted(row["made"] for row in kept) == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_turns_that_are_none_are_told_of_test_prompts(dirty_pool, tmp_path, capsys):
    against = tmp_path / "against.jsonl"
    against.write_text(json.dumps({"messages": [], "text": "What?"}) + "\n")
    assert run(data_check.main, [str(dirty_pool), "--against", str(against)]) == 2
    assert "against.jsonl, line 1 has neither a `prompt` nor a user's turn" in capsys.readouterr().err


def test_length_flags_and_disagreement(tmp_path):
    same = "the copper bridge over the quiet northern river was built in the winter of that year"
    rows = [
        {"id": "short", "prompt": "one", "ref_output_gold": "Paris."},
        {"id": "long", "prompt": "two", "ref_output_gold": "word " * 100},
        {"id": "either", "prompt": "three", "ref_output_gold": "word " * 100, "ref_output_b": "a b c d e f"},
        {
            "id": "lone",
            "prompt": "four",
            "ref_output_gold": same,
            "ref_output_b": same + ".",
            "ref_output_c": "No " * 17,
        },
    ]
    pool = write(tmp_path / "pool.jsonl", rows)
    folder = tmp_path / "out"
    assert data_check.main([str(pool), "--max_completion_length", "64", "--output_dir", str(folder)]) == 0
    flags = {row["id"]: {flag for flag, value in row.items() if value is True} for row in lines(folder / "flags.jsonl")}
    assert flags["short"] == {"short_reference"}
    assert "long_reference" in flags["long"]
    assert "long_reference" not in flags["either"]
    assert flags["lone"] == {"disagreeing_reference"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--drop", "nonsense", "--output_dir", "x"], "Unknown flag 'nonsense'"),
        (["--drop", "refusal"], "Add --output_dir"),
        (["--drop", "in_test_prompts", "--output_dir", "x"], "Add --against"),
        (["--held_out", "50", "--output_dir", "x"], "leaves nothing to train on"),
        (["--against", "missing.jsonl"], "File or folder missing.jsonl does not exist"),
    ],
)
def test_mistakes_are_two_lines(dirty_pool, more, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(data_check.main, [str(dirty_pool), *more]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-2:]
    assert error[0].startswith("Error: ")
    assert said in "\n".join(error)
    assert not (tmp_path / "x").exists()


def test_a_folder_of_something_else_is_never_replaced(dirty_pool, tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert run(data_check.main, [str(dirty_pool), "--output_dir", str(mine), "--overwrite"]) == 2
    assert (mine / "thesis.txt").read_text() == "years of work"
    first = [str(dirty_pool), "--output_dir", str(tmp_path / "out")]
    assert data_check.main(first) == 0
    assert run(data_check.main, [*first, "--held_out", "5"]) == 2
    assert "different settings" in capsys.readouterr().err
    assert data_check.main([*first, "--held_out", "5", "--overwrite"]) == 0


def test_rows_with_test_prompts_are_not_held_out_and_the_sizes_are_printed(dirty_pool, tmp_path, capsys):
    tested = [row["prompt"] for row in lines(dirty_pool) if row["id"] == "tested"]
    against = write(tmp_path / "tests.jsonl", [{"prompt": prompt} for prompt in tested])
    words = [str(dirty_pool), "--against", str(against), "--held_out", "42", "--output_dir", str(tmp_path / "out")]
    for _ in range(2):  # made, and reused
        assert data_check.main(words) == 0
        said = capsys.readouterr().out
        assert "1 rows to train on (train.jsonl), 42 held out\n" in said
        assert "Rows with prompts of --against are not held out" in said
    assert [row["id"] for row in lines(tmp_path / "out/train.jsonl")] == ["tested"]
    data_check.main([str(dirty_pool), "--drop", "refusal", "--held_out", "1", "--output_dir", str(tmp_path / "few")])
    assert "41 rows to train on (train.jsonl), 1 held out" in capsys.readouterr().out
    data_check.main([*words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["kept"], found["held_out"]) == (43, 42)
