"""Protocols: what is read, in which order runs go, and what is refused with its line."""

import pytest

from bleuberi.comparison.arms import KINDS, find_runs
from bleuberi.comparison.evaluation import evaluate_words
from bleuberi.comparison.pool_parts import GeneratedPool, HeldOut, PoolFile
from bleuberi.comparison.protocol import FIELDS, read_protocol
from bleuberi.errors import UserError
from tests.conftest import ROOT

HASH = "0" * 64
PROTOCOL = f"""\
name: learn
question: Does it learn?
model: demo
pool:
  train: {{generate: {{preset: learn, rows: 40, seed: 1, split: train}}}}
  test: {{file: test.jsonl, sha256: {HASH}}}
min_references: 2
examples: {{mode: random, count: 16, seed: 3}}
max_new_tokens: 32
settings:
  grpo: {{config: grpo_cpu_long, max_steps: 12, learning_rate: 5e-4}}
arms:
  base: {{kind: base}}
  prompted: {{kind: prompted, instruction: Be brief.}}
  sft_grpo: {{kind: grpo, start: sft, seeds: [2, 1]}}
  sft: {{kind: sft, seeds: [1, 2, 3], settings: {{learning_rate: 1e-3}}}}
  grpo: {{kind: grpo, seeds: [1, 2]}}
  placebo: {{kind: grpo, data: shuffled, seeds: [1]}}
  length: {{kind: grpo, reward: length, seeds: [1], examples: {{count: 8}}, ref_models: [gold]}}
primary: {{arm: grpo, against: placebo, metric: facts}}
smallest_visible: {{facts: 5e-2, from: three pilot runs}}
stopping: All runs above.
texts: commit
"""


@pytest.fixture
def write(tmp_path):
    """Write the protocol with replacements; gives its path."""

    def write(*replaced, name="protocol.yaml"):
        text = PROTOCOL
        for old, new in replaced:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_what_a_protocol_says(write, tmp_path):
    protocol = read_protocol(write())
    arms = protocol.arms
    assert protocol.pool["train"] == GeneratedPool({"preset": "learn", "rows": 40, "seed": 1, "split": "train"})
    assert protocol.pool["test"] == PoolFile(tmp_path / "test.jsonl", HASH, "")
    assert (arms["grpo"].config, arms["grpo"].settings) == ("grpo_cpu_long", {"max_steps": 12, "learning_rate": 0.0005})
    assert (arms["sft"].config, arms["sft"].settings) == ("sft_cpu", {"learning_rate": 0.001})
    assert (arms["grpo"].rewards, arms["length"].rewards, arms["sft"].rewards) == (("bleu",), ("length",), ())
    assert arms["grpo"].examples.shuffle is None
    assert arms["placebo"].examples.shuffle == 1
    assert (arms["length"].examples.count, arms["length"].examples.ref_models) == (8, ("gold",))
    assert (arms["grpo"].examples.count, arms["grpo"].examples.ref_models) == (16, ("all",))
    assert protocol.placebos == ["placebo"]
    assert protocol.smallest_visible == {"facts": 0.05, "from": "three pilot runs"}
    assert protocol.folder == tmp_path


def test_an_arm_can_add_up_several_rewards(write):
    arms = read_protocol(write(("reward: length", "reward: [meteor, rouge]"))).arms
    assert arms["length"].rewards == ("meteor", "rouge")


def test_a_pilot_beside_the_protocol_has_a_folder_of_its_own(write, tmp_path):
    assert read_protocol(write(name="pilot.yaml")).folder == tmp_path / "pilot"


def test_every_arm_gets_its_first_seed_first_and_a_run_follows_the_one_it_starts_from(write):
    names = [run.name for run in read_protocol(write()).runs]
    first = ["base", "prompted", "sft@2", "sft_grpo@2", "sft@1", "grpo@1", "placebo@1", "length@1"]
    assert names == [*first, "sft_grpo@1", "grpo@2", "sft@3"]


def test_names_of_runs_and_of_arms_choose_runs(write):
    runs = read_protocol(write()).runs
    assert [run.name for run in find_runs(runs, ["grpo@2", "sft"], "--only")] == ["grpo@2", "sft@2", "sft@1", "sft@3"]
    with pytest.raises(UserError, match="--only grpo@9: no such run in the protocol"):
        find_runs(runs, ["grpo@9"], "--only")


