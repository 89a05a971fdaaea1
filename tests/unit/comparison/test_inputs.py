"""Pools, the base's identity, configs and data sets of an experiment, made by the ordinary commands."""

import hashlib
import json
import shutil

import pytest

from bleuberi.comparison.inputs import flag_words, identify_base, make_data_set, make_pools, training_config
from bleuberi.comparison.keys import model_decides
from bleuberi.comparison.protocol import read_protocol
from bleuberi.comparison.stages import Workshop, data_cost
from bleuberi.comparison.store import Store
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.made import differences
from tests.conftest import ROOT
from tests.end_to_end.experiment import write_pools, write_protocol
from tests.end_to_end.test_one_prompt_everywhere import TEMPLATE

pytest.importorskip("datasets")


def ids(path):
    return [json.loads(line)["id"] for line in path.open(encoding="utf-8")]


@pytest.fixture
def protocol(tmp_path, tiny_model):
    """Write the small experiment's protocol with changes, and read it."""
    write_pools(tmp_path)

    def write(**changed):
        return read_protocol(write_protocol(tmp_path / "exp/protocol.yaml", **{"model": tiny_model, **changed}))

    return write


def test_generated_pools(protocol, tmp_path):
    def part(split, rows):
        return {"generate": {"preset": "learn", "rows": rows, "seed": 5, "split": split}}

    pool = {"train": part("train", 20), "test": part("test", 8), "dev": part("dev", 4)}
    read = protocol(pool=pool, ref_models=["all"])
    made = make_pools(read, Store(tmp_path / "store"))
    assert set(made) == {"train", "test"}, "dev is not needed"
    assert [len(ids(made[name].path)) for name in ("train", "test")] == [20, 8]
    assert make_pools(read, Store(tmp_path / "other"))["test"].sha256 == made["test"].sha256
    pool["test"] = part("test", "eight")
    with pytest.raises(UserError, match=r"The pool test: .*--rows"):
        make_pools(protocol(pool=pool), Store(tmp_path / "store"))


def test_parts_of_one_file_are_disjoint_and_together_the_file(protocol, tmp_path):
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()[:40]
    (tmp_path / "all.jsonl").write_text("\n".join(lines) + "\n")
    sha256 = hashlib.sha256((tmp_path / "all.jsonl").read_bytes()).hexdigest()
    split = {"file": "../all.jsonl", "sha256": sha256, "seed": 2, "test": 10, "dev": 5}
    store = Store(tmp_path / "store")
    parts = make_pools(protocol(pool={"split": split}), store)
    dev = make_pools(protocol(pool={"split": split}, prompts="dev"), store)["dev"]
    found = [ids(parts["train"].path), ids(dev.path), ids(parts["test"].path)]
    assert [len(part) for part in found] == [25, 5, 10]
    assert sorted(found[0] + found[1] + found[2]) == sorted(json.loads(line)["id"] for line in lines)


def test_a_pool_that_is_not_there_says_where_to_get_it(protocol, tmp_path):
    part = {"file": "none.jsonl", "sha256": "0" * 64, "get": "Ask at example.org."}
    with pytest.raises(UserError) as caught:
        make_pools(protocol(pool={"train": part, "test": part}), Store(tmp_path / "store"))
    assert caught.value.cure == "Ask at example.org."


def test_a_model_is_its_weights_vocabulary_and_template(protocol, tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "exp/copy")
    config = json.loads((tmp_path / "exp/copy/config.json").read_text())
    (tmp_path / "exp/copy/config.json").write_text(json.dumps({**config, "transformers_version": "9.9"}))
    own = identify_base(protocol(), None)
    copy = identify_base(protocol(model="./copy"), None)
    assert copy.identity == own.identity, "another library's version in a file is no other model"
    assert identify_base(protocol(model="copy"), None) == copy
    assert identify_base(protocol(model="demo"), tmp_path / "exp/copy").identity == own.identity
    template = (tmp_path / "exp/copy/chat_template.jinja").read_text()
    (tmp_path / "exp/copy/chat_template.jinja").write_text(template + " ")
    changed = identify_base(protocol(model="copy"), None).identity
    assert [name for name in changed if changed[name] != own.identity[name]] == ["chat_template"]
    with pytest.raises(UserError, match="does not contain a model"):
        identify_base(protocol(model="./"), None)


