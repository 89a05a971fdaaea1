"""Records of folders: with any single part missing or of another type they load, or a `UserError` names the part."""

import copy
import json

import pytest

from bleuberi.check.record import CheckedRows, CheckRecord
from bleuberi.errors import UserError
from bleuberi.evaluation.record import EvaluationRecord
from bleuberi.folders import DatasetFolder, ModelFolder
from bleuberi.records import from_json, to_json
from bleuberi.selection.examples import SelectionExamples
from bleuberi.selection.record import SelectionRecord
from bleuberi.statistics import Estimate
from tests.conftest import ROOT

ARTIFACTS = ROOT / "tests/oracle/artifacts"
FOLDERS = {
    EvaluationRecord: ("evaluation", "evaluation.json"),
    SelectionRecord: ("data/data_grpo/hard", "selection.json"),
    CheckRecord: ("checked", "check.json"),
    CheckedRows: ("checked", "manifest.json"),
    ModelFolder: ("runs/finished", "manifest.json"),
    DatasetFolder: ("data/data_grpo/hard", "manifest.json"),
}
OTHERS = (None, True, -7, 10**400, "x", ["x"], {})
_GONE = object()


def small(value, metrics):
    """Two entries of each list, and one metric of several."""
    if isinstance(value, list):
        return [small(one, metrics) for one in value[:2]]
    return (
        {key: small(one, metrics) for key, one in value.items() if key not in metrics}
        if isinstance(value, dict)
        else value
    )


def places(value, path=()):
    """Every part of a JSON value by its path; of a list only the first."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def harmed(content, path, value):
    content = copy.deepcopy(content)
    *above, last = path
    place = content
    for key in above:
        place = place[key]
    if value is _GONE:
        del place[last]
    else:
        place[last] = value
    return content


def loaded(kind, folder):
    """The record, with every property of it, or what the error says."""
    try:
        found = kind.load(folder)
    except UserError as error:
        return None, error.what
    properties = [name for name, value in vars(kind).items() if isinstance(value, property)]
    return found, "" if found is None else str([getattr(found, name) for name in properties])


@pytest.mark.parametrize("kind", FOLDERS, ids=lambda kind: kind.__name__)
def test_any_single_part_may_be_missing_or_of_another_type(kind, tmp_path):
    """No property fails on what the record let in, either."""
    folder, name = FOLDERS[kind]
    content = json.loads((ARTIFACTS / folder / name).read_text())
    assert loaded(kind, ARTIFACTS / folder)[0] is not None
    content = small(content, list(content.get("signatures", {}))[1:])
    said = []
    for path in places(content):
        for value in (_GONE, *OTHERS):
            (tmp_path / name).write_text(json.dumps(harmed(content, path, value)))
            found, error = loaded(kind, tmp_path)
            if found is None:
                said.append(error)
    assert [error for error in said if error]
    assert not [error for error in said if error and name not in error and "newer bleuberi" not in error]


@pytest.mark.parametrize("kind", FOLDERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", '{"schema_version": 1}', "[" * 3000, "\ud800"])
def test_other_files_are_refused_or_none(kind, content, tmp_path):
    (tmp_path / FOLDERS[kind][1]).write_bytes(content.encode("utf-8", "surrogatepass"))
    assert loaded(kind, tmp_path)[0] in (None, DatasetFolder())


def test_what_is_written_is_read_again():
    for kind, (folder, _) in FOLDERS.items():
        found = kind.load(ARTIFACTS / folder)
        assert str(from_json(kind, to_json(found), "again")) == str(found)  # NaN is not equal to itself
    unknown = from_json(Estimate, to_json(Estimate(0.5, float("-inf"), float("inf"), 1, 1, "m")), "estimate")
    assert (unknown.value, unknown.low == unknown.low, unknown.high == unknown.high) == (0.5, False, False)


def test_examples_of_a_selection_say_what_is_wrong():
    row = {"id": "a", "picked": True, "prompt": "p", "references": ["r"], "score": 0.5, "samples": [{"score": "high"}]}
    with pytest.raises(UserError, match=r"examples\.rows\.0\.samples\.0\.score is 'high', not a number"):
        from_json(SelectionExamples, {"picked": 1, "others": 0, "rows": [row]}, "examples")
