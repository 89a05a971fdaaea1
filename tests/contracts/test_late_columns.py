"""`data import` decides what a file's columns hold by all of its rows: what begins late is not lost."""

import csv
import json

import pytest

from bleuberi.cli.main import find_command
from bleuberi.cli.parser import run

LATE = 5_000
KINDS = ("jsonl", "json", "parquet", "csv")


@pytest.fixture
def imported(tmp_path, monkeypatch, capsys):
    """Writes rows as a file of that kind and imports it; gives the pool's rows by prompt, and what was printed."""
    monkeypatch.chdir(tmp_path)

    def call(rows, kind="jsonl", *flags, code=0):
        write(tmp_path / f"f.{kind}", kind, rows)
        words = ["data", "import", f"f.{kind}", "--output", "pool.jsonl", "--overwrite", *flags]

        def command(given):
            found, rest = find_command(given)
            return found(rest)

        assert run(command, words) == code
        said = capsys.readouterr()
        if code:
            return said.err
        pool = [json.loads(line) for line in (tmp_path / "pool.jsonl").read_text(encoding="utf-8").splitlines()]
        return {row["prompt"]: row for row in pool}, said.out

    return call


def write(path, kind, rows):
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif kind == "json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        names = list(dict.fromkeys(name for row in rows for name in row))
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path, row_group_size=100)
    else:
        names = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, names, restval="")
            table.writeheader()
            table.writerows(rows)


