"""Rows come out of every kind of file as they went in, and a damaged file is told by name and line."""

import base64
import gzip
import json
import subprocess
import sys
import zlib

import pytest

from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError

ROWS = [
    {"id": "a", "text": "plain", "sparse": None},
    {"id": "b", "text": "Ünïcode \u2028 and 'quotes'", "sparse": None},
    {"id": "c", "text": "None", "sparse": "at last"},
]


def as_jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def values(path):
    return [dict(row.values) for row in read_rows(str(path))]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pool.jsonl", as_jsonl(ROWS)),
        ("pool.json", as_jsonl(ROWS)),
        ("pool.json", json.dumps(ROWS, indent=2).encode()),
        ("pool.jsonl", json.dumps(ROWS).encode()),
        ("pool.jsonl.gz", gzip.compress(as_jsonl(ROWS), mtime=0)),
        ("pool.json.gz", gzip.compress(json.dumps(ROWS).encode(), mtime=0)),
        ("bom.jsonl", b"\xef\xbb\xbf" + as_jsonl(ROWS)),
        ("bom.json", b"\xef\xbb\xbf" + json.dumps(ROWS).encode()),
        ("crlf.jsonl", as_jsonl(ROWS).replace(b"\n", b"\r\n")),
        ("blank.jsonl", b"\n  \n" + as_jsonl(ROWS).replace(b"\n", b"\n\n")),
        ("open_end.jsonl", as_jsonl(ROWS).rstrip(b"\n")),
    ],
)
def test_json_files_of_every_kind(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert values(tmp_path / name) == ROWS


@pytest.mark.parametrize("name", ["pool.parquet", "pool.parquet.gz"])
def test_parquet(tmp_path, name):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "pool.parquet", row_group_size=2)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress((tmp_path / "pool.parquet").read_bytes(), mtime=0))
    assert values(tmp_path / name) == ROWS
    assert [row.place for row in read_rows(str(tmp_path / name))] == [f"{name}, row {n}" for n in (1, 2, 3)]


@pytest.mark.parametrize("split", [None, "train"])
def test_save_to_disk_folders(tmp_path, split):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list(ROWS)
    (data if split is None else datasets.DatasetDict({"train": data})).save_to_disk(str(tmp_path / "pool"))
    assert values(tmp_path / "pool") == ROWS


def test_a_column_may_begin_with_very_many_nulls(tmp_path):
    rows = [{"id": str(number), "late": None} for number in range(20_000)] + [{"id": "last", "late": "text"}]
    (tmp_path / "pool.jsonl").write_bytes(as_jsonl(rows))
    assert values(tmp_path / "pool.jsonl")[-1] == {"id": "last", "late": "text"}


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pool.jsonl").write_bytes(as_jsonl(ROWS))
    assert len(values("~/pool.jsonl")) == 3


@pytest.mark.parametrize(
    ("name", "content", "what", "cure"),
    [
        ("p.jsonl", b'{"id": 1}\n{"id": \n', "p.jsonl, line 2 is not valid JSON: ", "Correct or remove that line"),
        ("p.jsonl", b'{"id": 1}\n\n[1, 2]\n', "p.jsonl, line 3 is not a JSON object.", "Every row must be an object"),
        ("p.jsonl", b'{"id": "\xff"}\n', "p.jsonl, line 1 is not valid JSON: ", "Correct or remove that line"),
        ("p.jsonl", b'{"a": ' + b"[" * 200_000, "p.jsonl, line 1 is not valid JSON: ", "Correct or remove that line"),
        ("p.json", b'[{"id": 1}, 7]', "p.json, item 2 is not a JSON object.", "Every row must be an object"),
        ("p.json", b'[{"id": 1},\n', "p.json is not valid JSON: ", "one object per line"),
        ("p.json", b"[" * 200_000, "p.json is not valid JSON: ", "one object per line"),
        ("p.jsonl.gz", as_jsonl(ROWS), "p.jsonl.gz is an incomplete or damaged gzip file: ", "again"),
        (
            "p.jsonl.gz",
            gzip.compress(as_jsonl(ROWS * 99), mtime=0)[:-20],
            "p.jsonl.gz is an incomplete or damaged gzip file: ",
            "again",
        ),
        ("p.parquet", b"PAR1 and no more", "p.parquet is not a readable Parquet file: ", "Write the file again."),
        ("p.parquet.gz", b"no gzip", "p.parquet.gz is an incomplete or damaged gzip file: ", "again"),
        ("p.xlsx", b"x", "p.xlsx has an unsupported file type.", "Give one of: .jsonl, .json, .parquet"),
    ],
)
def test_damaged_files_are_told_in_two_lines(tmp_path, name, content, what, cure):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        values(tmp_path / name)
    assert what in caught.value.what
    assert cure in caught.value.cure
    assert str(caught.value).count("\n") == 1


