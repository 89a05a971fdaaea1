"""The recipes of docs/other_trainers.md against the facts of the trainers' wheels, and the adapters as they are called.

The facts are in tests/trainers; a slow test extracts them again if an index can be reached.
"""

import asyncio
import inspect
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from bleuberi.data.export.recipes import command, reward_file
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu, load_reward
from bleuberi.rewards.adapters import OpenRlhfReward, VerifiersReward, VerlScore
from bleuberi.rewards.base import TextReward
from tests.conftest import ROOT
from tests.trainers.extract import VERSIONS, UnreachableError, Wheel, download, facts_of, recorded

ANSWER = "The cat sits on the mat all day."


class Asked(TextReward):
    """Keeps the prompts that it is given."""

    name = "asked"
    needs_prompts = True
    needs_references = False

    def __init__(self):
        self.prompts = []

    def score_rows(self, prompts, responses, references):
        self.prompts += prompts
        return [1.0] * len(responses)


def page():
    return (ROOT / "docs/other_trainers.md").read_text(encoding="utf-8")


def commands(program):
    """The words of each shown command that starts so, continuation lines joined."""
    shown = re.findall(r"```(?:sh|bash)\n(.*?)```", page(), re.DOTALL)
    lines = [line for block in shown for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line.removeprefix(program), comments=True) for line in lines if line.startswith(program)]


# ---- verl


def test_verl_recipe_has_settings_that_verl_reads():
    facts = recorded("verl")
    found = commands("python -m verl.trainer.main_ppo")
    assert found
    for words in found:
        given = dict(word.partition("=")[::2] for word in words)
        assert given.keys() <= facts["settings"].keys()
        assert {"reward.custom_reward_function.path", "reward.custom_reward_function.name"} <= given.keys()
        assert given.get("data.prompt_key", "prompt") == facts["settings"]["data.prompt_key"]
        assert "custom_reward_function.path" not in given  # read by another entry point only
    assert all("main_ppo" not in path for path in facts["top_level_key_is_read_by"])


def test_verl_calls_the_score_with_its_own_keywords():
    given = recorded("verl")["reward_is_called_with"]
    inspect.signature(VerlScore(Bleu())).bind(**dict.fromkeys(given), more=1)


@pytest.mark.parametrize("info", [None, {}, {"references": None}, {"references": [], "num_turns": None}])
def test_verl_rows_without_references_in_extra_info_are_scored_by_their_ground_truth(info):
    """A Parquet column of structs gives null for what another row has."""
    truth = json.dumps([ANSWER, "Yes."])
    assert VerlScore(Bleu())("set", ANSWER, truth, extra_info=info) == pytest.approx(1.0)


def test_verl_prompts_that_are_null_are_empty():
    reward = Asked()
    VerlScore(reward)("set", "a", ["b"], extra_info={"prompt": None})
    VerlScore(reward)("set", "a", ["b"], extra_info={"prompt": "Q"})
    assert reward.prompts == ["", "Q"]


# ---- OpenRLHF


def test_openrlhf_recipe_has_flags_that_openrlhf_takes():
    facts = recorded("openrlhf")
    programs = {"python -m openrlhf.cli.train_ppo_ray": "train_ppo_ray_flags",
                "deepspeed --module openrlhf.cli.train_dpo": "train_dpo_flags"}  # fmt: skip
    for program, flags in programs.items():
        found = commands(program)
        assert found
        for words in found:
            given = {word for word in words if word.startswith("--")}
            assert given <= set(facts[flags])
            assert "--data.apply_chat_template" in given  # off by default: turns would be read as text
    (words,) = commands("python -m openrlhf.cli.train_ppo_ray")
    assert {"--reward.remote_url", "--data.input_key", "--data.label_key"} <= set(words)


def test_openrlhf_calls_the_reward_with_lists_and_reads_its_keys():
    facts = recorded("openrlhf")
    assert facts["reward_is_called_with"] == ["queries_list", "prompts_list", "labels_list"]
    assert facts["special_tokens_are_decoded"] == [False, False]  # end tokens are part of a query
    pytest.importorskip("torch", reason="torch is not installed")
    found = OpenRlhfReward(Bleu())(["Q: a cat"], ["Q: "], [json.dumps(["a cat"])])
    assert sorted(found) == facts["reward_answer_keys"]


END_TOKENS = [
    "<|im_end|>", "<|im_end|>\n", "<|endoftext|>", "<|im_end|>\n<|endoftext|>", "<|eot_id|>", "<|end_of_text|>",
    "<|eom_id|>", "</s>", "<end_of_turn>", "<end_of_turn>\n", "<eos>", "<|end|>", "<|return|>", "<turn|>",
    "<｜end▁of▁sentence｜>", "<|END_OF_TURN_TOKEN|>", "<|endoftext|><|endoftext|>", "<pad><pad>",
]  # fmt: skip


@pytest.mark.parametrize("end", END_TOKENS)
def test_a_perfect_answer_scores_one_behind_any_models_end_token(end):
    pytest.importorskip("torch", reason="torch is not installed")
    found = OpenRlhfReward(Bleu())([f"Q: {ANSWER}{end}"], ["Q: "], [ANSWER])
    assert found["rewards"].tolist() == [pytest.approx(1.0)]


