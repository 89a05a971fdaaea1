"""Sequences and texts in temporary files behave as lists and dictionaries do; a full disk is an error in two lines."""

import errno
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi import on_disk
from bleuberi.data.gathered import Gathered
from bleuberi.errors import UserError
from bleuberi.generation.key_index import KeyIndex
from bleuberi.on_disk import Mapped, Noted, Numbers, Spilled, temporary_database, temporary_errors


@settings(deadline=None)
@given(st.lists(st.text() | st.lists(st.integers())), st.integers(1, 60), st.slices(12), st.data())
def test_a_spilled_sequence_is_a_list(items, block, part, data):
    before, on_disk._BLOCK_BYTES = on_disk._BLOCK_BYTES, block
    try:
        spilled = Spilled(items)
        assert list(spilled) == items
        assert spilled[part] == items[part]
        assert [spilled[place] for place in range(-len(items), len(items))] == items * 2
        for outside in (len(items), -len(items) - 1):
            with pytest.raises(IndexError):
                spilled[outside]
        spilled.append(more := data.draw(st.text()))
        assert (spilled[-1], len(spilled)) == (more, len(items) + 1)
        assert list(Mapped(spilled, repr)) == list(map(repr, [*items, more]))
        assert Mapped(spilled, repr)[part] == list(map(repr, [*items, more]))[part]
    finally:
        on_disk._BLOCK_BYTES = before


def test_two_readers_of_one_sequence_do_not_meet():
    spilled = Spilled(range(1000))
    assert all(one == other for one, other in zip(spilled, spilled, strict=True))


@given(st.lists(st.tuples(st.sampled_from(["a", "A", "a\0", "\udcff", ""]), st.text())))
def test_the_first_note_of_a_text_is_kept(pairs):
    notes, plain = Noted(), {}
    for text, note in pairs:
        assert notes.add(text, note) == plain.get(text)
        plain.setdefault(text, note)


@given(st.lists(st.tuples(st.sampled_from(["b", "a", "a\0", "\udcff", ""]) | st.text(), st.integers(0, 9))))
def test_numbers_are_a_dictionary_of_sorted_lists(pairs):
    numbers, plain = Numbers(), {}
    for key, number in pairs:
        numbers.add(key, number)
        plain.setdefault(key, set()).add(number)
    assert numbers == {key: sorted(found) for key, found in plain.items()}
    assert list(numbers) == sorted(plain, key=lambda key: key.encode("utf-8", "surrogatepass"))
    assert (len(numbers), numbers.total()) == (len(plain), sum(map(len, plain.values())))
    assert numbers.get("none of them") is None
    by_place = Numbers()
    for place in (300, 2, 10):
        by_place.add(place, place)
    assert list(by_place) == [2, 10, 300]


def test_a_full_disk_is_an_error_in_two_lines(monkeypatch):
    spilled = Spilled()

    class Full:
        def write(self, block):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spilled, "_file", Full())
    with pytest.raises(UserError, match="No space left on device") as caught:
        spilled.append("x" * 2_000_000)
    assert "TMPDIR" in caught.value.cure
    store = temporary_database("CREATE TABLE texts (text TEXT)")
    store.execute("PRAGMA max_page_count = 4")
    with pytest.raises(UserError, match="directory for temporary files: database or disk is full"), temporary_errors():
        store.executemany("INSERT INTO texts VALUES (?)", [("x" * 5000,)] * 9)


@pytest.mark.parametrize(
    ("rows", "read"),
    [(KeyIndex(), lambda index: index.find(["00" * 16])), (Gathered(), lambda gathered: next(gathered.rows()))],
    ids=["KeyIndex", "Gathered"],
)
def test_a_disk_that_is_full_while_rows_are_read_is_one_too(monkeypatch, rows, read):
    """SQLite writes changed pages also while it reads, if it needs their memory."""

    class Full:
        def execute(self, *words):
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(rows, "_store", Full())
    with pytest.raises(UserError, match="directory for temporary files: database or disk is full"):
        read(rows)
