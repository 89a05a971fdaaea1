"""Scores from Arrow are those of the same texts as Python objects, whatever the layout of the batch."""

import pytest

from bleuberi.errors import UserError
from bleuberi.rewards import Bleu, ChrfPlusPlus, Meteor, Rouge2, RougeL, RougeLsum
from bleuberi.rewards.arrow import read_arrow, score_arrow
from bleuberi.rewards.bleu import BleuShortF1

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

ROWS = [
    ("the cat sat on the mat", ["the cat sat on a mat", "a cat"]),
    ("", ["something"]),
    ("naïve 日本語 1.5, 2-3", ["naïve 日本語 1.5", "x"]),
    ("no references", []),
    ("blank references", ["", " "]),
    (None, ["something"]),
    ("no list", None),
    ("a gap in the list", [None, "a gap in a list"]),
    ("last", ["last", "very last"]),
]
REWARDS = [Bleu(), RougeL(), BleuShortF1(), Rouge2(stem=True), RougeLsum(references="mean"), ChrfPlusPlus(), Meteor()]
REWARDS += [Bleu(tokens="auto"), RougeL(tokens="auto")]


def expected(reward, rows):
    kept = [[text for text in refs or [] if text is not None] for _, refs in rows]
    return reward(responses=[row[0] for row in rows], references=kept)


@pytest.mark.parametrize("text", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("make_list", [pa.list_, pa.large_list])
@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.name)
def test_every_layout_slice_and_gap(text, make_list, reward, back_end):
    schema = pa.schema([("response", text), ("references", make_list(text))])
    batch = pa.record_batch([[r[0] for r in ROWS], [r[1] for r in ROWS]], schema=schema)
    for start in range(len(ROWS) + 1):
        for length in range(len(ROWS) - start + 1):
            (scores,) = score_arrow(reward, [batch.slice(start, length)])
            assert scores == expected(reward, ROWS[start : start + length])


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_files_are_read_in_batches(suffix, tmp_path):
    table = pa.table({"response": [r[0] for r in ROWS], "references": [r[1] for r in ROWS], "other": range(len(ROWS))})
    path = tmp_path / f"rows{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    batches = list(score_arrow(Bleu(), read_arrow(path, columns=["response", "references"], rows=4)))
    assert [len(batch) for batch in batches] == [4, 4, 1]
    assert [score for batch in batches for score in batch] == expected(Bleu(), ROWS)


def test_a_wrong_column_is_named():
    batch = pa.record_batch({"response": ["a"], "refs": [["a"]]})
    with pytest.raises(UserError, match=r"has no column references. Available: response, refs"):
        list(score_arrow(Bleu(), [batch]))
    with pytest.raises(UserError, match="has type string"):
        list(score_arrow(Bleu(), [batch], references="response"))


@pytest.mark.parametrize("reward", [REWARDS[n] for n in (0, 1, 3, 4, 5)], ids=lambda reward: reward.name)
def test_bytes_that_are_not_utf8_are_scored_within_their_buffer(reward, native):
    for harmed in (b"\xf0", b"a \xe2", b"caf\xc3", b"\xff\xfe\xf0\x9f", b"\x80\x80 runnings"):
        texts = pa.Array.from_buffers(pa.string(), 1, [None, pa.array([0, len(harmed)], pa.int32()).buffers()[1],
                                                       pa.py_buffer(harmed)])  # fmt: skip
        lists = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), texts)
        (scores,) = score_arrow(reward, [pa.record_batch([texts, lists], ["response", "references"])])
        assert scores[0] is None or 0.0 <= scores[0] <= 1.0
