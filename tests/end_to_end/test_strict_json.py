"""No command writes NaN or Infinity into JSON, and a reward that gives one gives no score, which is counted."""

import hashlib
import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bleuberi.artifacts import write_json
from bleuberi.cli import agreement, create_training_data, data_check, data_import, evaluate, references
from bleuberi.cli.parser import run
from bleuberi.training.folder.log import append_entries, read_entries
from tests.conftest import pool_rows
from tests.end_to_end.odd_reward import DOTTED_PATH as ODD

datasets = pytest.importorskip("datasets")
NOT_FINITE = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "9" * 5000, "null"]


def strict(text):
    """The value of a JSON text; a word that JSON does not have fails the test."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))


def strict_lines(path):
    return [strict(line) for line in path.read_text(encoding="utf-8").splitlines()]


def every_json_is_strict(folder):
    """Whether each file below the folder is strict JSON; how many there are."""
    found = [path for path in folder.rglob("*.json*") if path.is_file() and path.suffix in (".json", ".jsonl")]
    for path in found:
        if path.suffix == ".jsonl":
            strict_lines(path)
        else:
            strict(path.read_text(encoding="utf-8"))
    return len(found)


@pytest.fixture
def files(tmp_path):
    """A pool of eight rows, and an output for each."""
    rows = pool_rows(8)
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outputs = ({"id": row["id"], "output": f"Number {row['id']}.", "model": "m"} for row in rows)
    (tmp_path / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in outputs))
    return tmp_path


def make_data(files, metric, *more):
    """`data grpo` with that metric; gives the data set's rows, its manifest, and the score file's place."""
    words = ["--hf_dataset_path", str(files / "pool.jsonl"), "--outputs", str(files / "outputs.jsonl"), "--model", "m"]
    words += ["--metric", metric, "--output_dir", str(files / "data"), "--output_dataset_name", "made", *more]
    assert create_training_data.grpo(words) == 0
    (scores,) = (path for path in (files / "data/scored_outputs").glob("*.json") if "manifest" not in path.name)
    folder = files / "data/data_grpo/made"
    rows = datasets.load_from_disk(str(folder))["train"].to_list()
    return rows, json.loads((folder / "manifest.json").read_text()), scores


@pytest.fixture
def server():
    """A reward server: 0.5, or the JSON text that `answers` has for a response's last word; counts its questions."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked += 1
            number = body["messages"][1]["content"].rstrip(".").split()[-1]
            data = f'{{"rewards": [{made.answers.get(number, 0.5)}]}}'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.answers, made.asked = {}, 0
    made.url = f"http://127.0.0.1:{made.server_port}/classify"
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_served_reward_that_is_not_finite_is_no_score_and_is_counted(files, server, caplog):
    server.answers = {f"r{n}": answer for n, answer in enumerate(NOT_FINITE)}
    rows, manifest, scores = make_data(files, f"rm:{server.url}")
    assert [row["rm_score"] for row in strict(scores.read_text())] == [None] * len(NOT_FINITE) + [0.5]
    assert [row["rm_score"] for row in rows] == [0.5]
    assert manifest["dropped"]["not scorable"] == len(NOT_FINITE)
    assert caplog.text.count(f"The reward rm gave no finite number for {len(NOT_FINITE)} of 8 responses") == 1
    assert every_json_is_strict(files) > 5


def test_a_served_reward_that_was_not_finite_is_asked_again_by_the_next_run(files, server):
    server.answers = {"r2": "Infinity"}
    _, _, scores = make_data(files, f"rm:{server.url}")
    server.answers = {}
    scores.unlink()
    rows, manifest, _ = make_data(files, f"rm:{server.url}", "--overwrite")
    assert (len(rows), manifest["dropped"]["not scorable"]) == (8, 0)
    assert server.asked == 9


def test_scores_that_an_older_version_kept_as_infinity_are_made_again(files, caplog):
    _, before, scores = make_data(files, "bleu")
    kept = json.loads(scores.read_text())
    kept[3]["bleu_score"], kept[4]["bleu_score"], kept[5]["bleu_score"] = math.inf, math.nan, "high"
    scores.write_text(json.dumps(kept))
    sidecar = scores.with_name(scores.stem + ".manifest.json")
    manifest = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**manifest, "sha256": hashlib.sha256(scores.read_bytes()).hexdigest()}))
    _, after, scores = make_data(files, "bleu", "--overwrite")
    assert (before["rows_out"], after["rows_out"]) == (8, 8)
    assert [row["id"] for row in strict(scores.read_text())] == [f"r{n}" for n in range(8)]
    assert "has scores that are not finite" in caplog.text


