"""Pushing, with the hub's own client, to a small server that keeps what it is sent."""

import base64
import contextlib
import json
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bleuberi.errors import UserError
from bleuberi.training.folder.hub import open_repository, publish
from tests.end_to_end.training import PROMPTS, bleuberi, save_data, train_words

constants = pytest.importorskip("huggingface_hub.constants")


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as makes a repository and takes a commit of small files."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = 200, {}
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = asked["name"]
            self.server.created.append(name)
            # An existing repository stays as it is.
            wanted = asked.get("private", False) or asked.get("visibility") == "private"
            self.server.private.setdefault(f"ann/{name}", wanted)
            status = 403 if name == "closed" else 200
            answer = {"url": f"{self.server.address}/ann/{name}"}
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            answer = {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
        elif "/commit/" in self.path:
            lines = [json.loads(line)["value"] for line in body.splitlines()]
            self.server.files |= {v["path"]: base64.b64decode(v["content"]) for v in lines if "path" in v}
            answer = {"commitUrl": f"{self.server.address}/ann/mine/commit/1", "commitOid": "1", "success": True}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def do_GET(self):
        name = self.path.removeprefix("/api/models/").partition("?")[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"id": name, "private": self.server.private[name]}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files, server.created, server.private = {}, [], {}
    server.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


def settings(folder, model="org/base", **changed):
    args = {"push_to_hub": True, "hub_model_id": None, "hub_token": "secret", "hub_private_repo": None}
    args |= {"hub_revision": None, "output_dir": str(folder), "process_index": 0, "trust_remote_code": False}
    model = types.SimpleNamespace(model_name_or_path=str(model))
    return types.SimpleNamespace(args=types.SimpleNamespace(**{**args, **changed}), model=model)


@pytest.fixture
def folder(tmp_path):
    for name in ("model.safetensors", "README.md", "adapter/adapter_config.json", "manifest.json", "metrics.jsonl",
                 "completions.jsonl", "started.json", "report/report.html", "code_of_mine.py",
                 "completions/completions_00001.parquet", "my_prompts.json", "pool.jsonl", "train.csv", "notes.txt",
                 "deepspeed_zero3.json", "wandb/run-1/files/media/table/completions.json", "slurm-1.log",
                 "adapter/prompts.txt", "checkpoint-2/tokenizer.json",
                 "checkpoint-2/model.safetensors", "incomplete-checkpoint-3/optimizer.pt", ".lock"):  # fmt: skip
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(f"# {name}")
    return tmp_path / "mine"


def test_the_finished_model_goes_up_and_nothing_else(hub, folder):
    run = settings(folder)
    repository = open_repository(run.args)
    assert (repository, hub.created, run.args.push_to_hub) == ("ann/mine", ["mine"], False)
    publish(folder, repository, run)
    assert hub.files.keys() == {"model.safetensors", "README.md", "adapter/adapter_config.json"}
    assert hub.files["model.safetensors"] == b"# model.safetensors"


@pytest.mark.parametrize(("asked", "private"), [(None, True), (True, True), (False, False)])
def test_a_new_repository_is_private_unless_the_user_says_otherwise(hub, folder, asked, private):
    assert open_repository(settings(folder, hub_private_repo=asked).args) == "ann/mine"
    assert hub.private == {"ann/mine": private}


@pytest.mark.parametrize("asked", [None, True])
def test_a_repository_that_everybody_can_read_is_refused_before_anything_is_trained(hub, folder, asked):
    hub.private["ann/mine"] = False
    with pytest.raises(UserError, match="is public") as caught:
        open_repository(settings(folder, hub_private_repo=asked).args)
    assert "--hub_private_repo false" in caught.value.cure
    assert open_repository(settings(folder, hub_private_repo=False).args) == "ann/mine"


def test_a_trackers_space_is_private_too(folder):
    """transformers hands this setting to Trackio, whose Space would else be public."""
    run = settings(folder, push_to_hub=False)
    open_repository(run.args)
    assert run.args.hub_private_repo is True


def test_code_that_a_model_brings_goes_along(hub, folder):
    publish(folder, "ann/mine", settings(folder, trust_remote_code=True))
    assert hub.files.keys() == {"model.safetensors", "README.md", "adapter/adapter_config.json", "code_of_mine.py"}


def test_a_training_that_logs_its_prompts_uploads_none_of_them(hub, tiny_model, tmp_path, monkeypatch):
    pytest.importorskip("trl")
    monkeypatch.chdir(tmp_path)
    save_data(tmp_path)
    more = ["--max_steps", "2", "--push_to_hub", "true", "--hub_strategy", "checkpoint", "--hub_always_push", "true"]
    more += ["--log_completions", "true", "--sample_every", "1", "--save_steps", "1"]
    assert bleuberi(*train_words("grpo", tmp_path, tiny_model, tmp_path / "run", *more)) == 0
    logged = sorted((tmp_path / "run/completions").glob("*.parquet"))
    assert logged, "the run keeps no prompts that could go up"
    assert hub.files.keys() == {
        "model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "README.md",
    }  # fmt: skip
    for name, content in hub.files.items():
        assert not [prompt for prompt in PROMPTS if prompt.encode() in content], name


def test_a_repository_for_the_prompts_of_the_trainer_itself_is_refused(hub, tiny_model, tmp_path, capsys):
    pytest.importorskip("trl")
    more = ["--log_completions", "true", "--log_completions_hub_repo", "ann/it"]
    words = train_words("grpo", save_data(tmp_path), tiny_model, tmp_path / "run", *more)
    assert bleuberi(*words, "--max_steps", "1") == 2
    assert "prompts of the data set" in capsys.readouterr().err
    assert hub.created == []


def test_every_file_of_a_tokenizer_that_transformers_knows_goes_along(hub, folder):
    """`vocab_files_names` of each of its tokenizers that can be imported here."""
    transformers = pytest.importorskip("transformers")
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    names = set()
    for name in {name for name in TOKENIZER_MAPPING_NAMES.values() if name}:
        with contextlib.suppress(ImportError, AttributeError):
            names |= set(getattr(transformers, name).vocab_files_names.values())
    assert {"tokenizer.json", "vocab.json", "merges.txt"} <= names
    for name in names:
        (folder / name).write_text("{}")
    publish(folder, "ann/mine", settings(folder))
    assert sorted(names - hub.files.keys()) == []


def test_an_adapter_that_names_a_folder_of_this_machine_stays_here(hub, folder, tmp_path):
    publish(folder, "ann/mine", settings(folder, model=tmp_path))
    assert hub.files.keys() == {"model.safetensors", "README.md"}


def test_other_processes_push_nothing(hub, folder):
    run = settings(folder, process_index=1)
    publish(folder, open_repository(run.args), run)
    assert hub.files == {}
    assert hub.created == []


def test_not_asked_for(folder):
    assert open_repository(settings(folder, push_to_hub=False).args) is None
    publish(folder, None, settings(folder))


def test_no_access_is_told_before_anything_is_trained(hub, folder):
    with pytest.raises(UserError) as caught:
        open_repository(settings(folder, hub_model_id="closed").args)
    assert "The hub repository closed cannot be written" in caught.value.what
    assert "hf auth login" in caught.value.cure


def test_offline(folder, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="cannot be written"):
        open_repository(settings(folder).args)
