"""Read the facts out of the wheels, without installing or importing them: flags, settings, signatures, columns.

`python -m tests.trainers.extract` downloads each wheel (`pip download --no-deps`) and writes the JSON files beside this
module.
"""

import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import yaml

VERSIONS = {"verl": "0.9.1", "openrlhf": "0.11.2", "verifiers": "0.4.0"}
FACTS = Path(__file__).parent
HOW = "python -m tests.trainers.extract: pip download --no-deps, then the wheel's YAML and syntax trees"
VERL_SETTINGS = ("data.", "reward.custom_reward_function.", "reward.reward_manager.", "custom_reward_function.",
                 "algorithm.adv_estimator", "actor_rollout_ref.model.path", "actor_rollout_ref.rollout.n",
                 "actor_rollout_ref.rollout.name", "trainer.n_gpus_per_node", "trainer.nnodes",
                 "trainer.total_epochs", "trainer.project_name", "trainer.default_local_dir", "trainer.logger",
                 "actor_rollout_ref.actor.ppo_mini_batch_size", "actor_rollout_ref.actor.use_dynamic_bsz",
                 "actor_rollout_ref.rollout.tensor_model_parallel_size")  # fmt: skip


class UnreachableError(Exception):
    """pip could not get the wheel."""


def download(package, folder):
    """The path of the package's wheel in `folder`."""
    wanted = f"{package}=={VERSIONS[package]}"
    words = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet",
             "--disable-pip-version-check", "--retries", "1", "--timeout", "20", "--dest", str(folder),
             wanted]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True)
    found = sorted(Path(folder).glob(f"{package}-*.whl"))
    if done.returncode or not found:
        raise UnreachableError(f"pip could not download {wanted}: {done.stderr.strip()[-200:]}")
    return found[-1]


class Wheel:
    """Texts and syntax trees of a wheel's files, by the end of their paths."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)

    def path(self, ending):
        (found,) = [name for name in self.zip.namelist() if name.endswith("/" + ending) or name == ending]
        return found

    def text(self, ending):
        return self.zip.read(self.path(ending)).decode("utf-8")

    def tree(self, ending):
        return ast.parse(self.text(ending))

    def extract(self, ending, folder):
        """The file on disk, with the folders that it has in the wheel."""
        return Path(self.zip.extract(self.path(ending), folder))


def facts_of(package, wheel):
    """The facts of one package, as they are in its JSON file."""
    facts = {"verl": _verl, "openrlhf": _openrlhf, "verifiers": _verifiers}[package](wheel)
    return {"package": package, "version": VERSIONS[package], "extracted": HOW, **facts}


def recorded(package):
    """The facts that are committed."""
    return json.loads((FACTS / f"{package}.json").read_text(encoding="utf-8"))


def _verl(wheel):
    settings = dict(_flat(yaml.safe_load(wheel.text("verl/trainer/config/_generated_ppo_trainer.yaml"))))
    manager = wheel.tree("verl/experimental/reward_loop/reward_manager/naive.py")
    calls = [call for call in _calls(manager) if _name(call.func) == "compute_score" and call.keywords]
    sources = [name for name in wheel.zip.namelist() if name.startswith("verl/") and name.endswith(".py")]
    migrating = [name for name in sources if "migrate_legacy_reward_impl(config)" in wheel.zip.read(name).decode()
                 and not name.endswith("reward_loop/reward_loop.py")]  # fmt: skip
    dataset = wheel.tree("verl/utils/dataset/rl_dataset.py")
    sft = dict(_flat(yaml.safe_load(wheel.text("verl/trainer/config/sft_trainer_engine.yaml"))))
    return {
        "sft_settings": {name: value for name, value in sft.items() if name.startswith("data.")},
        "settings": {name: value for name, value in settings.items() if name.startswith(VERL_SETTINGS)},
        "reward_is_called_with": sorted({word.arg for call in calls for word in call.keywords if word.arg}),
        "reward_reads_settings": sorted(_keys_read(wheel.tree("verl/trainer/ppo/reward.py"), "reward_fn_config")),
        "reward_manager_reads": sorted(_keys_read(manager, "non_tensor_batch")),
        "reward_model_column_has": sorted(_keys_below(manager, "reward_model")),
        "top_level_key_is_read_by": migrating,
        "extra_info_keys": sorted(_keys_read(dataset, "extra_info")),
        "file_endings": sorted(
            call.args[0].value for call in _calls(dataset) if _name(call.func) == "endswith" and call.args
        ),
    }


def _openrlhf(wheel):
    ppo, dpo, sft = (wheel.tree(f"openrlhf/cli/train_{name}.py") for name in ("ppo_ray", "dpo", "sft"))
    agent = wheel.tree("openrlhf/utils/agent.py")
    (thread,) = [call for call in _calls(agent) if _name(call.func) == "to_thread"]
    decodes = [call for call in _calls(agent) if _name(call.func) == "decode"]
    pairs = wheel.tree("openrlhf/datasets/reward_dataset.py")
    return {
        "train_ppo_ray_flags": _flags(ppo),
        "train_dpo_flags": _flags(dpo),
        "train_sft_flags": _flags(sft),
        "defaults": {flag: value for flag, value in _defaults(ppo).items()
                     if flag.startswith(("--data.", "--reward."))},
        "reward_function": [node.value for node in ast.walk(agent) if isinstance(node, ast.Constant)
                            and node.value == "reward_func"][:1],
        "reward_is_called_with": [_name(argument.value) for argument in thread.args[1:]],
        "reward_answer_keys": sorted(_keys_read(agent, "rewards_info")),
        "special_tokens_are_decoded": [_literal(word.value) for call in decodes for word in call.keywords
                                       if word.arg == "skip_special_tokens"],
        "prompt_row_keys": sorted(_keys_read(wheel.tree("openrlhf/datasets/prompts_dataset.py"), "data")),
        "pair_keys_are_settings": sorted(word for word in ("prompt_key", "chosen_key", "rejected_key")
                                         if any(isinstance(node, ast.arg) and node.arg == word
                                                for node in ast.walk(pairs))),
    }  # fmt: skip


def _verifiers(wheel):
    task, taskset = wheel.tree("verifiers/v1/task.py"), wheel.tree("verifiers/v1/taskset.py")
    classes = {node.name: node for tree in (task, taskset) for node in tree.body if isinstance(node, ast.ClassDef)}
    data = [line for line in classes["TaskData"].body if isinstance(line, ast.AnnAssign)]
    trace = next(node for node in wheel.tree("verifiers/v1/trace.py").body
                 if isinstance(node, ast.ClassDef) and node.name == "Trace")  # fmt: skip
    exported = [alias.asname or alias.name for node in ast.walk(wheel.tree("verifiers/v1/__init__.py"))
                if isinstance(node, ast.ImportFrom) for alias in node.names]  # fmt: skip
    scripts = wheel.text(f"verifiers-{VERSIONS['verifiers']}.dist-info/entry_points.txt")
    init = next(line for line in classes["Task"].body if isinstance(line, ast.FunctionDef) and line.name == "__init__")
    return {
        "eval_settings": _eval_settings(wheel),
        "null_harness": "NullHarness" in wheel.text("verifiers/v1/harnesses/null/__init__.py"),
        "exports": sorted({"Task", "TaskData", "Taskset", "TasksetConfig", "Trace", "reward", "Rubric", "State"}
                          & set(exported)),
        "task_data_fields": {line.target.id: ast.unparse(line.annotation) for line in data if line.target.id in
                             {"idx", "id", "name", "prompt", "system_prompt"}},
        "task_data_properties": _properties(classes["TaskData"]),
        "task_arguments": [argument.arg for argument in init.args.args],
        "taskset_abstract_methods": [line.name for line in classes["Taskset"].body if isinstance(line, ast.FunctionDef)
                                     and any(_name(one) == "abstractmethod" for one in line.decorator_list)],
        "trace_properties": [name for name in _properties(trace) if name == "last_reply"],
        "plugin_needs_all": "defines no `__all__`" in wheel.text("verifiers/v1/utils/loaders.py"),
        "message_roles": sorted(node.annotation.slice.value for node in ast.walk(wheel.tree("verifiers/v1/types.py"))
                                if isinstance(node, ast.AnnAssign) and _name(node.target) == "role"
                                and isinstance(node.annotation.slice, ast.Constant)),
        "commands": sorted(line.split("=")[0].strip() for line in scripts.splitlines() if "=" in line),
    }  # fmt: skip


def _eval_settings(wheel):
    """The settings of `vf-eval` that the recipe's flags name, with their defaults."""
    of = {"": "cli/eval", "client.": "client", "select.": "select", "env.agent.": "agent"}
    fields = {prefix + name: value for prefix, module in of.items()
              for name, value in _fields(wheel.tree(f"verifiers/v1/configs/{module}.py")).items()}  # fmt: skip
    fields["env.agent.runtime.type"] = _fields(wheel.tree("verifiers/v1/runtimes/subprocess.py"))["type"]
    named = ("push", "model", "client.base_url", "client.api_key_var", "select.limit", "env.agent.runtime",
             "env.agent.runtime.type")  # fmt: skip
    return {name: fields[name] for name in named}


