"""Files as people have them: every ending, packer and folder is read; nothing is lost in silence; what a file is not is
told by what it is; small files that unpack to gigabytes are rejected before memory ends."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys

import pytest

from bleuberi.cli.main import find_command
from bleuberi.data import bounds
from bleuberi.data.pool import pool_name, read_pool
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError

ROWS = [{"id": "a", "prompt": "P", "ref_output_gold": "G"}, {"id": "b", "prompt": "Q\nR", "ref_output_gold": "H"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
CSV = b'id,prompt,ref_output_gold\r\na,P,G\r\nb,"Q\nR",H\r\n'
TSV = b'id\tprompt\tref_output_gold\na\tP\tG\nb\t"Q\nR"\tH\n'
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n"
PRETTY = "\n".join(json.dumps(row, indent=2) for row in ROWS).encode()


def values(path, *more):
    return [dict(row.values) for row in read_rows(str(path), *more)]


def zstd(content):
    pa = pytest.importorskip("pyarrow")
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def refused(path, *more):
    with pytest.raises(UserError) as caught:
        values(path, *more)
    return caught.value


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.ndjson", LINES), ("P.JSONL", LINES), ("p.JSON", LINES), ("p.jsonl.GZ", gzip.compress(LINES, mtime=0)),
        ("p.jsonl.bz2", bz2.compress(LINES)), ("p.jsonl.xz", lzma.compress(LINES)), ("p.json", PRETTY),
        ("p.json", json.dumps(ROWS, indent=1).encode()), ("p.jsonl", PRETTY),
        ("p.json", json.dumps({"version": 1, "data": ROWS}).encode()),
        ("p.json", json.dumps({"version": 1, "data": ROWS}, indent=1).encode()),
        ("p.csv", CSV), ("p.csv.gz", gzip.compress(CSV, mtime=0)), ("p.CSV", b"\n" + CSV), ("p.tsv", TSV),
        ("p.csv", CSV.replace(b",", b";")), ("p.tsv.xz", lzma.compress(TSV)),
        ("p.jsonl", LINES.decode().encode("utf-16")), ("p.csv", b"\xfe\xff" + CSV.decode().encode("utf-16-be")),
        ("p.json", json.dumps(ROWS, indent=1).encode("utf-16")), ("p.tsv", TSV.decode().encode("utf-32")),
        ("p.csv.gz", gzip.compress(CSV.decode().encode("utf-16"), mtime=0)), ("p.csv", b"\xef\xbb\xbf" + CSV),
    ],
)  # fmt: skip
def test_endings_and_packers(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert values(tmp_path / name) == ROWS
    assert len(read_pool(str(tmp_path / name), None).rows) == 2


@pytest.mark.parametrize("name", ["p.jsonl.zst", "p.csv.ZST"])
def test_zstd(tmp_path, name):
    content = LINES if "json" in name else CSV
    (tmp_path / name).write_bytes(zstd(content))
    assert values(tmp_path / name) == ROWS
    (tmp_path / name).write_bytes(zstd(content * 9)[:-4])
    assert "is an incomplete or damaged .zst file" in refused(tmp_path / name).what


def test_names_of_pools_stay_and_new_endings_are_cut():
    assert [pool_name(name) for name in ("a/p.jsonl.gz", "p.json", "p.csv", "P.JSONL.ZST", "o/n", "p.tsv.xz")] == [
        "p", "p", "p.csv", "P", "n", "p",
    ]  # fmt: skip


def test_values_of_an_array_are_read_piece_by_piece(tmp_path):
    rows = [{"id": str(n), "n": n * 1.5, "t": 'é"\\u00e9[{' * (n % 7), "l": [[], {}, None]} for n in range(3_000)]
    (tmp_path / "p.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    assert values(tmp_path / "p.json") == rows
    (tmp_path / "p.json").write_text("[]")
    assert values(tmp_path / "p.json") == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b'[{"id": 1} {"id": 2}]', "item 1: ',' or ']' expected"),
        (b'[{"id": 1}', "item 1: it ends in the middle"),
        (b'[{"id": 1}] []', "text follows its array"),
        (b'[{"id": 1},]', "item 2: "),
        (b'{\n "id": 1\n}\n{\n "id"\n}', "item 2: "),
        (b'{"id": 1, "id": 2}', "line 1 is not valid JSON: duplicate key 'id'"),
        (b'[{"m": {"a": 1, "a": 2}}]', "item 1: duplicate key 'a'"),
    ],
)
def test_damaged_json(tmp_path, content, what):
    (tmp_path / "p.json").write_bytes(content)
    assert what in refused(tmp_path / "p.json").what


@pytest.mark.parametrize(
    ("name", "content", "what", "cure"),
    [
        ("p.jsonl", LFS, "Git LFS pointer", "lfs pull"),
        ("p.parquet", LFS, "Git LFS pointer", "lfs"),
        ("p.json", b"\n <!DOCTYPE html><html>", "is a web page, not data", "Download the file itself"),
        ("p.csv", b"<html><body>Sign in", "is a web page, not data", "Download the file itself"),
        ("p.jsonl", '{"id": "a"}\n'.encode("utf-16-le"), "is UTF-16LE text without", "iconv -f UTF-16LE -t UTF-8 p.js"),
        ("p.csv", "id,prompt\n".encode("utf-16-be"), "is UTF-16BE text without", "iconv -f UTF-16BE"),
        ("p.jsonl", LINES.decode().encode("utf-16")[:-1], "is not valid UTF-16 text: truncated data", "UTF-8"),
        ("p.csv", CSV.decode().encode("utf-16") + b"\x00\xd8", "is not valid UTF-16 text: unexpected end", "UTF-8"),
        ("p.jsonl", b"PAR1....", "is a Parquet file", "the ending .parquet"),
        ("p.jsonl", gzip.compress(LINES, mtime=0), "is packed with gzip", "the ending .gz"),
        ("p.xlsx", b"PK\x03\x04....", "Excel", ".csv"),
    ],
)  # fmt: skip
def test_what_a_file_is_instead(tmp_path, name, content, what, cure):
    (tmp_path / name).write_bytes(content)
    error = refused(tmp_path / name)
    assert what in error.what
    assert cure in error.cure


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b'id,prompt\n1,"an open quote\n2,b\n3,c\n', "the row that begins in line 2"),
        (b'id,prompt\n1,a\n2,"b" c\n3,c\n', "the row that begins in line 3"),
        (b"id,prompt,prompt\n1,a,b\n", "p.csv has two columns prompt."),
        (b"id,prompt\n1,a,b\n", "p.csv, row 1 has more cells than the file has columns."),
    ],
)
def test_what_csv_would_lose_is_an_error(tmp_path, content, what):
    (tmp_path / "p.csv").write_bytes(content)
    assert what in refused(tmp_path / "p.csv").what


def test_nameless_columns_do_not_overwrite_each_other(tmp_path):
    (tmp_path / "p.csv").write_bytes(b",prompt,\n0,a,b\n")
    assert values(tmp_path / "p.csv") == [{"column 1": "0", "prompt": "a", "column 3": "b"}]
    (tmp_path / "p.csv").write_bytes(b",prompt\n0,a\n")  # as pandas writes its index
    assert values(tmp_path / "p.csv") == [{"": "0", "prompt": "a"}]


def parquet(path, rows, **options):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path, **options)


def test_two_columns_of_one_name_in_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet(
        tmp_path / "p.parquet", pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["prompt", "prompt"])
    )
    assert refused(tmp_path / "p.parquet").what == "p.parquet has two columns prompt."


def test_folders_of_shards(tmp_path):
    for number, row in enumerate(ROWS):
        parquet(tmp_path / f"data/train-{number:05}-of-00002.parquet", [row])
    parquet(tmp_path / "data/test-00000-of-00001-0a1b2c3d.parquet", [{"id": "t"}])
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "dataset_infos.json").write_text("{}")
    assert values(tmp_path) == ROWS
    assert values(tmp_path, "test") == [{"id": "t"}]
    assert [row.place for row in read_rows(str(tmp_path))][1].endswith("/data/train-00001-of-00002.parquet, row 1")
    assert "has no split dev, only: test, train" in refused(tmp_path, "dev").what
    assert "--split" in refused(tmp_path, "dev").cure


def test_folders_of_other_shards(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one/0.jsonl").write_bytes(LINES)
    (tmp_path / "one/part-1.jsonl.gz").write_bytes(gzip.compress(LINES, mtime=0))
    assert values(tmp_path / "one") == ROWS * 2
    (tmp_path / "two/validation").mkdir()
    (tmp_path / "two/train").mkdir()
    (tmp_path / "two/validation/0.csv").write_bytes(CSV)
    (tmp_path / "two/train/0.csv").write_bytes(CSV + b"c,x,y\n")
    assert values(tmp_path / "two", "validation") == ROWS
    assert len(values(tmp_path / "two")) == 3
    assert "several types: .csv, .jsonl" in refused(tmp_path).what


@pytest.mark.parametrize("kind", ["Image", "Audio"])
def test_pictures_and_sounds_are_never_decoded(tmp_path, kind, caplog):
    datasets = pytest.importorskip("datasets")
    feature = getattr(datasets, kind)
    features = datasets.Features(
        {
            "id": datasets.Value("string"), "prompt": datasets.Value("string"),
            "media": feature(decode=True), "more": datasets.List(feature(decode=True)),
        }
    )  # fmt: skip
    cells = {"bytes": b"no picture", "path": "/no/such/file"}
    rows = {"id": ["a"], "prompt": ["P"], "media": [cells], "more": [[{"bytes": b"no picture", "path": None}]]}
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pydict(rows, schema=features.arrow_schema)
    datasets.Dataset(table).save_to_disk(str(tmp_path / "set"))
    hashes = [read_pool(str(tmp_path / "set"), ()).content_sha256 for _ in range(2)]
    assert hashes[0] == hashes[1]
    assert values(tmp_path / "set") == [{"id": "a", "prompt": "P"}]
    assert "images, audio or other bytes are ignored: media, more" in caplog.text


def test_data_sets_keep_their_values_and_hashes(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{"id": str(n), "n": n, "messages": [{"role": "user", "content": "x"}], "f": None} for n in range(200)]
    made = datasets.Dataset.from_list(rows)
    made.save_to_disk(str(tmp_path / "set"))
    assert values(tmp_path / "set") == list(made) == rows


PEAK = """
import resource, sys
from bleuberi.data.pool import read_pool
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for row in read_rows(sys.argv[1]): pass
    print("read", end=" ")
