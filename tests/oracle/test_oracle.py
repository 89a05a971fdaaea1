"""Commands do what they did when `expected/` was recorded: exit codes, rows, scores, weights, hashes, signatures.

If a change is meant, `python -m tests.oracle.record GROUP` records the group again, and the commit says why. `facts.py`
lists everything that may differ without that.
"""

import pytest

from tests.oracle.cases import GROUPS
from tests.oracle.compare import TRAINED, differences, unlike_expected

pytest.importorskip("trl")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("group", [name for name in GROUPS if name != "artifacts"])
def test_a_group(group, recorded):
    found = unlike_expected(group, recorded)
    assert not found, "\n".join(found[:40])


@pytest.mark.parametrize("change", [{"rows": 2}, {"hashes": ["01"]}, {"score": 0.2500001}, {"more": 1}])
def test_the_comparison_sees_a_change(change):
    facts = {"rows": 1, "hashes": ["00"], "score": 0.25}
    assert len(differences({"file": facts}, {"file": facts | change})) == 1
    assert len(differences({"file": facts}, {})) == 1


def test_weights_may_differ_in_their_last_bits():
    tensor = {"shape": [2, 2], "dtype": "torch.float32", "sum": 0.0, "norm": 2.0}
    assert not differences(tensor, tensor | {"sum": 1e-7}, TRAINED)
    assert differences(tensor, tensor | {"norm": 2.00001}, TRAINED)


def test_gradient_norms_alone_may_differ_more():
    logged = {"loss": 2.0, "grad_norm": 2.0}
    assert not differences(logged, {"loss": 2.0, "grad_norm": 2.00001}, TRAINED)
    assert len(differences(logged, {"loss": 2.00001, "grad_norm": 2.0001}, TRAINED)) == 2
