"""The search budget of arms: read from the protocol, equal for all, and counted in their cost."""

import json
from types import SimpleNamespace

import pytest

from bleuberi.artifacts import file_hash
from bleuberi.comparison.costs import Cost, Passes
from bleuberi.comparison.decision import Spent
from bleuberi.comparison.evaluation import spending
from bleuberi.comparison.process import Seconds
from bleuberi.comparison.protocol import read_protocol
from bleuberi.comparison.record import RunManifest, RunProtocol, RunRecord
from bleuberi.comparison.search_costs import search_costs
from bleuberi.comparison.table import cost_table
from bleuberi.errors import UserError
from tests.unit.comparison.test_protocol import write  # noqa: F401 - a fixture

EQUAL = """search:
  sft: [pilot/sft_a, pilot/sft_b]
  grpo: [pilot/grpo_a, pilot/grpo_b]
  sft_grpo: [pilot/grpo_a, pilot/sft_b]
texts: commit"""


def tokens(number):
    return Cost(Passes(1, number), Passes(1, number), Passes(1, number), Seconds(60.0, 30.0))


def save_run(folder, data, parts):
    folder.mkdir(parents=True)
    (folder / "cost.json").write_text(json.dumps({name: cost.to_json() for name, cost in parts.items()}))
    files = {"cost.json": file_hash(folder / "cost.json")}
    manifest = {
        "schema_version": 1, "kind": "experiment_run", "config": {}, "arm": folder.name, "key": "key",
        "responses_sha256": "sha256", "files_sha256": files, "trained": {"data_sha256": data, "weights_sha256": "w"},
        "cpu": "cpu", "protocol": {"promises": {}}, "versions": {},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def pilot(tmp_path):
    """Two settings of sft on one data set, the second with two seeds, and one of another arm."""
    cost = {"data": tokens(100), "training": tokens(10), "answering": tokens(1), "total": tokens(110)}
    for name in ("sft_a@1", "sft_b@1", "sft_b@2", "sft_bigger@1"):
        save_run(tmp_path / "pilot/runs" / name, "rows", cost)
    return tmp_path


def test_a_search_is_read_with_the_protocol_and_is_one_of_its_promises(write):  # noqa: F811
    protocol = read_protocol(write(("texts: commit", EQUAL)))
    assert protocol.search["sft"] == ("pilot/sft_a", "pilot/sft_b")
    assert protocol.promises()["search"]["grpo"] == ["pilot/grpo_a", "pilot/grpo_b"]
    assert "search" not in read_protocol(write()).promises()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            ", pilot/sft_b]\n  grpo",
            "]\n  grpo",
            r"different numbers of settings \(1 for sft, 2 for grpo, 2 for sft_grpo\)",
        ),
        ("  grpo: [pilot/grpo_a, pilot/grpo_b]\n", "", r"2 for sft, 2 for sft_grpo, 0 for grpo"),
        ("  grpo: [pilot/grpo_a, pilot/grpo_b]", "  grpo: [pilot/grpo_a, pilot/grpo_a]", "different pilot arms"),
        ("  grpo: [pilot/grpo_a, pilot/grpo_b]", "  grpo: [one, two]", "different pilot arms"),
        (
            "  grpo: [pilot/grpo_a, pilot/grpo_b]",
            "  base: [pilot/a, pilot/b]",
            "search.base is not an arm with settings",
        ),
    ],
)
def test_unequal_budgets_are_refused(write, old, new, said):  # noqa: F811
    with pytest.raises(UserError, match=said):
        read_protocol(write(("texts: commit", EQUAL.replace(old, new))))


def test_the_cost_of_a_search_is_that_of_its_runs_and_shared_data_count_once(pilot):
    found = search_costs({"sft": ("pilot/sft_a", "pilot/sft_b")}, pilot)["sft"]
    assert (found.settings, found.runs) == (2, 3)
    assert found.cost.backward.tokens == 100 + 3 * 10 + 3 * 1
    with pytest.raises(UserError, match="pilot/sft_c, which has no committed runs"):
        search_costs({"sft": ("pilot/sft_c",)}, pilot)
    (pilot / "pilot/runs/sft_b@1/manifest.json").unlink()
    with pytest.raises(UserError, match="sft_b@1 is not a valid run record"):
        search_costs({"sft": ("pilot/sft_b",)}, pilot)
    (pilot / "pilot/runs/sft_a@1/cost.json").write_text("{}")
    with pytest.raises(UserError, match="was changed after it was written"):
        search_costs({"sft": ("pilot/sft_a",)}, pilot)


def test_it_is_counted_in_the_decision_and_shown_in_the_table(pilot):
    arms = {name: SimpleNamespace(name=name) for name in ("base", "sft")}
    search = {"sft": ("pilot/sft_a", "pilot/sft_b")}
    protocol = SimpleNamespace(arms=arms)
    manifest = RunManifest({}, "key", "sha256", {}, None, "cpu", RunProtocol({}), {})
    records = {"sft@1": RunRecord("sft@1", None, manifest, {"total": tokens(1000)})}
    searched = search_costs(search, pilot)
    assert spending(protocol, records, searched)["sft"] == Spent(1133, 4 * 1133, 8.0)
    table = cost_table(protocol, records, searched)
    assert table.columns[-1] == "search"
    assert [row[-1].text for row in table.rows] == ["", "2 settings, 3 runs: 532 token passes, 7.0 minutes"]
    assert spending(protocol, records, {})["sft"] == Spent(1000, 4000, 1.0)
    assert cost_table(protocol, records, {}).columns[-1] == "CPU minutes"
