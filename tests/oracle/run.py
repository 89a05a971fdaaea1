"""Runs the cases of the oracle and collects facts about them.

Each case runs in a forked child of one process that has imported the heavy libraries once. The children enter through
`bleuberi.cli.main.main` or a front door's script, never through another module, so the oracle survives moves of files.
"""

import contextlib
import json
import os
import platform
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.oracle.cases import GROUPS
from tests.oracle.facts import Folder, facts_of

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
    "OPENAI_API_KEY": "made-up", "TZ": "UTC", "COLUMNS": "100", "NO_COLOR": "1", "GOMP_SPINCOUNT": "0",
    "NO_PROXY": "127.0.0.1,127.42.17.9",
}  # fmt: skip


def prepare():
    """The environment of all cases, and the imports that would cost each of them seconds. Call it once."""
    os.environ.update(ENVIRONMENT)
    sys.path.insert(0, str(HERE / "inputs"))
    import datasets
    import peft
    import scipy.stats
    import torch
    import transformers
    import trl

    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    import bleuberi.cli.main

    # For the shell scripts: the package that the other cases use.
    os.environ["PYTHONPATH"] = f"{Path(bleuberi.__file__).parents[1]}:{HERE / 'inputs'}"
    assert all((bleuberi, transformers, peft, scipy, trl.GRPOTrainer, trl.SFTTrainer))  # trl loads what is named


def record(groups, folder, places=None, tell=print):
    """Run these groups and write a file of facts for each into `folder`; what they left stays below `places`."""
    prepare()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="oracle-") as parent:
        for name in groups:
            place = (places or Path(parent)) / name
            place.mkdir(parents=True)
            facts = {"machine": machine(), "cases": run_group(name, place, tell)}
            (folder / f"{name}.json").write_text(as_text(facts), encoding="utf-8")


def machine():
    """The processor and the library that decide the last bits of trained weights."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{model}, torch {torch.__version__}"


def as_text(content, depth=0):
    """JSON with a line per file of each case, so that a change shows as one line."""
    if depth == 4 or not isinstance(content, dict) or not content:
        return json.dumps(content)
    inner = ",\n".join(
        f"{' ' * (depth + 1)}{json.dumps(name)}: {as_text(item, depth + 1)}" for name, item in content.items()
    )
    return f"{{\n{inner}\n{' ' * depth}}}" + ("\n" if depth == 0 else "")


def run_group(name, place, tell=lambda line: None):
    """Facts of a group's cases by name; they run one after the other in `place`, which must be empty."""
    from tests.oracle.server import FIXED, serving

    shutil.copytree(HERE / "inputs", place / "inputs", ignore=shutil.ignore_patterns("__pycache__"))
    if name == "artifacts":
        shutil.copytree(HERE / "artifacts", place, dirs_exist_ok=True)
    facts, folder = {}, Folder(place)
    with serving(FIXED if name == "artifacts" else ("127.0.0.1", 0)) as url:
        for case in GROUPS[name]:
            began = time.monotonic()
            if case.before is not None:
                case.before(place)
            words = [word.replace("SERVER", url) for word in shlex.split(case.words)]
            facts[case.name] = run_case(words, folder)
            tell(f"{name}: {case.name}: {time.monotonic() - began:.1f} s")
    return facts


def run_case(words, folder):
    """Facts about one command: exit code, kind of error, JSON on standard output, and what it changed in the folder.

    A file that is written again with the same facts is no change.
    """
    place = folder.root
    before, names_before = folder.facts()
    log = place.parent / f"{place.name}.log"
    log.mkdir(exist_ok=True)
    code = os.waitstatus_to_exitcode(os.waitpid(start(words, place, log), 0)[1])
    said, complained = ((log / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err"))
    after, names_after = folder.facts()
    facts = {"code": code}
    lines = complained.strip().splitlines()
    if "Traceback (most recent call last)" in complained:
        facts["traceback"] = lines[-1].split(":")[0]
    elif code == 2 and len(lines) >= 2 and lines[-2].startswith("Error: "):
        facts["error"] = "two lines"
    if "--help" in words:
        facts["flags"] = sorted(set(re.findall(r"^ {2,}(?:-\w, )?(--\w+)", said, re.MULTILINE)))
    if "--json" in words:
        facts["stdout"] = _json_facts(said, after, str(place)) if code == 0 or said.strip() else None
    more = {
        "files": {name: found for name, found in after.items() if before.get(name) != found},
        "names": [name for name in names_after if name not in names_before],
        "gone": [name for name in (*before, *names_before) if name not in after and name not in names_after],
    }
    return facts | {name: found for name, found in more.items() if found}


def _json_facts(text, files, place):
    """The document on standard output; what a file holds as well is named rather than repeated."""
    try:
        found = facts_of(json.loads(text), place)
    except ValueError:
        return "not one JSON document"
    for name, content in files.items():
        if content == found:
            return {"same as": name}
        if isinstance(found, dict) and content == found.get("manifest"):
            found["manifest"] = {"same as": name}
    return found


def start(words, place, log):
    """Run the words in a forked child, in the folder `place`; what it prints goes to `log/out` and `log/err`."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        for number, name in ((1, "out"), (2, "err")):
            handle = os.open(log / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, number)
        os.chdir(place)
        os.environ["BLEUBERI_CACHE"] = str(place / ".cache")
        code = _enter(words)
    except BaseException:  # noqa: BLE001 - a child must end here, whatever came up
        traceback.print_exc()
        code = 1
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    return code


def _enter(words):
    if words[0].endswith(".sh"):
        environment = dict(word.split("=", 1) for word in words[1:] if "=" in word and not word.startswith("-"))
        flags = [word for word in words[1:] if "=" not in word or word.startswith("-")]
        python = {"PYTHON": sys.executable}
        script = str(ROOT / "training" / words[0])
        done = subprocess.run(["bash", script, *flags], env={**os.environ, **python, **environment}, check=False)
        return done.returncode
    sys.argv = words
    try:
        if words[0].endswith(".py"):
            runpy.run_path(str(ROOT / "training" / words[0]), run_name="__main__")
        else:
            sys.modules["bleuberi.cli.main"].main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