def test_gzip_with_damage_in_its_middle(tmp_path):
    content = bytearray(gzip.compress(as_jsonl(ROWS * 999), mtime=0))
    content[60:80] = b"\xff" * 20
    (tmp_path / "p.jsonl.gz").write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"p\.jsonl\.gz is an incomplete or damaged gzip file"):
        values(tmp_path / "p.jsonl.gz")


@pytest.mark.parametrize("name", ["missing.jsonl", "./missing", "/no/such/folder", "missing.parquet.gz", "missing"])
def test_missing_files(name):
    with pytest.raises(UserError) as caught:
        read_rows(name)
    cure = "Check the path: a file, a data set folder, or a hub id owner/name."
    assert str(caught.value) == f"File or folder {name} does not exist.\n{cure}"


def test_folders_without_a_data_set(tmp_path):
    with pytest.raises(UserError, match="is a folder, but not a data set that `save_to_disk` wrote"):
        values(tmp_path)


def test_data_sets_without_a_train_split(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.DatasetDict({"test": datasets.Dataset.from_list(ROWS)}).save_to_disk(str(tmp_path / "pool"))
    with pytest.raises(UserError, match="The data set pool has no split train, only: test"):
        values(tmp_path / "pool")


def test_an_unreachable_hub_is_told_in_two_lines():
    with pytest.raises(UserError) as caught:  # the tests are offline: conftest.py
        list(read_rows("nobody/no-such-data-set"))
    assert caught.value.what.startswith("The data set nobody/no-such-data-set is neither a local file nor could it")
    assert "give a local file" in caught.value.cure


# A Parquet file with one byte harmed, zlib in base 85: a column's histogram has another length than it says.
HARMED = (
    b"c-n1|J4*vW5XWbi<S>%Lh`Zdv6^H0y5ucFwAQp2P9~d7O5U~trh*4wCOEf50*;%QTT3P!s^cz_DWdwKk&M25Ec4z1DoByyocr)zI"
    b"vLR-c7-cXB&_7}TK<l#At~MC3LB_K(Gr$aHSa}#TqKp~enT#w>*;JmC5DF}zI(}FwJ1G-yPuK7FJy1!VFr(`~NEC7)$M}cUMujDS"
    b"rAMhr>j$GyvSg8d8bR1>1noG)sjx)W0gI(Y4vYbz${FR9-x2;uoPyKWdjpY`vVqB=Ak|SQ@U$?514_(aTs%%AZwY@O&IfT`NUvS~"
    b"A-h2SEZdzv{z^euW*W=o?Y)I)OY@UVD$CVSnun2XAa>BL;R<36mvjnU7jaWLONi?_@OxwAMxH*mjwEzWI>nWu4r)jdySA@_9ltT("
    b"_SfXt%_~*!q3bFBDx#0eF|6C<?P`6i_*W__i86R{9Pzza#o{8Ec2Eh=&a3TlKM2MvVc6{07uB#;Z=TvS`H88CX_1wmsQ&Sb0PJ9S"
    b"`Wq%_jC="
)


def test_a_harmed_parquet_file_is_told_and_does_not_end_the_process(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "pool.parquet").write_bytes(zlib.decompress(base64.b85decode(HARMED)))
    done = subprocess.run(
        [sys.executable, "-m", "bleuberi.cli.main", "data", "check", "pool.parquet"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Error: pool.parquet is not a readable Parquet file: Repetition level histogram")
