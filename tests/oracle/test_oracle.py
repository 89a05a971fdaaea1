"""Commands do what they did when `expected/` was recorded: exit codes, rows, scores, weights, hashes, signatures.

If a change is meant, `python -m tests.oracle.record GROUP` records the group again, and the commit says why. `facts.py`
lists everything that may differ without that.
"""

import functools
import json
import operator
import warnings

import pytest

from tests.oracle.cases import GROUPS
from tests.oracle.compare import RELATIVE, TRAINED, TRAINING_GROUPS, differences, unequal_bits
from tests.oracle.run import HERE

pytest.importorskip("trl")
pytestmark = pytest.mark.slow


def put_recorded_elsewhere(cases, machine, group):
    """Expect this kind of processor's own recorded value in the few places where kinds differ beyond `TRAINED`."""
    for entry in json.loads((HERE / "expected/other_processors.json").read_text()).get(machine, {}).get(group, []):
        *keys, last = entry["place"]
        held = functools.reduce(operator.getitem, keys, cases)
        assert differences(held[last], entry["value"], TRAINED), f"{entry['place']} needs no value of its own"
        held[last] = entry["value"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group(group, recorded):
    expected = json.loads((HERE / f"expected/{group}.json").read_text())
    actual = recorded.cases[group]
    put_recorded_elsewhere(expected["cases"], recorded.machine, group)
    found = differences(expected["cases"], actual, TRAINED if group in TRAINING_GROUPS else RELATIVE)
    if expected["machine"] == recorded.machine and (files := unequal_bits(expected["cases"], actual)):
        warnings.warn(f"Weights differ in their last bits: {', '.join(files)}", stacklevel=1)
    assert not found, "\n".join(found[:40])


@pytest.mark.parametrize("change", [{"rows": 2}, {"hashes": ["01"]}, {"score": 0.2500001}, {"more": 1}])
def test_the_comparison_sees_a_change(change):
    facts = {"rows": 1, "hashes": ["00"], "score": 0.25}
    assert len(differences({"file": facts}, {"file": facts | change})) == 1
    assert len(differences({"file": facts}, {})) == 1


def test_another_processor_has_its_own_value_in_few_places():
    cases = json.loads((HERE / "expected/train.json").read_text())["cases"]
    before = json.dumps(cases)
    put_recorded_elsewhere(cases, "an unknown one", "train")
    assert json.dumps(cases) == before
    put_recorded_elsewhere(cases, "AMD EPYC, torch 2.13.0+cpu", "train")
    assert len(differences(json.loads(before), cases, TRAINED)) == 1


def test_weights_may_differ_in_their_last_bits():
    tensor = {"shape": [2, 2], "dtype": "torch.float32", "sum": 0.0, "norm": 2.0}
    assert not differences(tensor, tensor | {"sum": 1e-7}, TRAINED)
    assert differences(tensor, tensor | {"norm": 2.00001}, TRAINED)