def alpaca(count):
    return [{"instruction": f"Q{number}", "output": f"A{number}"} for number in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_references_that_begin_late(imported, kind):
    rows = [{"prompt": f"Q{number}", "ref_output_gold": f"A{number}"} for number in range(LATE)]
    rows.append({"prompt": "late", "ref_output_gold": "A", "ref_output_x": "X"})
    found, said = imported(rows, kind)
    assert (found["late"]["ref_output_gold"], found["late"].get("ref_output_x")) == ("A", "X")
    assert len(found) == LATE + 1
    assert not found["Q0"]["ref_output_x"]  # a blank in the first row: readers take its types for those of all
    assert "2 ref_output_… as they are" in said


def test_late_references_do_not_displace_the_answers(imported):
    late = {"instruction": "late", "output": "A", "ref_output_x": "X"}
    found, said = imported([*alpaca(LATE), late])
    assert (found["late"]["ref_output_gold"], found["late"]["ref_output_x"]) == ("A", "X")
    assert found["Q0"]["ref_output_gold"] == "A0"
    assert "1 ref_output_… as they are; ref_output_gold from output" in said


@pytest.mark.parametrize("more", [{"ref_output_gold": "G"}, {"generator": "m"}])
def test_outputs_that_references_judge_are_no_references(imported, more):
    found, _ = imported([{"prompt": "Q", "output": "A", "ref_output_x": "X", **more}])
    assert "A" not in found["Q"].values()
    assert found["Q"]["ref_output_x"] == "X"


@pytest.mark.parametrize("kind", KINDS)
def test_contexts_systems_names_and_ids_that_begin_late(imported, kind):
    late = {"instruction": "Do", "input": "this", "output": "Yes", "system": "S", "generator": "m", "id": "own"}
    found, said = imported([*alpaca(LATE), late], kind)
    row = found["Do\n\nthis"]
    assert (row["id"], row["ref_output_m"]) == ("own", "Yes")
    assert [turn["content"] for turn in row["messages"]] == ["S", "Do\n\nthis"]
    assert "prompt from system + instruction + input; ref_output_<generator> from output" in said


@pytest.mark.parametrize("kind", KINDS)
def test_answers_that_begin_late(imported, kind):
    rows = [{"question": f"Q{number}"} for number in range(LATE)]
    found, _ = imported([*rows, {"question": "late", "answer": "A"}], kind)
    assert found["late"].get("ref_output_gold") == "A"


def test_named_columns_may_begin_late(imported):
    rows = [*alpaca(LATE), {"instruction": "Do", "Body": "this", "R": "Yes"}]
    found, _ = imported(rows, "jsonl", "--prompt", "instruction", "Body", "--references", "gold=output", "x=R")
    assert found["Do\n\nthis"]["ref_output_x"] == "Yes"
    assert found["Q0"]["ref_output_gold"] == "A0"


@pytest.mark.parametrize("first", [7, 0.5, True, None, [], "", " ", float("nan")])
@pytest.mark.parametrize("column", ["question", "answer", "context"])
def test_the_first_value_does_not_decide_what_a_column_is(imported, column, first):
    rows = [{"question": "one", "context": "", "answer": "1"}, {"question": "two", "context": "C", "answer": "2"}]
    found, _ = imported([{**rows[0], column: first}, rows[1]], "json")
    assert found["two\n\nC"]["ref_output_gold"] == "2"
    if first in (None, [], "", " ") or first != first:
        assert len(found) == (1 if column == "question" else 2)
    else:
        told = next(row for prompt, row in found.items() if prompt != "two\n\nC")
        text = {"question": told["prompt"], "answer": told["ref_output_gold"], "context": told["prompt"][5:]}
        assert text[column] == str(first)


def test_turns_after_an_empty_or_missing_talk(imported):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    found, _ = imported([{"messages": None}, {"messages": []}, {"messages": turns}])
    assert [row["ref_output_gold"] for row in found.values()] == ["Hello."]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"instruction": {"a": 1}, "output": "A"}, *alpaca(2)], "f.jsonl, line 1: `instruction` holds dict, not text"),
        ([*alpaca(200), {"instruction": "Q", "output": {"a": 1}}], "f.jsonl, line 201: `output` holds dict, not text"),
        ([*alpaca(200), {"instruction": "Q", "input": "I"}, {"instruction": "Q", "input": ["I"]}],
         "f.jsonl, line 202: `input` holds list, not text"),
        ([{"messages": "Hi"}, {"messages": [{"role": "user", "content": "Hi"}]}],
         "f.jsonl, line 1: `messages` holds str, not turns: 'Hi'"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_its_column_is_rejected_with_its_row(imported, rows, told):
    assert told in imported(rows, code=2)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_files_of_several_shapes_put_together(imported, kind):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    rows = [
        *alpaca(150), {"instruction": "Do", "input": "this", "output": "Yes"},
        {"instruction": "Dolly", "context": "C", "response": "R"}, {"question": "Why", "answer": "Because"},
        {"messages": turns},
    ]  # fmt: skip
    found, said = imported(rows, kind)
    assert len(found) == 154
    wanted = {"Q0": "A0", "Do\n\nthis": "Yes", "Dolly\n\nC": "R", "Why": "Because", "Hi": "Hello."}
    assert {prompt: found[prompt].get("ref_output_gold") for prompt in wanted if prompt in found} == wanted
    assert "prompt from messages or instruction or question + input or context" in said
    assert "ref_output_gold from output or response or answer" in said


def test_what_begins_late_stays_when_the_pool_is_checked_and_given_references(imported, tmp_path, write_pool):
    rows = [{"prompt": f"Q{number}", "ref_output_gold": f"A{number}."} for number in range(150)]
    found, _ = imported([*rows, {"prompt": "late", "ref_output_gold": "A.", "ref_output_x": "X.", "id": "own"}])
    write_pool([{name: value for name, value in row.items() if value is not None} for row in found.values()])
    write_pool([{"id": row["id"], "response": "Y."} for row in found.values()], "answers.jsonl")
    command, words = find_command(["data", "check", "pool.jsonl", "--held_out", "3", "--output_dir", "checked"])
    assert command(words) == 0
    words = ["references", "--hf_dataset_path", "pool.jsonl", "--model", "m", "--output", "more.jsonl"]
    command, words = find_command([*words, "--engine", "canned", "--answers", "answers.jsonl"])
    assert command(words) == 0
    for files, wanted in ((["checked/train.jsonl", "checked/held_out.jsonl"], {}), (["more.jsonl"], {"m": "Y."})):
        lines = [line for file in files for line in (tmp_path / file).read_text().splitlines()]
        (late,) = [row for row in map(json.loads, lines) if row["id"] == "own"]
        assert late["ref_output_x"] == "X."
        assert all(late[f"ref_output_{name}"] == text for name, text in wanted.items())


def test_a_pool_with_one_and_with_several_turns_is_imported_whole(imported, tmp_path):
    turns = [{"role": role, "content": text} for role, text in (("user", "1"), ("assistant", "2"), ("user", "3"))]
    made, _ = imported([{"messages": [*turns, {"role": "assistant", "content": "4"}]}, {"prompt": "Q", "answer": "A"}])
    (tmp_path / "pool.jsonl").rename(tmp_path / "first.jsonl")
    again, _ = imported([json.loads(line) for line in (tmp_path / "first.jsonl").read_text().splitlines()])
    assert [(row["prompt"], row["ref_output_gold"]) for row in again.values()] == [("3", "4"), ("Q", "A")]
    assert again["3"]["messages"] == made["3"]["messages"] == turns