def test_configs_are_presets_or_files_beside_the_protocol(protocol, tmp_path):
    read = protocol()
    config = training_config(read.arms["grpo"], read)
    assert (config["learning_rate"], config["temperature"], config["max_steps"]) == (0.005, 0.9, 8)
    assert not {"seed", "reward_funcs"} & config.keys(), "the runner sets them"
    (tmp_path / "exp/mine.yaml").write_text("temperature: 0.5\nlearning_rate: 1e-9\n")
    read = protocol(settings={"grpo": {"config": "mine.yaml", "learning_rate": "2e-6"}})
    assert training_config(read.arms["grpo"], read) == {"temperature": 0.5, "learning_rate": 2e-6}
    read = protocol(settings={"grpo": {"config": "nobody"}})
    with pytest.raises(UserError) as caught:
        training_config(read.arms["grpo"], read)
    assert "grpo has config nobody, which is neither a preset nor a file" in caught.value.what
    assert "grpo_cpu" in caught.value.cure
    (tmp_path / "exp/mine.yaml").write_text("- a\n")
    read = protocol(settings={"grpo": {"config": "mine.yaml"}})
    with pytest.raises(UserError, match="is not a YAML mapping"):
        training_config(read.arms["grpo"], read)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ref_output_gold": None, "ref_output_second": None}, "The data of dpo: No row "),
        ({"prompt": "Say it."}, "The data of dpo: None of 8 rows remains: "),
    ],
)
def test_pools_that_leave_dpo_nothing_to_learn_from(protocol, tiny_model, tmp_path, change, said):
    """Rows without references, and responses that all score the same: BLEU of one word is that of another."""
    pytest.importorskip("transformers")
    rows = [json.loads(line) | change for line in (tmp_path / "train.jsonl").open(encoding="utf-8")]
    if "prompt" in change:
        rows = [row | dict.fromkeys(("ref_output_gold", "ref_output_second"), "漢字") for row in rows]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arms = {"base": {"kind": "base"}, "dpo": {"kind": "dpo", "seeds": [1], "samples": 2, "reward": "rouge"}}
    primary = {"arm": "dpo", "against": "base", "metric": "bleu"}
    read = protocol(model=str(eager(tiny_model, tmp_path)), arms=arms, primary=primary)
    base, store = identify_base(read, None), Store(tmp_path / "store")
    pools = make_pools(read, store)
    run = next(run for run in read.runs if run.name == "dpo@1")
    settings = model_decides(run, read, base, pools)["data"]
    with pytest.raises(UserError) as caught:
        make_data_set(run.arm, settings, pools["train"], base, store, 1)
    assert said in caught.value.what


@pytest.mark.slow
def test_samples_that_only_the_choice_of_examples_needs_are_counted(protocol, tmp_path):
    examples = {"mode": "hard", "metric": "bleu", "count": 4, "seed": 1}
    read = protocol(examples=examples)
    base, store = identify_base(read, None), Store(tmp_path / "store")
    pools = make_pools(read, store)
    run = next(run for run in read.runs if run.name == "grpo@1")
    settings = model_decides(run, read, base, pools)["data"]
    made = make_data_set(run.arm, settings, pools["train"], base, store, 1)
    cost = data_cost(made, Workshop(read, base, pools, store))
    assert (cost.generated.sequences, cost.forward.sequences) == (16, 16), "every row of the pool was answered"
    assert 16 <= cost.generated.tokens <= 16 * 8
    assert cost.forward.tokens > cost.generated.tokens + 16 * 10
    assert cost.backward.tokens == 0
    again = make_data_set(run.arm, settings, pools["train"], base, store, 1)
    assert again == made
    assert data_cost(again, Workshop(read, base, pools, store)) == cost, "nothing ran a second time"


