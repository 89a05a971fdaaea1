"""Logs by step: what was written is read, half a line never is, and a resumed run cuts only what comes again."""

from bleuberi.training.folder.log import append_entries, cut_entries, read_entries
from bleuberi.training.watch.samples import cut_samples

# Line ends to Unicode, and to `str.splitlines`, which JSON leaves as they are.
ODD = "one\u2028two\x85three\u2029four"


def entries(steps):
    return [{"step": step, "completion": f"{step} {ODD}"} for step in steps]


def test_texts_with_line_ends_of_unicode_stay_whole(tmp_path):
    log = tmp_path / "run/log.jsonl"
    assert read_entries(log) == []
    append_entries(log, entries([1, 2]))
    append_entries(log, entries([3]))
    assert read_entries(log) == entries([1, 2, 3])
    before = log.read_bytes()
    cut_entries(log, lambda entry: entry["step"] <= 2)
    assert read_entries(log) == entries([1, 2])
    assert before.startswith(log.read_bytes())


def test_half_a_line_is_neither_read_nor_kept(tmp_path):
    log = tmp_path / "log.jsonl"
    append_entries(log, entries([1]))
    whole = log.read_bytes()
    with log.open("ab") as stream:
        stream.write(b'{"step": 2, "comp')
    assert read_entries(log) == entries([1])
    cut_entries(log, lambda entry: True)
    assert log.read_bytes() == whole


def test_samples_behind_the_checkpoint_come_again(tmp_path):
    log = tmp_path / "completions.jsonl"
    append_entries(log, entries([0, 2, 4]))
    cut_samples(tmp_path, 2)
    assert read_entries(log) == entries([0, 2])
    cut_samples(tmp_path, None)
    assert read_entries(log) == []
