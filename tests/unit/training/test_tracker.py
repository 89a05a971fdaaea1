"""A run keeps one identity with its tracker over all resumes; the link to its page is kept in the folder."""

import json
import os
import sys
import types
from importlib.machinery import ModuleSpec

import pytest

from bleuberi.training.folder.tracker import TRACKER, link_callback, one_identity, read_links
from tests.end_to_end.training import bleuberi, save_data, train_words

pytest.importorskip("transformers")


def arguments(folder, **changed):
    values = {"report_to": ["wandb"], "process_index": 0, "output_dir": str(folder), "run_name": None}
    return types.SimpleNamespace(**{**values, **changed})


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("WANDB_RUN_ID", "WANDB_RESUME"):
        monkeypatch.delenv(name, raising=False)


def seen(args):
    with one_identity(args):
        return os.environ.get("WANDB_RUN_ID"), os.environ.get("WANDB_RESUME"), args.run_name


def test_a_resumed_run_is_the_same_run(tmp_path):
    first, again = seen(arguments(tmp_path)), seen(arguments(tmp_path))
    assert first == again
    assert first[1] == "allow"
    assert first[2].startswith(tmp_path.name)
    assert "WANDB_RUN_ID" not in os.environ, "a second run in this process would be taken for the first"
    (tmp_path / "other").mkdir()
    assert seen(arguments(tmp_path / "other"))[0] != first[0]


def test_trackio_resumes_by_the_name(tmp_path):
    names = {seen(arguments(tmp_path, report_to=["trackio"]))[2] for _ in range(3)}
    assert len(names) == 1
    assert names != {None}


def test_what_the_user_says_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "mine")
    monkeypatch.setenv("WANDB_RESUME", "must")
    assert seen(arguments(tmp_path, run_name="named")) == ("mine", "must", "named")
    assert os.environ["WANDB_RUN_ID"] == "mine"
    monkeypatch.delenv("WANDB_RUN_ID")
    assert seen(arguments(tmp_path))[0] == "mine", "the run that this folder began"


@pytest.mark.parametrize("changed", [{"report_to": []}, {"report_to": ["tensorboard"]}, {"process_index": 1}])
def test_without_such_a_tracker_nothing_is_written(tmp_path, changed):
    assert seen(arguments(tmp_path, **changed)) == (None, None, None)
    assert not (tmp_path / TRACKER).exists()


def test_the_link_is_kept_as_soon_as_there_is_one(tmp_path, monkeypatch):
    """wandb is not installed where the tests run: `wandb.run` as its documentation describes it."""
    wandb = types.SimpleNamespace(run=types.SimpleNamespace(url="https://w.example/r/1"))
    wandb.__spec__ = ModuleSpec("wandb", None)  # other libraries look for it
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    assert read_links(tmp_path) == {}
    args, state = arguments(tmp_path), types.SimpleNamespace(is_world_process_zero=True)
    with one_identity(args):
        link_callback().on_log(args, state, None)
    assert read_links(tmp_path) == {"wandb": "https://w.example/r/1"}
    before = json.loads((tmp_path / TRACKER).read_text())["id"]
    assert seen(arguments(tmp_path))[0] == before
    assert read_links(tmp_path) == {"wandb": "https://w.example/r/1"}


def test_the_link_is_in_manifest_card_and_report(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_data(tmp_path)
    link = "https://w.example/r/1"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / TRACKER).write_text(json.dumps({"id": "1", "links": {"wandb": link}}))  # as the callback does
    assert bleuberi(*train_words("sft", tmp_path, tiny_model, tmp_path / "run", "--max_steps", "2")) == 0
    assert json.loads((tmp_path / "run/manifest.json").read_text())["trackers"] == {"wandb": link}
    assert f"[wandb]({link})" in (tmp_path / "run/README.md").read_text()
    assert bleuberi("report", tmp_path / "run", "--output_dir", tmp_path / "page", "--no_figures") == 0
    assert any(link in path.read_text() for path in (tmp_path / "page").rglob("*.html"))