except UserError as error:
    print(error.what, end=" ")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peak_mib(path):
    """What reading says, and by how many MiB memory grew."""
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    said, _, grown = done.stdout.strip().rpartition(" ")
    return said, int(grown)


def test_bombs(tmp_path):
    """2 kB of Parquet that are 1.4 GB; JSON of little but brackets, which takes 30 times its size in memory."""
    pa = pytest.importorskip("pyarrow")
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1400), pa.array(["x" * (1 << 20)]))
    parquet(tmp_path / "bomb.parquet", pa.table({"prompt": text}), compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 3000
    said, grown = peak_mib(tmp_path / "bomb.parquet")
    assert "unpacks to more than 200 times its size" in said
    assert grown < 400
    (tmp_path / "bomb.json.gz").write_bytes(gzip.compress(b"[" + b"{}," * 400_000 + b"{}]", 9, mtime=0))
    said, grown = peak_mib(tmp_path / "bomb.json.gz")
    assert grown < 20  # 35 as a whole
    (tmp_path / "line.jsonl").write_bytes(b'{"a": [' + b"[]," * 10_000_000 + b"[]]}")
    said, grown = peak_mib(tmp_path / "line.jsonl")
    assert said == "line.jsonl, line 1 holds more than 1,000,000 lists and objects."
    assert grown < 200


def test_an_array_item_without_end(monkeypatch, tmp_path):
    monkeypatch.setattr(bounds, "MAX_ROW_BYTES", 1 << 20)
    (tmp_path / "p.json").write_bytes(b'[{"id": "' + b"x" * (8 << 20))
    assert "item 1 is longer than 1 MiB, or is not closed" in refused(tmp_path / "p.json").what


def test_letters_that_blocks_cut_in_utf_16(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "_BLOCK", 3)
    rows = [{"id": str(n), "prompt": "é😀" * n} for n in range(9)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "p.jsonl").write_bytes(text.encode("utf-16"))
    assert values(tmp_path / "p.jsonl") == rows


def test_a_long_line_of_utf_16_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "MAX_ROW_BYTES", 1 << 10)
    (tmp_path / "p.jsonl").write_bytes(json.dumps({"id": "x" * 2000}).encode("utf-16"))
    assert "p.jsonl, line 1 is longer than" in refused(tmp_path / "p.jsonl").what


def test_explain_reads_texts_of_powershell(tmp_path, capsys):
    for name, coding in (("a.txt", "utf-16"), ("b.txt", "utf-8-sig")):
        (tmp_path / name).write_bytes("the cat\r\n".encode(coding))
    command, words = find_command(
        ["explain", "--response", f"@{tmp_path / 'a.txt'}", "--reference", f"@{tmp_path / 'b.txt'}", "--json"]
    )
    assert command(words) == 0
    assert json.loads(capsys.readouterr().out)["score"] == 1


def test_explain_reads_any_table(tmp_path, capsys):
    row = {"id": 2.0, "instruction": "Say it.", "response": {"role": "assistant", "content": "the cat"}}
    (tmp_path / "r.json").write_text(json.dumps([{"id": 1.0}, {**row, "ref_output_x": "the cat sat"}]))
    command, words = find_command(["explain", "--file", str(tmp_path / "r.json"), "--id", "2", "--json"])
    assert command(words) == 0
    assert json.loads(capsys.readouterr().out)["score"] > 0