def test_an_answer_keeps_its_own_angle_brackets():
    pytest.importorskip("torch", reason="torch is not installed")
    reward = OpenRlhfReward(load_reward("chrf"))
    for text in ("if a < b then <b>bold</b>", "write |x| or a|b>", "<|im_end|> ends a turn, they say"):
        assert reward(["Q: " + text], ["Q: "], [text])["rewards"].tolist() == [pytest.approx(1.0)]


def test_further_end_tokens_may_be_named():
    pytest.importorskip("torch", reason="torch is not installed")
    reward = OpenRlhfReward(Bleu(), end_of_text=["[END]"])
    found = reward([f"Q: {ANSWER}[END]<|endoftext|>"], ["Q: "], [ANSWER])
    assert found["rewards"].tolist() == [pytest.approx(1.0)]


@pytest.mark.parametrize("cut", ["<s>{prompt}", "<s> {prompt}", "{tail}"], ids=["bos", "bos and space", "truncated"])
def test_a_prompt_that_is_decoded_with_a_start_token_or_cut_is_not_scored(cut):
    pytest.importorskip("torch", reason="torch is not installed")
    prompt = (
        "<|im_start|>user\nWhere does the cat sit, " + "and why, " * 20 + "please?<|im_end|>\n<|im_start|>assistant\n"
    )
    query = cut.format(prompt=prompt, tail=prompt[40:]) + ANSWER + "<|im_end|>"
    assert OpenRlhfReward(Bleu())([query], [prompt], [ANSWER])["rewards"].tolist() == [pytest.approx(1.0)]


def test_a_query_without_its_prompt_is_an_error():
    pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(UserError, match="does not begin with its prompt"):
        OpenRlhfReward(Bleu())(["something else"], ["Where is the cat?"], [ANSWER])


# ---- verifiers


def test_verifiers_recipe_and_adapter_use_names_that_verifiers_has():
    facts = recorded("verifiers")
    assert facts["taskset_abstract_methods"] == ["load"]
    assert facts["plugin_needs_all"]
    assert "last_reply" in facts["trace_properties"]
    used = set(re.findall(r"\bvf\.(\w+)", page()))
    assert used <= set(facts["exports"])
    assert {"Taskset", "reward"} <= used
    assert {words[0] for line in re.findall(r"^vf-.*", page(), re.MULTILINE) for words in [line.split()]} <= set(
        facts["commands"]
    )


def test_verifiers_command_asks_the_readers_own_server_and_uploads_nothing():
    settings = recorded("verifiers")["eval_settings"]
    (words,) = commands("vf-eval")
    assert words[0] == "cat-questions"
    flags = [word for word in words if word.startswith("-")]
    short = {"-n": "select.limit", "-m": "model", "--no-push": "push"}
    named = {short.get(flag, flag.removeprefix("--").replace("-", "_")) for flag in flags}
    assert named | {"env.agent.runtime"} == settings.keys()
    assert "'limit', 'n'" in settings["select.limit"]
    assert "'model', 'm'" in settings["model"]
    assert (settings["push"], settings["env.agent.runtime"]) == ("True", "PrimeConfig()")  # if nothing else is said
    assert words[words.index("--env.agent.runtime.type") + 1] in settings["env.agent.runtime.type"]
    assert recorded("verifiers")["null_harness"]
    assert "NullHarness" in page()


@pytest.mark.parametrize("to", ["verl", "openrlhf", "verifiers"])
def test_the_page_shows_the_command_that_data_export_prints(to):
    path = {"verl": "train.parquet", "openrlhf": "prompts.jsonl", "verifiers": "cat_questions"}[to]
    printed = shlex.split(command(to, Path(path)).rpartition("&& ")[2])
    shown = commands({"verl": "python -m verl.trainer.main_ppo", "openrlhf": "python -m openrlhf.cli.train_ppo_ray",
                      "verifiers": "vf-eval"}[to])  # fmt: skip
    (words,) = [[word.replace("test.parquet", path) for word in one] for one in shown]
    assert sorted(words) == sorted(printed[-len(words) :])
    assert len(printed) - len(words) == {"verl": 3, "openrlhf": 3, "verifiers": 1}[to]  # the program's own words
    assert reward_file(to) in page()


@pytest.mark.parametrize(
    "prompt",
    [
        "Where?",
        [SimpleNamespace(role="system", content="Be brief."), SimpleNamespace(role="user", content="Where?")],
        [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."},
         {"role": "user", "content": [{"type": "text", "text": "Where?"}]}],
    ],
    ids=["text", "messages", "parts"],
)  # fmt: skip
def test_the_prompt_of_a_verifiers_task_reaches_the_reward(prompt):
    reward = Asked()
    task, trace = SimpleNamespace(prompt=prompt, references=["r"]), SimpleNamespace(last_reply="there")
    assert asyncio.run(VerifiersReward(reward)(task, trace)) == 1.0
    assert reward.prompts == ["Where?"]


# ---- the wheels themselves


@pytest.mark.slow
@pytest.mark.parametrize("package", sorted(VERSIONS))
def test_the_facts_are_those_of_the_wheels(package, tmp_path):
    try:
        wheel = Wheel(download(package, tmp_path))
    except UnreachableError as error:
        pytest.skip(str(error))
    assert facts_of(package, wheel) == recorded(package)