def test_imported_scores_that_are_not_finite_are_no_scores(files):
    path = files / "data/scored_outputs/pool_bleu_m_1ref-gold.json"
    path.parent.mkdir(parents=True)
    values = ["NaN", "Infinity", "-Infinity", "9" * 400, "null", "0.1", "0.2", "0.3"]
    path.write_text("[" + ", ".join(f'{{"id": "r{n}", "bleu_score": {value}}}' for n, value in enumerate(values)) + "]")
    words = ["--hf_dataset_path", str(files / "pool.jsonl"), "--model", "m", "--metric", "bleu"]
    assert create_training_data.grpo([*words, "--output_dir", str(files / "data")]) == 0
    (folder,) = (files / "data/data_grpo").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["dropped"]["without an imported score"] == 5
    assert [row["bleu_score"] for row in datasets.load_from_disk(str(folder))["train"].to_list()] == [0.3, 0.2, 0.1]


def test_a_reward_of_ones_own_makes_data(files, caplog):
    rows, manifest, scores = make_data(files, ODD)
    assert manifest["dropped"]["not scorable"] == 4
    assert [row["odd_score"] is None for row in strict(scores.read_text())] == [1 <= n <= 4 for n in range(8)]
    assert len(rows) == 4
    assert "The reward odd gave no finite number for 4 of 8 responses" in caplog.text
    assert every_json_is_strict(files) > 5


def test_a_reward_of_ones_own_evaluates(files, capsys):
    answers = files / "answers.jsonl"
    answers.write_text((files / "outputs.jsonl").read_text())
    words = ["--models", "a=m", "b=n", "--prompts", str(files / "pool.jsonl"), "--output_dir", str(files / "out")]
    words += ["--engine", "canned", "--answers", str(answers), "--metrics", "bleu", ODD, "--json"]
    assert run(evaluate.main, words) == 0
    content = strict((files / "out/evaluation.json").read_text())
    unscored = {metric["name"]: metric["unscored"] for metric in content["metrics"]}
    assert (unscored["bleu"], unscored["odd"]) == (0, 4)
    scores = [row["scores"]["a"]["odd"] for row in strict_lines(files / "out/answers.jsonl")]
    assert [score is None for score in scores] == [1 <= n <= 4 for n in range(8)]
    strict(capsys.readouterr().out)


def write_pairs(path, **columns):
    pair = {"response_a": "the cat sat", "response_b": "a dog", "ref_output_x": "the cat sat down"}
    rows = [{"id": str(n), "prompt": f"P{n}", **pair, "winner": "ab"[n % 2], **columns} for n in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_reward_of_ones_own_is_compared_with_people(tmp_path, capsys):
    words = ["--preferences", write_pairs(tmp_path / "pairs.jsonl"), "--rewards", "bleu", ODD, "--resamples", "20"]
    assert run(agreement.main, [*words, "--no_figures", "--output_dir", str(tmp_path / "out")]) == 0
    strict((tmp_path / "out/agreement.json").read_text())
    assert "The reward odd gave no finite number for 8 of 24 responses" in capsys.readouterr().err


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400], ids=str)
def test_scores_made_elsewhere_that_are_not_finite_are_none(tmp_path, value, capsys):
    pairs = write_pairs(tmp_path / "pairs.jsonl", rm_a=1.0, rm_b=0.5)
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    rows[2]["rm_a"] = value
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--preferences", pairs, "--score_columns", "rm", "--resamples", "20", "--no_figures", "--json"]
    assert run(agreement.main, [*words, "--output_dir", str(tmp_path / "out")]) == 0
    content = strict(capsys.readouterr().out)
    assert content == strict((tmp_path / "out/agreement.json").read_text())
    (found,) = (one for one in content["rewards"] if one["name"] == "rm")
    assert found["agreement"]["n"] == 11


@pytest.mark.parametrize(("name", "said"), [("Wordy", "gave 'high' for row 0"), ("Short", "gave 1 scores for 8")])
def test_a_reward_that_breaks_its_contract_is_told_in_two_lines(files, capsys, name, said):
    words = ["--hf_dataset_path", str(files / "pool.jsonl"), "--outputs", str(files / "outputs.jsonl"), "--model", "m"]
    words += ["--metric", f"tests.end_to_end.odd_reward:{name}", "--output_dir", str(files / "data")]
    assert run(create_training_data.grpo, words) == 2
    what, cure = capsys.readouterr().err.splitlines()[-2:]
    assert said in what
    assert cure.startswith("A reward must return one number per response")


