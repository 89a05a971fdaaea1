"""What the doctor says about packages: the command that it names installs them here, in a clone or with a wheel."""

from importlib.metadata import PackageNotFoundError, version

import pytest

from bleuberi.doctor import installed
from bleuberi.doctor.findings import Report

pytest.importorskip("packaging")


@pytest.mark.parametrize(
    ("in_clone", "cure"),
    [(True, 'pip install -c constraints.txt -e ".[train,vllm]"'), (False, 'pip install "bleuberi[train,vllm]"')],
)
def test_missing_packages_are_installed_as_bleuberi_was(monkeypatch, tmp_path, in_clone, cure):
    def without_vllm(name):
        if name == "vllm":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(installed, "version", without_vllm)
    if not in_clone:
        monkeypatch.setattr(installed, "_CONSTRAINTS", tmp_path / "constraints.txt")
    report = Report()
    installed.check_versions(report, {"train", "vllm"})
    (found,) = report.as_dict()["findings"]
    assert (found["verdict"], found["cure"]) == ("problem", cure)
    assert "not installed: vllm" in found["text"]
