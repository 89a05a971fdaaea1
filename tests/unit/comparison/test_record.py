"""What stands beside a run: whether its protocol was committed first, and how long others will take."""

import subprocess
from types import SimpleNamespace

import pytest

from bleuberi.comparison.arms import Arm, Run
from bleuberi.comparison.costs import Cost
from bleuberi.comparison.evaluation import refuse_texts
from bleuberi.comparison.process import Seconds
from bleuberi.comparison.record import RunManifest, RunProtocol, RunRecord, changed_promises
from bleuberi.comparison.times import Times
from bleuberi.comparison.versions import is_committed, last_commit, versions


def git(folder, *words):
    name = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True)


def test_a_protocol_is_committed_if_git_has_this_very_content(tmp_path):
    path = tmp_path / "protocol.yaml"
    path.write_text("a: 1\n")
    assert is_committed(path) is None, "there is no repository"
    git(tmp_path, "init")
    assert is_committed(path) is False
    git(tmp_path, "add", "protocol.yaml")
    assert is_committed(path) is False
    git(tmp_path, "commit", "-m", "first")
    assert is_committed(path) is True
    first = last_commit(path)
    (tmp_path / "other").write_text("b")
    git(tmp_path, "add", "other")
    git(tmp_path, "commit", "-m", "second")
    assert last_commit(path) == first
    assert len(first) == 40
    path.write_text("a: 2\n")
    assert (is_committed(path), last_commit(path)) == (False, None)


def test_versions_name_the_source_of_a_clone():
    found = versions()
    assert found["python"]
    assert len(found.get("source", "changed")) in (40, len("changed"))


def record(arm, method, *, training, answering):
    walls = {"training": training, "answering": answering}
    cost = {name: Cost(seconds=Seconds(wall)) for name, wall in walls.items() if wall}
    config = {"training": {"method": method} if method else {"model": {}}}
    manifest = RunManifest(config, "key", "sha256", {}, None, "cpu", RunProtocol({}), {})
    return RunRecord(arm, None, manifest, cost)


def test_an_estimate_is_of_the_same_arm_or_of_one_of_its_kind_and_names_what_is_unknown():
    times = Times([record("grpo", "grpo", training=100, answering=20), record("base", "", training=0, answering=30)])
    grpo, length, sft = (
        Run(Arm(name, kind), 1) for name, kind in (("grpo", "grpo"), ("length", "grpo"), ("sft", "sft"))
    )
    assert times.estimate([grpo]) == ", about 2 minutes to go"
    assert times.estimate([grpo, length, sft]) == ", about 4 minutes to go and 1 run of unknown length"
    assert times.estimate([Run(Arm("prompted", "prompted"))]) == ", about 30 seconds to go"
    assert times.estimate([sft]) == times.estimate([]) == ""
    times.add(record("length", "grpo", training=7000, answering=0))
    assert times.estimate([length]) == ", about 1.9 hours to go"


def test_changes_of_the_protocol_are_one_sentence_for_runs_that_share_them():
    def made(run, promises, **protocol):
        made_by = RunProtocol(promises, **protocol)
        return RunRecord(run, None, RunManifest({}, "key", "sha256", {}, None, "cpu", made_by, {}), {})

    now = {
        "primary": "meteor - bleu in facts", "smallest_visible": {"facts": 0.1}, "stopping": "All.",
        "runs": {name: [1, 2, 3] for name in ("bleu", "meteor", "rouge", "length")},
    }  # fmt: skip
    protocol = SimpleNamespace(name="rewards", promises=lambda: now)
    then = {**now, "primary": "grpo - sft in facts", "runs": {"grpo": [1], "sft": [1]}}
    records = {name: made(name, then) for name in ("base", "bleu@1", "bleu@2", "bleu@3", "meteor@1")}
    (said,) = changed_promises(records, protocol)
    assert said == (
        "The protocol was changed after base, bleu@1, bleu@2 and 2 more had run: primary: grpo - sft in facts then, "
        "meteor - bleu in facts now; runs: grpo, sft, bleu and 3 more"
    )
    (said,) = changed_promises({"base": made("base", {**now, "search": {"sft": ["pilot/a"]}})}, protocol)
    assert said.endswith("had run: search: {'sft': ['pilot/a']} then, None now")
    copied = {"base": made("base", then, name="learn"), "bleu@1": made("bleu@1", now, name="learn")}
    (said,) = changed_promises(copied, protocol)
    assert said.startswith("base ran for the experiment learn, whose protocol has other decisions: primary: ")


def test_a_text_in_what_is_committed_without_texts_is_caught_also_as_json_writes_it():
    text = 'He said "no" to the long walk.'
    refuse_texts({"table.md": "nothing of it", "scores.jsonl": '{"id": "He said"}'}, [text, "short"])
    for content in (f"| {text} |", '{"response": "He said \\"no\\" to the long walk."}'):
        with pytest.raises(ValueError, match=r"table\.md would contain a text"):
            refuse_texts({"table.md": content}, [text])
