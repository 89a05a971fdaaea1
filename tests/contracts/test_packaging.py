"""What is published says the same everywhere: versions, dependencies and their reasons, citation, files of an sdist."""

import re
import subprocess
import tomllib

import pytest

from bleuberi import __version__
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = {
    re.split(r"[<>=\[;]", wanted)[0]
    for group in ({"": PROJECT["dependencies"]} | PROJECT["optional-dependencies"]).values()
    for wanted in group
} - {"bleuberi"}


def test_one_version():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["version"] == citation["version"] == __version__
    assert citation["license"] == PROJECT["license"]
    assert "2505.11080" in citation["preferred-citation"]["url"]
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_dependency_has_a_reason_and_a_tested_version():
    decision = (ROOT / "docs/decisions/0001-libraries.md").read_text(encoding="utf-8")
    named = {cell.strip() for line in decision.splitlines() if line.startswith("|") for cell in line.split("|")[1:3]}
    assert named >= REQUIRED
    pinned = {
        re.split("[=@ ]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    assert pinned >= REQUIRED


def _blocks(text):
    """Requirement line -> its hashes, of a file that `make hashes` wrote."""
    found = {}
    for line in text.splitlines():
        if re.match("[a-z]", line):
            requirement = line.removesuffix("\\").strip()
            found[requirement] = []
        elif "--hash=" in line:
            found[requirement] += re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
    return found


def test_the_hashed_set_is_the_pinned_set():
    hashed = _blocks((ROOT / "requirements-hashed.txt").read_text(encoding="utf-8"))
    versions = dict(re.split("==| ", requirement)[:2] for requirement in hashed)
    pins = dict(
        re.split("==", line.lower().replace("_", "-"))
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    assert {name: pins[name] for name in versions if name in pins} == {
        name: version for name, version in versions.items() if name in pins
    }, "make hashes"
    assert all(hashed.values())
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["check"], *extras["report"], *extras["train"], *extras["openai"]]
    assert {re.split(r"[<>=\[;]", one)[0] for one in wanted} - {"bleuberi"} <= versions.keys()


@pytest.mark.parametrize("file", ["Makefile", "container/Dockerfile"])
def test_torch_is_taken_out_of_the_hashed_set_whole(file):
    text = (ROOT / file).read_text(encoding="utf-8").replace("$(FULL)", "")
    program = re.search("awk '([^']+)'", text)[1]
    words = ["awk", program, "requirements-hashed.txt"]
    kept = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    whole = _blocks((ROOT / "requirements-hashed.txt").read_text(encoding="utf-8"))
    left = _blocks(kept)
    gone = {re.split("==", name)[0] for name in whole.keys() - left.keys()}
    assert {"torch", "triton", "nvidia-cublas"} <= gone
    assert all(re.match("torch|triton|nvidia-|cuda-", name) for name in gone)
    assert left == {name: hashes for name, hashes in whole.items() if name in left}


def test_a_wheel_carries_every_file_of_the_package():
    source = ROOT / "src/bleuberi"
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["bleuberi"]
    carried = {path for pattern in patterns for path in source.glob(pattern)}
    left_out = {".py", ".cpp", ".h", ".so", ".pyc"}  # the extension is compiled; a stale one belongs to no wheel
    files = {path for path in source.rglob("*") if path.is_file() and path.suffix not in left_out}
    assert files == carried, "name it under [tool.setuptools.package-data]"


def test_what_the_manifest_of_the_sdist_names_is_there():
    for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines():
        verb, *names = line.split()
        if verb in ("include", "graft"):
            assert all((ROOT / name).exists() for name in names), line


def test_the_container_copies_what_is_there():
    lines = (ROOT / "container/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert len(copied) >= 4
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert not [line for line in lines if re.search(r"(?i)(key|token|secret|password)\s*=", line)]


@pytest.fixture
def slurm(tmp_path):
    """The batch script with a `python` and a `scontrol` that write down how they were called."""

    def start(python, **more):
        tools = tmp_path / "tools"
        tools.mkdir()
        for name, body in (("python", python), ("scontrol", 'echo "scontrol $*"')):
            (tools / name).write_text(f"#!/bin/bash\n{body}\n")
            (tools / name).chmod(0o755)
        own = {"PATH": f"{tools}:/usr/bin:/bin", "PYTHON": str(tools / "python"), "SLURM_SUBMIT_DIR": str(ROOT)}
        own |= {"SLURM_GPUS_ON_NODE": "4", "SLURM_JOB_ID": "17", "MODEL": "org/model", "RUN_NAME": "run"}
        own |= {"DATA_DIR": str(tmp_path / "data"), "CKPT_DIR": str(tmp_path / "models")}
        own |= more
        copy = tmp_path / "slurm_script"  # Slurm runs a copy from its spool folder
        copy.write_bytes((ROOT / "training/slurm/grpo.sbatch").read_bytes())
        return subprocess.Popen(
            ["bash", str(copy), "--max_steps", "3"], env=own, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )

    return start


def test_the_slurm_job_makes_data_and_launches_a_process_a_gpu(slurm):
    said, _ = slurm('echo "called $*"').communicate(timeout=60)
    _, doctor, data, train = said.splitlines()  # first what is being checked
    assert "doctor --method grpo --planned_rows 5000 --pool " in doctor
    assert " --ref_models gold --processes 4 " in doctor
    assert "create_training_data.py grpo" in data
    assert "--model org/model" in data
    assert "accelerate.commands.launch" in train
    assert "--num_processes 4" in train
    assert "train grpo" in train
    assert train.endswith("--max_steps 3 --deepspeed " + re.search(r"--deepspeed (\S+)", train)[1])


def test_near_its_time_limit_the_slurm_job_stops_and_is_queued_again(slurm, tmp_path):
    job = slurm('trap "sleep 0.3; echo stopped; exit 143" TERM; echo "working"; sleep 60 & wait', SKIP_DOCTOR="1")
    assert job.stdout.readline() == "working\n"
    job.send_signal(10)  # USR1
    said, _ = job.communicate(timeout=30)
    assert job.returncode == 0
    assert "stopped" in said
    assert said.splitlines()[-1] == "scontrol requeue 17"
