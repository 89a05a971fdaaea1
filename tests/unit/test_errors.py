"""A user error is two lines, also after a trip through another process."""

import pickle

import pytest

from bleuberi.errors import MissingExtraError, UserError


@pytest.mark.parametrize("error", [UserError("a\nb", "c\n\n  d"), MissingExtraError("trl", "train", "Training")])
def test_two_lines_also_after_pickling(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert str(error).count("\n") == 1


def test_a_missing_extra_names_the_install_line():
    assert str(MissingExtraError("trl", "train", "Training")) == (
        'Training needs the package trl, which is not installed.\nInstall it with: pip install "bleuberi[train]"'
    )
