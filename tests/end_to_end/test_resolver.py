"""What the documents install can be installed: resolved from metadata for GPU nodes, Macs, other Pythons and `uv sync`.

No wheel is downloaded. Skipped if the package index cannot be reached.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
SECONDS = 240  # a quiet machine needs 5 to 15 per case
UNREACHABLE = ("Failed to fetch", "error sending request", "timed out", "Could not connect", "dns error")
LARGEST_MIB = 50  # vLLM and torch have hundreds
MAC = "aarch64-apple-darwin"


@pytest.fixture(scope="module")
def uv(tmp_path_factory):
    """Runs uv with a cache of its own; gives what it printed."""
    program = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    if not Path(program).is_file():
        pytest.skip("uv is not installed")
    cache = tmp_path_factory.mktemp("uv")
    environment = {**os.environ, "UV_CACHE_DIR": str(cache), "UV_HTTP_RETRIES": "1", "MACOSX_DEPLOYMENT_TARGET": "14.0"}

    def run(*words, cwd=ROOT):
        command = [program, *map(str, words)]
        try:
            done = subprocess.run(
                command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"the package index is too slow: {SECONDS} s were not enough")
        if done.returncode == 2 and any(words in done.stderr for words in UNREACHABLE):
            pytest.skip(f"the package index cannot be reached: {done.stderr.splitlines()[0]}")
        assert done.returncode == 0, done.stderr[-3000:]
        large = [path.name for path in cache.rglob("*") if path.is_file() and path.stat().st_size > LARGEST_MIB << 20]
        assert not large, "only metadata is downloaded"
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("extras", "python", "platform"),
    [("gpu", "3.11", None), ("gpu", "3.13", None), ("train,openai", "3.11", MAC), ("train,openai", "3.13", MAC)],
)
def test_the_tested_versions_go_together(uv, extras, python, platform):
    words = ["pip", "compile", "pyproject.toml", "--quiet", "-c", "constraints.txt", "--python-version", python]
    words += [word for extra in extras.split(",") for word in ("--extra", extra)]
    words += ["--python-platform", platform, "--only-binary", ":all:"] if platform else []
    found = dict(line.split("==") for line in uv(*words, "--no-header", "--no-annotate").splitlines() if "==" in line)
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    wanted = {"torch", "trl", "transformers"} | ({"vllm", "deepspeed"} if extras == "gpu" else set())
    assert {name: found[name] for name in wanted} == {name: pinned[name] for name in wanted}


def test_uv_sync_finds_versions_for_all_extras(uv, tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "README.md").touch()
    said = uv("lock", "--dry-run", cwd=tmp_path)
    assert {line.split()[1] for line in said.splitlines() if line.startswith("Add ")} >= {"torch", "vllm", "trl", "ray"}