def _flat(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _name(node):
    """The last word of a name or an attribute."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _literal(node):
    return node.value if isinstance(node, ast.Constant) else ast.unparse(node)


def _keys_read(tree, owner):
    """Texts in `owner["key"]`, `owner.get("key")` and `x.get("owner", {}).get("key")`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _name(node.value) == owner:
            found.add(_literal(node.slice))
        if isinstance(node, ast.Call) and _name(node.func) == "get" and node.args:
            inner = node.func.value
            named = _name(inner) == owner or (
                isinstance(inner, ast.Call) and _name(inner.func) == "get" and _literal(inner.args[0]) == owner
            )
            if named:
                found.add(_literal(node.args[0]))
    return found


def _keys_below(tree, key):
    """Texts in `x["key"]["text"]`."""
    return {
        _literal(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript)
        and _literal(node.value.slice) == key
    }  # fmt: skip


def _flags(tree):
    return sorted({call.args[0].value for call in _calls(tree) if _name(call.func) == "add_argument" and call.args
                   and isinstance(call.args[0], ast.Constant)})  # fmt: skip


def _defaults(tree):
    return {
        call.args[0].value: next((_literal(word.value) for word in call.keywords if word.arg == "default"), None)
        for call in _calls(tree)
        if _name(call.func) == "add_argument" and call.args and isinstance(call.args[0], ast.Constant)
    }


def _fields(tree):
    """Annotated names of a module's classes -> their defaults as text; None where there is none."""
    return {
        line.target.id: None if line.value is None else ast.unparse(line.value)
        for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        for line in node.body if isinstance(line, ast.AnnAssign)
    }  # fmt: skip


def _properties(node):
    return [line.name for line in node.body if isinstance(line, ast.FunctionDef)
            and any(_name(one) == "property" for one in line.decorator_list)]  # fmt: skip


def main():
    """Write all files."""
    for package in VERSIONS:
        with tempfile.TemporaryDirectory() as folder:
            facts = facts_of(package, Wheel(download(package, folder)))
        (FACTS / f"{package}.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
