"""Columns in a file hold what lists would, and scoring by parts gives what scoring at once gives."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bleuberi.evaluation import measures as scoring
from bleuberi.evaluation.measures import measures, score_answers, score_columns
from bleuberi.evaluation.number_file import NumberFile, numbers
from bleuberi.records import Example

NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(NUMBER, max_size=9), max_size=4), st.slices(9))
def test_columns_are_lists(lists, part):
    file = NumberFile()
    columns = [file.column(len(values)) for values in lists]
    for column, values in zip(columns, lists, strict=True):
        for start in range(0, len(values), 4):
            column.write(start, values[start : start + 4])
    for column, values in zip(columns, lists, strict=True):
        assert list(column) == values
        assert column[part] == values[part]
        assert [column[place] for place in range(-len(values), len(values))] == values * 2
        assert numbers(column).tolist() == pytest.approx([math.nan if v is None else v for v in values], nan_ok=True)
        with pytest.raises(IndexError):
            column[len(values)]


def test_a_matrix_comes_back_and_unwritten_numbers_are_an_error():
    file, matrix = NumberFile(), np.arange(12.0).reshape(4, 3)[:, ::2]
    place = file.reserve(matrix.size)
    file.write(place, matrix)
    assert file.read(place, matrix.size).reshape(4, -1).tolist() == matrix.tolist()
    later = file.reserve(5)
    with pytest.raises(EOFError):
        file.read(later, 5)


class RankInCall:
    """A reward of the user's own form: its scores depend on the rows of the call."""

    name = "rank"

    def signature(self):
        return "rank"

    def __call__(self, *, prompts, responses, references):
        return [float(sorted(responses).index(text)) for text in responses]


def test_parts_of_the_rows_are_scored_as_all_rows_at_once(monkeypatch):
    monkeypatch.setattr(scoring, "_ROWS_AT_ONCE", 7)
    rows = [Example(f"r{n}", "s", [], f"what is {n} of it", "", [f"it is {n}", "so"][: n % 3]) for n in range(40)]
    texts = [f"it is {n * 7919 % 40} of it" if n % 5 else "" for n in range(40)]
    chosen = [*measures(["bleu", "chrf"]), scoring.Measure("rank", RankInCall(), "score")]
    found = score_columns(chosen, rows, texts, NumberFile())
    assert {name: list(column) for name, column in found.items()} == score_answers(chosen, rows, texts)
