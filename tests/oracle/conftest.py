"""What the oracle's tests share: one process per file that runs the groups which the file tests."""

import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.oracle.run import ROOT


class Recorded(NamedTuple):
    """Facts of now by group and case, what the commands left, and the machine that ran them."""

    cases: dict
    places: dict
    machine: str


@pytest.fixture(scope="module")
def recorded(request, tmp_path_factory):
    """What the commands do now."""
    groups = {}
    for item in request.session.items:
        if item.path == request.path and "recorded" in item.fixturenames:
            groups[item.callspec.params.get("group", "artifacts") if hasattr(item, "callspec") else "artifacts"] = None
    folder = tmp_path_factory.mktemp("oracle")
    words = ["--output_dir", str(folder / "facts"), "--places", str(folder / "places")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.oracle.record", *groups, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {name: json.loads((folder / f"facts/{name}.json").read_text()) for name in groups}
    return Recorded(
        {name: content["cases"] for name, content in found.items()},
        {name: folder / "places" / name for name in groups},
        next(content["machine"] for content in found.values()),
    )
