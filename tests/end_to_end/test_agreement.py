"""`bleuberi agreement` from flags to files: JSON, figures, the sentence, and what bad input gets to read."""

import gzip
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bleuberi.cli.agreement import main, parser
from bleuberi.errors import UserError

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
PREFERENCES = DATA / "dev_preferences_with_refs.jsonl.gz"
needs_data = pytest.mark.skipif(not PREFERENCES.exists(), reason=f"needs {PREFERENCES.name} beside the repository")
TEXT = "the quick brown fox jumps over a lazy dog and runs into some deep dark wood"
WORDS = TEXT.split()


def pair_rows(prompts=40):
    """Pairs in which the response nearer to the reference mostly wins, and is as often the shorter one."""
    rows = []
    for number in range(prompts):
        reference = " ".join([*WORDS[number % 5 :], f"topic{number}"])
        near, far = reference.replace("dog", "cat"), " ".join(reversed(reference.split()))
        if number % 2:
            far += " and much more is said here"
        else:
            near += " as everyone knows well"
        for first in (True, False):
            good = "model_a" if first else "model_b"
            worse = "model_b" if first else "model_a"
            rows.append(
                {
                    "prompt": f"Tell of {number}",
                    "source": "even" if number % 2 else "odd",
                    "response_a": near if first else far,
                    "response_b": far if first else near,
                    "winner": worse if number % 10 == 0 else "tie" if number % 10 == 5 else good,
                    "votes": [good, good, "tie"],
                    "rm_a": 1.0 if first else 0.0,
                    "rm_b": 0.0 if first else 1.0,
                    "ref_output_gold": reference,
                    "ref_output_second": reference.replace("quick", "fast"),
                }
            )
    return rows