def test_a_pool_with_nan_is_rewritten_with_null(tmp_path):
    pool, answers = tmp_path / "pool.jsonl", tmp_path / "answers.jsonl"
    odd = {"missing": None, "score": math.nan, "deep": {"low": [-math.inf, 1.5]}}
    rows = [{**row, **odd, "letters": "é \ud83d\ude00"} for row in pool_rows(4)]
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers.write_text("".join(json.dumps({"id": row["id"], "response": "x"}) + "\n" for row in rows))
    words = ["--hf_dataset_path", str(pool), "--model", "m", "--engine", "canned", "--answers", str(answers)]
    assert references.main([*words, "--output", str(tmp_path / "new.jsonl")]) == 0
    assert data_check.main([str(pool), "--held_out", "1", "--output_dir", str(tmp_path / "checked")]) == 0
    wanted = {"missing": None, "score": None, "deep": {"low": [None, 1.5]}, "letters": "é 😀"}
    made = [*strict_lines(tmp_path / "new.jsonl"), *strict_lines(tmp_path / "checked/train.jsonl")]
    made += strict_lines(tmp_path / "checked/held_out.jsonl")
    assert len(made) == 8
    assert all({name: row[name] for name in wanted} == wanted for row in made)


def test_an_empty_cell_that_pandas_wrote_as_nan_is_no_text(tmp_path):
    source = tmp_path / "file.jsonl"
    rows = [{"instruction": "Q1", "output": "A1"}, {"instruction": "Q2", "output": math.nan}]
    rows += [{"instruction": "Q3", "output": math.inf}, {"instruction": math.nan, "output": "A4"}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert data_import.main([str(source), "--output", str(tmp_path / "pool.jsonl")]) == 0
    made = {row["prompt"]: row["ref_output_gold"] for row in strict_lines(tmp_path / "pool.jsonl")}
    assert made == {"Q1": "A1", "Q2": None, "Q3": None}
    every_json_is_strict(tmp_path / "pool.manifest.json")


def test_logs_and_manifests_are_strict(tmp_path):
    log = tmp_path / "metrics.jsonl"
    append_entries(log, [{"step": 1, "loss": math.nan, "reward": 0.5}, {"step": 2, "grad_norm": math.inf}])
    strict_lines(log)
    assert read_entries(log) == [{"step": 1, "loss": None, "reward": 0.5}, {"step": 2, "grad_norm": None}]
    write_json(tmp_path / "manifest.json", {"a": math.nan, "b": [(1.0, -math.inf)], math.nan: 1})
    assert strict((tmp_path / "manifest.json").read_text()) == {"a": None, "b": [[1.0, None]], "null": 1}


def test_a_training_run_with_odd_rewards_writes_strict_logs(tiny_model, tmp_path):
    pytest.importorskip("trl")
    from bleuberi.training.grpo import train_grpo
    from bleuberi.training.settings.read import read_settings

    talks = [[{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": "1"}] for n in range(8)]
    rows = [
        {"id": f"r{n}", "messages": talk, "prompt": f"Say {n}.", "references": ["1"]} for n, talk in enumerate(talks)
    ]
    datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(str(tmp_path / "data"))
    flags = {
        "dataset_path": tmp_path / "data", "model_name_or_path": tiny_model, "output_dir": tmp_path / "run",
        "reward_funcs": ODD, "max_steps": 2, "num_generations": 2, "per_device_train_batch_size": 4,
        "max_completion_length": 8, "use_peft": "false", "sample_prompts": 8, "sample_every": 1,
    }  # fmt: skip
    words = [part for field, value in flags.items() for part in (f"--{field}", str(value))]
    folder = train_grpo(read_settings("grpo", ["--config", "grpo_cpu", *words]))
    logged = [entry for entry in strict_lines(folder / "metrics.jsonl") if "reward" in entry]
    assert len(logged) == 2
    assert all(0 <= entry["reward"] <= 1 and entry["loss"] is not None for entry in logged)
    samples = strict_lines(folder / "completions.jsonl")
    odd = {entry["example_id"] for entry in samples if entry["scores"]["odd"] is None}
    assert odd == {"r1", "r2", "r3", "r4"}
