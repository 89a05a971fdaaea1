"""OpenVINO GenAI for real, against transformers on the same prompts. `make test-openvino` exports models and runs it.

BLEUBERI_TEST_OPENVINO names a folder with the models `demo` (SmolLM2-135M-Instruct) and `tiny`, and their exports
`demo-fp32`, `demo-int8` and `tiny-fp32`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bleuberi.cli import create_training_data
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine, load_engine
from bleuberi.generation.base import Request, Sampling
from bleuberi.generation.cached import prompt_key, row_seed
from bleuberi.generation.chat_format import prompt_ids, stop_token_ids
from bleuberi.generation.decoding import to_answer
from bleuberi.generation.model_identity import load_tokenizer
from bleuberi.generation.worker_calls import StreamWork
from bleuberi.records import Conversation, Message
from tests.conftest import ROOT

if "BLEUBERI_TEST_OPENVINO" not in os.environ:
    pytest.skip("needs OpenVINO and exported models: make test-openvino", allow_module_level=True)

MODELS = Path(os.environ["BLEUBERI_TEST_OPENVINO"]).resolve()
GREEDY = Sampling(max_new_tokens=40, temperature=0.0, top_p=1.0)
ROWS = 32
DRAWS = 2000


def asked(prompts):
    return [Conversation(f"row {number}", [Message(role="user", content=text)]) for number, text in enumerate(prompts)]


def requests_for(rows, sampling):
    return [Request(row.id, row, row_seed(sampling, prompt_key(row))) for row in rows]


@pytest.fixture(scope="session")
def pool():
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    return asked(json.loads(line)["prompt"] for line in lines)


@pytest.fixture(scope="session")
def tiny():
    return load_engine(str(MODELS / "tiny-fp32"), "openvino", EngineOptions(engine_args={"batch_rows": 16}))


def test_greedy_texts_are_those_of_transformers(pool, tmp_path):
    made = cached_engine(str(MODELS / "demo-fp32"), "auto", tmp_path).answer(pool, GREEDY)
    assert made == cached_engine(str(MODELS / "demo"), "transformers", tmp_path).answer(pool, GREEDY)
    assert {output.finish_reason for output in made.values()} == {"stop", "length"}


def test_eight_bit_weights_answer_from_a_cache_of_their_own(pool, tmp_path):
    engines = [cached_engine(str(MODELS / f"demo-{weights}"), "auto", tmp_path) for weights in ("fp32", "int8")]
    first, second = (engine.answer(pool[:8], GREEDY) for engine in engines)
    assert [engine.answered_now for engine in engines] == [8, 8]
    assert all(output.text for output in second.values())
    assert first != second


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_new_tokens=1, temperature=1.0, top_p=1.0),
        Sampling(max_new_tokens=1, temperature=0.7, top_p=0.9),
        Sampling(max_new_tokens=1, temperature=1.5, top_p=0.6, top_k=12),
    ],
    ids=Sampling.signature,
)
def test_draws_follow_the_probabilities_of_transformers(tiny, sampling):
    """A chi-square test of first tokens, with one row and so one seed per draw; rare tokens share a class."""
    from scipy.stats import chisquare

    row = asked(["Tell me a story."])[0]
    expected = expected_counts(row, sampling)
    requests = [Request(str(draw), row, row_seed(sampling, f"{draw:08x}")) for draw in range(DRAWS)]
    drawn = Counter(output[:2] for _, output in tiny.stream(requests, sampling))
    assert drawn.keys() <= expected.keys(), "a token was drawn that the settings exclude"
    common = [one for one, number in expected.items() if number >= 5]
    pairs = [(drawn[one], expected[one]) for one in common]
    if (rare := DRAWS - sum(number for _, number in pairs)) > 1e-6 * DRAWS:
        pairs.append((DRAWS - sum(number for number, _ in pairs), rare))
    found = chisquare(*zip(*pairs, strict=True))
    print(f"{sampling.signature()}: {len(pairs)} classes, chi-square {found.statistic:.1f}, p = {found.pvalue:.3f}")
    assert len(pairs) >= 5
    assert found.pvalue > 0.001


def expected_counts(row, sampling):
    """The expected number of draws of each first token as transformers samples it, by text and finish reason."""
    import torch
    from transformers import AutoModelForCausalLM, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    tokenizer = load_tokenizer(str(MODELS / "tiny"))
    model = AutoModelForCausalLM.from_pretrained(MODELS / "tiny", dtype=torch.float32).eval()
    ids = torch.tensor([prompt_ids(tokenizer, row.messages)])
    with torch.inference_mode():
        scores = TemperatureLogitsWarper(sampling.temperature)(ids, model(ids).logits[:, -1])
        if sampling.top_k:
            scores = TopKLogitsWarper(sampling.top_k)(ids, scores)
        if sampling.top_p < 1:
            scores = TopPLogitsWarper(sampling.top_p)(ids, scores)
        probabilities = scores.double().softmax(-1)[0].tolist()
    stop_ids = stop_token_ids(tokenizer, model.generation_config.eos_token_id)
    expected = Counter()
    for token, probability in enumerate(probabilities):
        if probability > 0:
            expected[to_answer(tokenizer, [token], stop_ids)[:2]] += DRAWS * probability
    return expected


def test_samples_do_not_depend_on_order_or_batch(tiny):
    sampling = Sampling(max_new_tokens=24, temperature=1.0, top_p=0.95)
    requests = requests_for(asked(f"Question {number}?" for number in range(40)), sampling)
    together = {request.key: output for request, output in tiny.stream(requests, sampling)}
    assert {request.key: output for request, output in tiny.stream(requests[::-1], sampling)} == together
    assert {one.key: output for part in requests for one, output in tiny.stream([part], sampling)} == together
    assert len({output.text for output in together.values()}) > 35


def test_rows_of_a_stopped_stream_are_not_decoded_further(tiny):
    sampling = Sampling(max_new_tokens=60)
    requests = requests_for(asked(f"Question {number}?" for number in range(20)), sampling)

    def stopped():
        yield from requests[:9]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(tiny.stream(stopped(), sampling))
    assert not tiny._pipeline.has_non_finished_requests()
    whole = {request.key: output for request, output in tiny.stream(requests, sampling)}
    assert {one.key: output for part in requests[:3] for one, output in tiny.stream([part], sampling)}.items() <= (
        whole.items()
    )


def test_too_long_prompts_are_told_and_not_cut(tiny):
    """Also more of them in a row than run at once."""
    rows = [*asked(["word " * 600] * 20), Conversation("short", [Message(role="user", content="Say hello.")])]
    outputs = {request.key: output for request, output in tiny.stream(requests_for(rows, GREEDY), GREEDY)}
    assert outputs.pop("short").text
    assert len(outputs) == 20
    assert {(output.finish_reason, output.text) for output in outputs.values()} == {("prompt_too_long", "")}


def test_the_models_own_suggestions_do_not_change_a_text(tiny, tmp_path):
    folder = shutil.copytree(MODELS / "tiny-fp32", tmp_path / "opinionated")
    suggested = {"do_sample": True, "top_k": 2, "top_p": 0.1, "temperature": 2.0, "repetition_penalty": 1.5}
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **suggested}))
    other = load_engine(str(folder), "openvino", EngineOptions())
    for sampling in (GREEDY, Sampling(max_new_tokens=24)):
        requests = requests_for(asked(f"Question {number}?" for number in range(8)), sampling)
        made = [{one.key: output for one, output in engine.stream(requests, sampling)} for engine in (tiny, other)]
        assert made[0] == made[1]


def test_a_workers_units_share_the_engine(tmp_path):
    rows, sampling = asked(f"Question {number}?" for number in range(40)), Sampling(max_new_tokens=24)
    engine = cached_engine(str(MODELS / "tiny-fp32"), "openvino", tmp_path)
    outputs = engine.answer(rows, sampling)
    answer = StreamWork(engine.identity, "openvino", EngineOptions(), sampling)()
    requests = requests_for(rows, sampling)
    assert answer(requests[:25]) + answer(requests[25:]) == [outputs[row.id] for row in rows]


def test_nothing_is_reported_to_the_librarys_maker(tmp_path):
    """Its telemetry leaves a number for the user in the home folder before it sends anything."""
    lines = (
        "from bleuberi.generation import EngineOptions, load_engine\n"
        f"load_engine({str(MODELS / 'tiny-fp32')!r}, 'openvino', EngineOptions())\n"
        "import sys; assert 'openvino.tools.ovc' in sys.modules; assert not sys.modules['openvino_telemetry']"
    )
    subprocess.run([sys.executable, "-c", lines], env={**os.environ, "HOME": str(tmp_path)}, check=True)
    assert not (tmp_path / "intel").exists()


def test_a_damaged_export_is_an_error_in_two_lines(tmp_path):
    folder = shutil.copytree(MODELS / "tiny-fp32", tmp_path / "damaged")
    (folder / "openvino_model.xml").write_text("<net")
    with pytest.raises(UserError, match="could not be loaded: Unable to read the model"):
        load_engine(str(folder), "openvino", EngineOptions())


@pytest.mark.parametrize("mode", [["hard"], ["signal", "--num_samples", "4", "--max_cut_share", "1"]], ids=" ".join)
def test_two_data_sets_made_with_it_have_the_same_bytes(pool_file, tmp_path, mode):
    words = ["grpo", "--hf_dataset_path", str(pool_file), "--metric", "chrf", "--model", str(MODELS / "tiny-fp32")]
    words += ["--selection_mode", *mode, "--num_examples", "8", "--inference_max_new_tokens", "160"]
    words += ["--output_dataset_name", "made", "--output_dir"]
    rows = []
    for place, engine in (("one", "openvino"), ("two", "auto")):
        assert create_training_data.front_door([*words, str(tmp_path / place), "--engine", engine]) == 0
        manifest = json.loads((tmp_path / place / "data_grpo/made/manifest.json").read_text())
        assert manifest["outputs"]["model"]["revision"].startswith("files:")
        rows.append({path.name: path.read_bytes() for path in (tmp_path / place / "data_grpo/made/train").iterdir()})
    assert rows[0] == rows[1]
    assert rows[0]