def write(path, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


def run(tmp_path, *flags):
    out = tmp_path / "out"
    assert main([*flags, "--output_dir", str(out), "--resamples", "500"]) == 0
    return json.loads((out / "agreement.json").read_text(encoding="utf-8"))


def test_pairs_from_flags_to_figures(tmp_path, capsys):
    source = write(tmp_path / "pairs.jsonl.gz", pair_rows())
    result = run(tmp_path, "--preferences", source, "--score_columns", "rm", "--combine", "bleu+rm")
    names = [one["name"] for one in result["rewards"]]
    assert names == [
        "bleu", "rouge", "bleu_rouge_f1", "rm", "z-mean(bleu+rm)", "logistic(bleu+rm)",
        "longer_words", "longer_chars", "random", "brevity_penalty", "bleu_no_bp", "echo",
    ]  # fmt: skip
    assert result["schema"] == "bleuberi.agreement/1"
    assert all(one["signature"] and one["agreement"]["method"] for one in result["rewards"])
    assert {one["references"] for one in result["curves"]} == {1, 2}
    assert result["annotators"]["with_others"]["n"] == 80
    assert len(result["inputs"]["preferences"]["sha256"]) == 64
    bleu = result["rewards"][0]["agreement"]
    assert bleu["value"] == pytest.approx(64 / 72)
    assert capsys.readouterr().out.replace("\n", " ").find("bleu beats it by") > 0
    for name in ("agreement", "lead_over_length", "references", "sources"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert "<svg" in (tmp_path / "out" / f"{name}.svg").read_text(encoding="utf-8")


def test_same_flags_same_file(tmp_path):
    source = write(tmp_path / "pairs.jsonl", pair_rows(12))
    flags = ("--preferences", source, "--rewards", "bleu", "--no_figures")
    assert run(tmp_path, *flags) == run(tmp_path, *flags)


def test_parquet_pool_chosen_and_rejected(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows, pool = pair_rows(), {}
    for row in rows:
        pool[row["prompt"]] = {"prompt": row["prompt"], "ref_output_gold": row["ref_output_gold"]}
    del pool["Tell of 3"]
    chosen = [
        {"prompt": row["prompt"], "chosen": row["response_a"], "rejected": row["response_b"]} for row in rows[::2]
    ]
    parquet.write_table(pyarrow.Table.from_pylist(chosen), tmp_path / "pairs.parquet")
    result = run(
        tmp_path, "--preferences", str(tmp_path / "pairs.parquet"), "--rewards", "rouge", "--no_figures",
        "--pool", write(tmp_path / "pool.jsonl", list(pool.values())),
    )  # fmt: skip
    assert result["inputs"]["pairs_with_references"]["dropped"] == {"without references": 1}
    assert result["rewards"][0]["agreement"]["value"] == 1.0
    assert any("wins every decisive pair" in line for line in result["warnings"])


def test_scores_made_elsewhere_need_no_references(tmp_path):
    rows = [{key: value for key, value in row.items() if not key.startswith("ref_")} for row in pair_rows()]
    source = write(tmp_path / "pairs.jsonl", rows)
    result = run(tmp_path, "--preferences", source, "--rewards", "--score_columns", "rm")
    assert [one["name"] for one in result["rewards"] if one["kind"] == "baseline"] == [
        "longer_words", "longer_chars", "random"
    ]  # fmt: skip
    assert result["rewards"][0]["agreement"]["value"] == pytest.approx(64 / 72)
    assert result["curves"] == []


def answer_rows():
    rows = []
    for number in range(30):
        reference = [*WORDS, f"topic{number}"]
        for skill in range(6):
            output = reference[: 3 + 2 * skill] + ["filler"] * (12 - 2 * skill)
            rows.append(
                {"prompt_id": number, "model": f"m{skill}", "output": " ".join(output), "judge": skill + number}
            )
        rows.append({"prompt_id": number, "model": "teacher", "output": " ".join(reference), "judge": 99})
    return rows


def test_systems_from_flags_to_figures(tmp_path, capsys):
    pool = [{"id": str(n), "ref_output_teacher": " ".join([*WORDS, f"topic{n}"])} for n in range(30)]
    labels = tmp_path / "labels.csv"
    labels.write_text("model,elo\n" + "".join(f"m{skill},{1000 + skill}\n" for skill in range(6)), encoding="utf-8")
    outputs = write(tmp_path / "outputs.jsonl", answer_rows())
    flags = ("--outputs", outputs, "--pool", write(tmp_path / "pool.jsonl", pool), "--rewards", "bleu")
    result = run(tmp_path, *flags, "--labels", str(labels), "--label_column", "elo", "--expect_order", "m0<m2<m5")
    assert result["inputs"]["excluded_systems"] == {"teacher": "is a reference model, by name"}
    assert [system["name"] for system in result["systems"]] == ["m5", "m4", "m3", "m2", "m1", "m0"]
    assert result["rewards"][0]["spearman"]["both"]["value"] == pytest.approx(1.0)
    assert result["orders"][0]["holds"]
    assert (tmp_path / "out" / "systems_scatter.png").exists()
    assert "Spearman 1.00" in capsys.readouterr().out
    judged = run(tmp_path, *flags, "--label_column", "judge", "--no_figures", "--overwrite")
    assert judged["rewards"][0]["answer_pairs"]["value"] == 1.0
    assert judged["rewards"][0]["answer_pairs"]["n"] == 30 * 15


BAD = [
    (["--preferences", "nowhere.jsonl"], "File or folder nowhere.jsonl does not exist."),
    (["--preferences", "{broken}"], "line 2 is not valid JSON"),
    (["--preferences", "{empty}"], "has no rows"),
    (["--preferences", "{winner}"], "unknown winner: 'model_c'"),
    (["--preferences", "{pairs}", "--ref_models", "claude"], "Available reference models: gold, second"),
    (["--preferences", "{pairs}", "--rewards", "blue"], "Unknown reward or metric 'blue'"),
    (["--preferences", "{pairs}", "--rewards", "bleu", "bleu"], "Duplicate rewards: bleu, bleu"),
    (["--preferences", "{pairs}", "--rewards"], "no scores to compare"),
    (["--preferences", "{pairs}", "--combine", "bleu+rm"], "has unknown 'rm'"),
    (["--outputs", "{pairs}"], "needs --label_column"),
]


@pytest.mark.parametrize(("flags", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_input_gets_two_plain_lines(tmp_path, flags, said):
    rows = pair_rows(3)
    files = {
        "broken": tmp_path / "broken.jsonl", "empty": tmp_path / "empty.jsonl",
        "winner": write(tmp_path / "winner.jsonl", [{**rows[0], "winner": "model_c"}]),
        "pairs": write(tmp_path / "pairs.jsonl", rows),
    }  # fmt: skip
    files["broken"].write_text(json.dumps(rows[0]) + "\n{oops\n", encoding="utf-8")
    files["empty"].write_text("\n", encoding="utf-8")
    with pytest.raises(UserError, match=said) as caught:
        main([*(flag.format(**files) for flag in flags), "--output_dir", str(tmp_path / "out")])
    assert len(str(caught.value).splitlines()) == 2
    assert not (tmp_path / "out").exists()


def test_few_prompts_say_what_cannot_be_concluded(tmp_path, capsys):
    run(tmp_path, "--preferences", write(tmp_path / "pairs.jsonl", pair_rows(8)), "--rewards", "bleu", "--no_figures")
    assert "nothing can be concluded" in " ".join(capsys.readouterr().out.split())


def test_help_and_import_load_nothing_heavy():
    code = (
        "import sys\nfrom bleuberi.cli.agreement import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as left:\n    assert left.code == 0\n"
        "assert not {'torch', 'scipy', 'vl_convert', 'datasets', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--label_column" in done.stdout


def documented_commands():
    """The commands of docs/validity.md, as lists of flags."""
    text = (REPOSITORY / "docs" / "validity.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [
        shlex.split(line.replace("$DATA", str(DATA)))[2:] for line in lines if line.startswith("bleuberi agreement")
    ]


@needs_data
def test_documented_commands_name_flags_and_files_that_exist():
    commands = documented_commands()
    assert len(commands) == 15
    for flags in commands:
        given = parser().parse_args(flags)
        for name in (given.preferences, given.outputs, given.pool, given.labels):
            assert name is None or Path(name).exists(), name


@needs_data
def test_the_negative_control_is_documented_as_it_comes_out(tmp_path):
    flags = next(flags for flags in documented_commands() if "prometheus" in flags[1])
    assert main([*flags, "--rewards", "bleu", "--resamples", "300", "--no_figures", "--output_dir", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "agreement.json").read_text(encoding="utf-8"))
    pairs = {one["name"]: one["answer_pairs"] for one in result["rewards"]}
    text = (REPOSITORY / "docs" / "validity.md").read_text(encoding="utf-8")
    assert f"BLEU agrees in {100 * pairs['bleu']['value']:.1f} %" in text
    assert f"the longer answer in {100 * pairs['longer_words']['value']:.1f} %" in text


@needs_data
def test_published_preferences_bleu_beats_length(tmp_path):
    started = time.process_time()
    out = tmp_path / "out"
    sources = ["pandalm", "tulu1_human_eval", "mtbench_human_llmbar", "faireval_llmbar"]
    flags = ["--preferences", str(PREFERENCES), "--sources", *sources, "--curve_orders", "0", "--no_figures"]
    assert main([*flags, "--rewards", "rouge", "--output_dir", str(out), "--resamples", "2000"]) == 0
    result = json.loads((out / "agreement.json").read_text(encoding="utf-8"))
    rates = {one["name"]: one["agreement"]["value"] for one in result["rewards"]}
    assert result["counts"]["decisive_pairs"] == 1040
    assert rates["rouge"] == pytest.approx(0.7486, abs=5e-4)
    assert rates["longer_words"] == pytest.approx(0.6731, abs=5e-4)
    assert time.process_time() - started < 60  # of one core, in pure Python too


def test_prompts_of_the_pool_are_echoed_if_the_outputs_name_them_by_id(tmp_path):
    pool = [{"id": str(n), "prompt": f"Say: {TEXT} topic{n}", "ref_output_gold": f"{TEXT} topic{n}"} for n in range(30)]
    rows = [{**row, "prompt_id": str(row["prompt_id"])} for row in answer_rows() if row["model"] != "teacher"]
    flags = ("--outputs", write(tmp_path / "outputs.jsonl", rows), "--label_column", "judge", "--rewards", "bleu")
    result = run(tmp_path, *flags, "--pool", write(tmp_path / "pool.jsonl", pool), "--no_figures")
    assert [one["name"] for one in result["rewards"]][-1] == "echo"
    assert {one["other"] for one in result["answer_comparisons"] if one["base"] == "echo"} == {"bleu"}
