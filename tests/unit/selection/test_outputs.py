"""Outputs made elsewhere: whichever file they lie in, texts stay texts and the first of an id counts."""

import json

import pytest

from bleuberi.errors import UserError
from bleuberi.selection.outputs import read_outputs


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_csv_cells_stay_texts(tmp_path):
    path = tmp_path / "outputs.csv"
    path.write_bytes(
        '\ufeffid,response\r\n1,None\r\n2,N/A\r\n3,""\r\n4,"two\nlines, and ""quotes"""\r\n5,1.0\r\n'.encode()
    )
    assert read_outputs(path, None).text_by_id == {
        "1": "None",
        "2": "N/A",
        "3": "",
        "4": 'two\nlines, and "quotes"',
        "5": "1.0",
    }


def test_csv_cells_may_be_very_long(tmp_path):
    (tmp_path / "outputs.csv").write_text("id,response\n1," + "x" * 300_000 + "\n")
    assert len(read_outputs(tmp_path / "outputs.csv", None).text_by_id["1"]) == 300_000


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": [1, 2], "response": ["None", None]}), tmp_path / "o.parquet")
    assert read_outputs(tmp_path / "o.parquet", None).text_by_id == {"1": "None"}


@pytest.mark.parametrize("column", ["output", "response", "model_output", "generated_text", "text"])
def test_the_text_column_has_several_names(tmp_path, column):
    assert read_outputs(write(tmp_path / "o.jsonl", [{"id": "a", column: "T"}]), None).text_by_id == {"a": "T"}


def test_the_first_of_repeated_ids_counts(tmp_path):
    rows = [{"id": "a", "output": "first"}, {"id": "b", "output": "B"}, {"id": "a", "output": "second"}]
    made = read_outputs(write(tmp_path / "o.jsonl", rows), None)
    assert made.text_by_id == {"a": "first", "b": "B"}
    assert made.repeated == 1


def test_only_the_named_models_rows_count(tmp_path):
    rows = [{"id": "a", "model": "x/one", "output": "1"}, {"id": "a", "model": "two", "output": "2"}]
    path = write(tmp_path / "o.jsonl", rows)
    assert read_outputs(path, "x/one").text_by_id == {"a": "1"}
    assert read_outputs(path, "two").text_by_id == {"a": "2"}
    assert read_outputs(path, "some/where/two").text_by_id == {"a": "2"}


@pytest.mark.parametrize(
    ("rows", "model", "what", "cure"),
    [
        ([{"id": "a"}], None, "o.jsonl, line 1 lacks `id` or the text; its columns are: id.", "`id` and `response`"),
        ([{"output": "T"}], None, "o.jsonl, line 1 lacks `id` or the text", "`id` and `response`"),
        ([{"id": "a", "output": 3}], None, "o.jsonl, line 1: `output` holds no text: 3", "as a text"),
        (
            [{"id": "a", "model": name, "output": "T"} for name in ("one", "two")],
            None,
            "o.jsonl holds outputs of 2 models: one, two.",
            "Say whose count with --model.",
        ),
        ([{"id": "a", "model": "one", "output": "T"}], "two", "o.jsonl has no outputs of two. Models found: one.", "-"),
    ],
)
def test_mistakes(tmp_path, rows, model, what, cure):
    with pytest.raises(UserError) as caught:
        read_outputs(write(tmp_path / "o.jsonl", rows), model)
    assert what in caught.value.what
    assert cure in caught.value.cure


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"There is no file .*\nCheck the path given with --outputs\."):
        read_outputs(tmp_path / "none.jsonl", None)


def test_a_csv_that_is_no_text(tmp_path):
    (tmp_path / "o.csv").write_bytes(b"id,response\n1,\xff\xfe\n")
    with pytest.raises(UserError, match="is not a readable CSV file"):
        read_outputs(tmp_path / "o.csv", None)
