"""Absurd sizes are told in two lines, before memory ends: rows, packed bombs, arrays, Parquet columns."""

import gzip
import json
import tracemalloc

import pytest

from bleuberi.data import bounds
from bleuberi.data.pool import read_pool
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError

ROW = {"id": "a", "prompt": "P", "ref_output_gold": "G"}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_ROW_BYTES", 1 << 20)
    monkeypatch.setattr(bounds, "MAX_WHOLE_BYTES", 2 << 20)
    monkeypatch.setattr(bounds, "RATIO_COUNTS_FROM", 1 << 20)


def refused(path):
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            for _ in read_rows(str(path)):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.cure
    return caught.value.what, peak


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_line_without_end(small, tmp_path, ending):
    path = tmp_path / f"pool{ending}"
    content = json.dumps(ROW).encode() + b"\n" + b'{"id": "' + b"x" * (64 << 20)
    path.write_bytes(gzip.compress(content, 1) if ending.endswith(".gz") else content)
    del content
    what, peak = refused(path)
    assert what == f"pool{ending}, line 2 is longer than 1 MiB."
    assert peak < 16 << 20


def test_a_packed_file_that_unpacks_to_nothing_but_blank_lines(small, tmp_path):
    path = tmp_path / "pool.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROW).encode() + (b" " * 255 + b"\n") * (32 << 12)))
    what, _ = refused(path)
    assert what.startswith("pool.jsonl.gz unpacks to more than 200 times its size")


@pytest.mark.parametrize("ending", [".json", ".json.gz"])
def test_a_long_array_is_read_piece_by_piece(small, tmp_path, ending):
    path = tmp_path / f"pool{ending}"
    content = json.dumps([{**ROW, "id": str(number), "x": f"word{number} " * 200} for number in range(9000)]).encode()
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    size = len(content)
    del content
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(str(path))) == 9000
        assert tracemalloc.get_traced_memory()[1] < 8 << 20 < size
    finally:
        tracemalloc.stop()


def test_a_parquet_column_of_a_huge_text_repeated(small, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    huge = pa.DictionaryArray.from_arrays(pa.array([0] * 500), pa.array(["x" * (3 << 20)]))
    path = tmp_path / "pool.parquet"
    pq.write_table(pa.table({"id": [str(n) for n in range(500)], "prompt": huge}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    what, _ = refused(path)
    assert "unpacks to more than" in what or "holds 3,145,7" in what


def test_ordinary_repetition_is_no_bomb(tmp_path):
    path = tmp_path / "pool.jsonl.gz"
    rows = [json.dumps({**ROW, "id": str(number), "prompt": "The same words again. " * 40}) for number in range(2000)]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    assert len(read_pool(str(path), None).rows) == 2000
