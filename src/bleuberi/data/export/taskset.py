"""Write the package that verifiers (v1) loads: a taskset whose `load()` reads the rows in the package."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from bleuberi import __version__
from bleuberi.artifacts import write_lines
from bleuberi.errors import UserError
from bleuberi.rewards import load_reward

TASKS: Final = "tasks.jsonl"
_GRADER: Final = "grader.json"
GRADER_PREFIX: Final = "grader:"
_TAKEN: Final = sys.stdlib_module_names | {"bleuberi", "verifiers"}

_PYPROJECT: Final = """\
[project]
name = "{project}"
version = "0.1.0"
description = "Instructions with reference answers and their reward."
requires-python = ">=3.11"
dependencies = ["verifiers>=0.4", "bleuberi>={version}"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""

_INIT: Final = """\
from verifiers.v1.harnesses.null import NullHarness

from {module}.taskset import ReferencesTaskset

__all__ = ["NullHarness", "ReferencesTaskset"]  # the model answers directly, without a shell
"""

_TASKSET: Final = '''\
"""Instructions with reference answers; REWARD scores a response against them."""

import json
from collections.abc import Iterator
from pathlib import Path

import verifiers.v1 as vf

from bleuberi.rewards import load_reward
from bleuberi.rewards.adapters import VerifiersReward

REWARD = VerifiersReward(load_reward({reward}))


class ReferencesData(vf.TaskData):
    references: list[str]


class ReferencesTask(vf.Task[ReferencesData]):
    @vf.reward(weight=1.0)
    async def {function}(self, trace: vf.Trace) -> float:
        return await REWARD(self.data, trace)


class ReferencesConfig(vf.TasksetConfig):
    pass


class ReferencesTaskset(vf.Taskset[ReferencesTask, ReferencesConfig]):
    def load(self) -> Iterator[ReferencesTask]:
        with Path(__file__).with_name({tasks!r}).open(encoding="utf-8") as lines:
            for line in lines:
                yield ReferencesTask(ReferencesData(**json.loads(line)), self.config.task)
'''


def package_name(folder: Path) -> str:
    """The module's name: the folder's, in lower case. Errors: `UserError` if Python cannot import such a name."""
    name = folder.name.replace("-", "_").lower()
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name in _TAKEN:
        raise UserError(
            f"{folder.name!r} cannot be the name of a Python package.",
            "Give --output a folder named with letters, digits and underscores, and no module's name, e.g. my_taskset.",
        )
    return name


def write_package(folder: Path, name: str, rows: Iterable[dict[str, Any]], metric: str) -> None:
    """Write the package of that name and its rows into an empty folder, with the file of a grader."""
    function = re.sub(r"\W", "_", load_reward(metric).name, flags=re.ASCII)
    function = function if function.isidentifier() and not keyword.iskeyword(function) else "reward"
    module = folder / name
    module.mkdir()
    is_grader = metric.startswith(GRADER_PREFIX)
    own_grader = f'f"{GRADER_PREFIX}{{Path(__file__).with_name({_GRADER!r})}}"'
    reward = own_grader if is_grader else repr(metric)
    texts = {
        folder / "pyproject.toml": _PYPROJECT.format(project=name.replace("_", "-"), version=__version__, module=name),
        module / "__init__.py": _INIT.format(module=name),
        module / "taskset.py": _TASKSET.format(reward=reward, function=function, tasks=TASKS),
    }
    if is_grader:
        shutil.copyfile(metric.removeprefix(GRADER_PREFIX), module / _GRADER)
    write_lines(module / TASKS, rows)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