def test_a_file_can_be_split(write):
    held = f"{{split: {{file: all.jsonl.gz, sha256: {HASH}, get: ask, test: 40, dev: 10, seed: 5}}}}"
    text = PROTOCOL.partition("pool:\n")[2].partition("min_ref")[0]
    pool = read_protocol(write((f"pool:\n{text}", f"pool: {held}\n"))).pool
    assert set(pool) == {"train", "dev", "test"}
    assert pool["dev"] == HeldOut(pool["test"].file, "dev", {"test": 40, "dev": 10}, 5)
    assert pool["test"].file.get == "ask"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [  # what stands in the protocol, what stands there instead, the line, what is said
        ("question:", "questoin:", 2, "questoin is not a field"),
        ("max_new_tokens: 32", "max_new_tokens: 0", 9, "max_new_tokens must be a whole number from 1 to"),
        ("max_new_tokens: 32", "max_new_tokens: many", 9, "(got 'many')"),
        ("stopping: All runs above.\n", "", 1, "the protocol lacks stopping"),
        ("stopping: All runs above.", "stopping: ' '", 22, "stopping must be a text"),
        ("texts: commit", "texts: all", 23, "texts must be one of commit, scores_only (got 'all')"),
        ("name: learn\n", "name: learn\nname: twice\n", 2, "name is duplicated"),
        ("kind: base", "kind: bass", 13, "arms.base.kind must be one of base, prompted, sft, bestof, dpo, grpo"),
        ("{kind: base}", "{kind: base, seeds: [1]}", 13, "arms.base.seeds is not a field of an arm of kind base"),
        ("  base: {kind: base}\n", "", 13, "arms must start with the only arm of kind base"),
        ("Be brief.", "''", 14, "arms.prompted.instruction must be a text"),
        ("start: sft,", "start: nobody,", 15, "arms.sft_grpo.start is 'nobody', which is not a trained arm"),
        ("start: sft,", "start: base,", 15, "arms.sft_grpo.start is 'base', which is not a trained arm"),
        ("start: sft,", "start: sft_grpo,", 15, "arms.sft_grpo.start is circular (through sft_grpo)"),
        ("seeds: [2, 1]", "seeds: [2, 7]", 15, "arms.sft_grpo.start is sft, which has no seed 7"),
        ("seeds: [2, 1]", "seeds: [2, 2]", 15, "arms.sft_grpo.seeds has a duplicate number"),
        ("seeds: [2, 1]", "seeds: []", 15, "arms.sft_grpo.seeds must be a list of whole numbers"),
        ("start: sft, seeds: [2, 1]", "start: sft", 15, "arms.sft_grpo lacks seeds"),
        ("settings: {learning_rate: 1e-3}", "settings: {seed: 3}", 16, "arms.sft.settings sets seed, which"),
        ("  grpo: {kind", "  grpo@1: {kind", 17, "arms.grpo@1 may only contain letters"),
        ("data: shuffled", "data: mixed", 18, "arms.placebo.data must be one of real, shuffled"),
        ("data: shuffled", "shuffle_seed: 2", 18, "arms.placebo.shuffle_seed has no effect without `data: shuffled`"),
        ("count: 8", "mode: hard", 19, "arms.length.examples selects by score (hard), but has no metric"),
        ("count: 8", "output_dir: x, mode: hard", 19, "arms.length.examples.output_dir is set by bleuberi compare"),
        ("against: placebo", "against: none", 20, "primary.against is 'none', which is not an arm"),
        ("against: placebo", "against: grpo", 20, "primary.against must be a different arm"),
        (HASH, "abc", 6, "pool.test.sha256 must be a SHA-256"),
        ("{generate: {preset", "{generate: {output: x, preset", 5, "pool.train.generate sets an output path"),
        ("  test: {file", "  tests: {file", 6, "pool.tests is not a field"),
        ("max_new_tokens: 32", "max_new_tokens: 32\nprompts: dev", 5, "pool has no part dev"),
        ("examples: {mode: random, count: 16, seed: 3}", "note: x", 15, "arms.sft_grpo is trained, but the"),
        ("max_new_tokens: 32", "max_new_tokens: 32\nevaluate: {json: true}", 10, "evaluate sets json, which"),
        ("settings:\n  grpo:", "settings:\n  grop:", 11, "settings.grop is not a field"),
        ("model: demo", "model: [demo", 4, "is not valid YAML"),
        ("arms:\n", "evaluate: none\narms:\n", 12, "evaluate is not a mapping"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_line(write, old, new, line, said):
    with pytest.raises(UserError) as caught:
        read_protocol(write((old, new)))
    assert said in caught.value.what
    assert f"protocol.yaml, line {line}: " in caught.value.what or "not valid YAML" in said
    assert caught.value.cure


def test_a_missing_an_empty_and_a_binary_protocol(tmp_path):
    path = tmp_path / "protocol.yaml"
    with pytest.raises(UserError, match=r"Protocol .* does not exist"):
        read_protocol(path)
    path.write_text("# nothing yet\n")
    with pytest.raises(UserError, match="is empty"):
        read_protocol(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not valid YAML"):
        read_protocol(path)
    path.write_text("- a\n- b\n")
    with pytest.raises(UserError, match="line 1: the file is not a mapping"):
        read_protocol(path)


def test_a_misspelt_field_gets_the_nearest_one_suggested(write):
    with pytest.raises(UserError) as caught:
        read_protocol(write(("instruction:", "instructions:")))
    assert caught.value.cure == "Did you mean instruction?"


def test_the_protocol_that_the_page_shows_is_complete(tmp_path):
    page = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    (tmp_path / "protocol.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    protocol = read_protocol(tmp_path / "protocol.yaml")
    assert len(protocol.runs) == 2 + 3 * 5 + 2 * 3
    assert protocol.placebos == ["grpo_shuffled"]
    told = {cell for line in page.splitlines() if line.startswith("| `") for cell in line.split("`")[1::2]}
    assert set(KINDS) <= told


def test_the_page_names_every_field_of_a_protocol():
    page = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    shown = page.split("```yaml\n")[1].split("```")[0] + page.split("| field | |")[1].split("Runs are called")[0]
    assert [name for name in (*FIELDS, *KINDS["grpo"], *KINDS["prompted"]) if name not in shown] == []


def test_an_arm_of_the_best_samples(write):
    arms = "  length: {kind: grpo, reward: length, seeds: [1], examples: {count: 8}, ref_models: [gold]}"
    best = "  best: {kind: bestof, seeds: [1], samples: 4, sampling: {sample_temperature: 0.7}, reward: rouge}"
    arm = read_protocol(write((arms, f"{arms}\n{best}"))).arms["best"]
    assert (arm.trained, arm.config, arm.rewards) == (True, "sft_cpu", ("rouge",))
    assert (arm.sampling["num_samples"], arm.sampling["sample_temperature"], arm.sampling["sample_top_k"]) == (
        4,
        0.7,
        50,
    )
    dpo = read_protocol(write((arms, f"{arms}\n{best.replace('bestof', 'dpo')}"))).arms["best"]
    assert (dpo.config, dpo.rewards, dpo.sampling) == ("dpo_cpu", ("rouge",), arm.sampling)


@pytest.mark.parametrize("kind", ["sft", "bestof", "dpo", "grpo"])
def test_a_trained_arm_without_data_is_refused(write, kind):
    without = ("examples: {mode: random, count: 16, seed: 3}\n", "")
    with pytest.raises(UserError, match=r"is trained, but the protocol has no `examples` and `pool\.train`"):
        read_protocol(write(without, ("sft_grpo: {kind: grpo", f"sft_grpo: {{kind: {kind}")))


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("{kind: dpo, seeds: [1], samples: 1}", "samples must be a whole number from 2"),
        ("{kind: dpo, seeds: [1], reward: [bleu, rouge]}", "names several rewards"),
        ("{kind: dpo, seeds: [1], sampling: {num_samples: 2}}", "sets num_samples"),
        ("{kind: bestof, seeds: [1], samples: 1}", "samples"),
        ("{kind: sft, seeds: [1], settings: {max_steps: 0}}", "max_steps 0: less than one step"),
        ("{kind: bestof, seeds: [1], sampling: {temperature: 1}}", "sets temperature"),
        ("{kind: bestof, seeds: [1], reward: [bleu, rouge]}", "names several rewards"),
        ("{kind: sft, seeds: [1], samples: 4}", "samples is not a field of an arm of kind sft"),
    ],
)
def test_arms_that_cannot_be_made_are_refused(write, arm, said):
    kept = "  length: {kind: grpo, reward: length, seeds: [1], examples: {count: 8}, ref_models: [gold]}"
    with pytest.raises(UserError) as caught:
        read_protocol(write((kept, f"{kept}\n  other: {arm}")))
    assert said in caught.value.what
    assert "line" in caught.value.what


def test_one_part_can_be_had_as_another(write):
    part = f"{{file: a.jsonl, sha256: {HASH}, get: GET}}"
    text = PROTOCOL.partition("pool:\n")[2].partition("min_ref")[0]
    parts = {"train": "see the page", "dev": "as train", "test": "as nobody"}
    new = "".join(f"  {name}: {part.replace('GET', how)}\n" for name, how in parts.items())
    pool = read_protocol(write((f"pool:\n{text}", f"pool:\n{new}"))).pool
    assert [pool[name].get for name in parts] == ["see the page", "see the page", "as nobody"]


def test_the_evaluation_is_told_what_the_arms_were_trained_on(write):
    reward = "  length: {kind: grpo, reward: length, seeds: [1], examples: {count: 8}, ref_models: [gold]}"
    assert "--trained_on" not in evaluate_words(read_protocol(write()), "test.jsonl")
    mixed = reward.replace("reward: length", "reward: [meteor, rouge]")
    words = evaluate_words(read_protocol(write((reward, mixed))), "test.jsonl")
    place = words.index("--trained_on")
    assert words[place : place + 4] == ["--trained_on", "bleu", "meteor", "rouge"]