@pytest.mark.slow
def test_scored_samples_are_data_for_sft_and_dpo_and_are_counted_in_both(protocol, tiny_model, tmp_path):
    pytest.importorskip("transformers")
    arms = {
        "base": {"kind": "base"},
        "sft": {"kind": "sft", "seeds": [1]},
        "best": {"kind": "bestof", "seeds": [1], "samples": 4},
        "dpo": {"kind": "dpo", "seeds": [1], "samples": 4},
    }
    primary = {"arm": "best", "against": "base", "metric": "bleu"}
    read = protocol(model=str(eager(tiny_model, tmp_path)), arms=arms, primary=primary)
    base, store = identify_base(read, None), Store(tmp_path / "store")
    pools = make_pools(read, store)
    workshop, made = Workshop(read, base, pools, store), {}
    for run in read.runs[1:]:
        settings = model_decides(run, read, base, pools)["data"]
        made[run.arm.name] = make_data_set(run.arm, settings, pools["train"], base, store, 1)
    rows = [dict(raw.values) for raw in read_rows(str(made["best"].folder))]
    assert 0 < len(rows) <= 8
    assert {row["samples"] for row in rows} == {4}
    assert rows[0]["completion"][0]["role"] == "assistant"
    cost = data_cost(made["best"], workshop)
    assert cost.generated.sequences == 32, "four samples of each of the eight examples"
    assert cost.forward.tokens > cost.generated.tokens > 0
    pairs = [dict(raw.values) for raw in read_rows(str(made["dpo"].folder))]
    best = {row["id"]: row["completion"] for row in rows}
    assert pairs, "samples differ in their scores"
    assert all(row["chosen"] == best[row["id"]] != row["rejected"] for row in pairs), "the same samples"
    assert data_cost(made["dpo"], workshop).generated == cost.generated
    assert made["dpo"].samples[-1] == made["best"].samples[-1], "one cache, so the second arm draws nothing"
    (log,) = {folder / "log.txt" for folder in made["dpo"].processes if (folder / "data_dpo").is_dir()}
    said = log.read_text(encoding="utf-8")
    assert (said.count("Generating 8 of 8 responses"), said.count("All 8 responses come from the cache")) == (4, 4)
    assert data_cost(made["sft"], workshop).generated.sequences == 0, "those samples are not the other arm's"


def eager(model, folder):
    """The tiny model with an end token that it likes: otherwise every sample is cut."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    with torch.no_grad():
        loaded.get_input_embeddings().weight[tokenizer.eos_token_id] *= 3
    loaded.save_pretrained(folder / "eager")
    tokenizer.save_pretrained(folder / "eager")
    return folder / "eager"


def test_keys_tell_apart_what_matters(protocol, tmp_path):
    read = protocol()
    base, pools = identify_base(read, None), make_pools(read, Store(tmp_path / "store"))
    by_name = {run.name: model_decides(run, read, base, pools) for run in read.runs}
    assert by_name["base"] == {"model": base.identity}
    said = differences(by_name["grpo@1"], by_name["placebo@1"])
    assert said == [("data.shuffle_references", None, 1)]


def test_arguments_of_the_template_belong_to_the_base(protocol, tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "asks")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    silent = {"enable_thinking": False}
    plain = identify_base(protocol(model=str(folder)), None)
    asked = identify_base(protocol(model=str(folder), chat_template_kwargs=silent), None)
    assert plain.identity["weights"] == asked.identity["weights"]
    assert plain.identity["chat_template"] != asked.identity["chat_template"], "other prompts under the same key"
    assert plain.template_words == []
    assert asked.template_words == ["--chat_template_kwargs", '{"enable_thinking": false}']
    with pytest.raises(UserError, match="`chat_template_kwargs` of the protocol"):
        protocol(settings={"grpo": {"chat_template_kwargs": silent}})


def test_flags_as_words():
    flags = {"metric": "bleu", "num_samples": 4, "names": ["a", "b"], "on": True, "off": False, "none": None}
    assert flag_words(flags) == ["--metric", "bleu", "--num_samples", "4", "--names", "a", "b", "--on"]
