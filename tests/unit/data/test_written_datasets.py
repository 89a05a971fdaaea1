"""Rows that are written in parts are the rows that the library would have saved at once."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.artifacts import json_hash, json_object_hash, json_rows_hash
from bleuberi.data import written_datasets
from bleuberi.data.tables import read_rows
from bleuberi.data.written_datasets import write_dataset

datasets = pytest.importorskip("datasets")

ROWS = [
    {
        "id": f"r{number}",
        "source": None if number < 7 else "s",
        "messages": [{"role": "user", "content": "é" * number}],
        "references": ["x"] * (number % 3 if number > 4 else 0),
        **({"score": number if number < 5 else number / 7} if number != 3 else {}),
        **({"late": "here"} if number == 19 else {}),
    }
    for number in range(23)
]


@pytest.mark.parametrize("rows_at_once", [1, 4, 23, 1000])
@pytest.mark.parametrize("shard_bytes", [200, 10**9])
def test_parts_and_shards_have_the_rows_of_the_whole(tmp_path, monkeypatch, rows_at_once, shard_bytes):
    monkeypatch.setattr(written_datasets, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(written_datasets, "_SHARD_BYTES", shard_bytes)
    write_dataset(tmp_path / "parts", ROWS)
    names = dict.fromkeys(name for row in ROWS for name in row)
    whole = datasets.Dataset.from_dict({name: [row.get(name) for row in ROWS] for name in names})
    datasets.DatasetDict({"train": whole}).save_to_disk(str(tmp_path / "whole"))
    parts = datasets.load_from_disk(str(tmp_path / "parts"))["train"]
    assert parts.features == whole.features
    assert list(parts) == list(whole)
    assert [raw.values for raw in read_rows(str(tmp_path / "parts"))] == list(whole)
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.json"))
    assert files == sorted(path.relative_to(tmp_path / "parts") for path in (tmp_path / "parts").rglob("*.json"))
    for name in files:
        saved, expected = (json.loads((tmp_path / place / name).read_text()) for place in ("parts", "whole"))
        for state in (saved, expected):
            assert state.pop("_fingerprint", "0" * 16) != ""
            state.pop("_data_files", None)
        assert saved == expected
    shards = list((tmp_path / "parts").rglob("*.arrow"))
    assert len(shards) > 1 if shard_bytes == 200 and rows_at_once < 23 else len(shards) == 1


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.text(), st.none() | st.text() | st.floats(allow_nan=False) | st.lists(st.text()))))
def test_the_hash_of_rows_and_objects_is_that_of_the_whole(rows):
    assert json_rows_hash(rows) == json_hash(rows)
    for row in rows:
        assert json_object_hash(sorted(row.items())) == json_hash(row)
