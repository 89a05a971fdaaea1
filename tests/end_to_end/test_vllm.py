"""vLLM for real: in process and as a server, against transformers on the same prompts. `make test-vllm` runs it."""

import inspect
import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

from bleuberi.artifacts import write_json
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Sampling
from bleuberi.generation.cached import row_seed
from bleuberi.generation.vllm_engine import VllmEngine, sampling_kwargs, vllm_obstacle
from bleuberi.records import Conversation, Message
from tests.conftest import ROOT

pytest.importorskip("vllm", reason="vLLM is not installed: make test-vllm")

ROWS = 48
NEW_TOKENS = 48
SAME_TOKENS = 32
PORT = 8765
GREEDY = Sampling(max_new_tokens=NEW_TOKENS, temperature=0.0, top_p=1.0)
OPTIONS = {"dtype": "float32", "max_model_len": 2048, "enforce_eager": True, "max_num_seqs": 16}
RESULT = ROOT / "runs/test_vllm.json"


@pytest.fixture(scope="session")
def model():
    from bleuberi.demo.model import demo_model_folder

    return str(demo_model_folder())


@pytest.fixture(scope="session")
def asked():
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    rows = [json.loads(line) for line in lines]
    return [Conversation(row["id"], [Message(role="user", content=row["prompt"])]) for row in rows]


@pytest.fixture(scope="session")
def in_process(model, asked, tmp_path_factory):
    """vLLM's engine, its greedy answers, and how fast they came (loading left out)."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    engine = VllmEngine(model, **OPTIONS)
    made = cached_engine(model, "vllm", tmp_path_factory.mktemp("vllm"), EngineOptions(engine_args=OPTIONS))
    made._engine = engine
    return engine, *timed(made, asked)


@pytest.fixture(scope="session")
def of_transformers(model, asked, tmp_path_factory):
    from bleuberi.generation.transformers_engine import TransformersEngine

    made = cached_engine(model, "transformers", tmp_path_factory.mktemp("transformers"))
    made._engine = TransformersEngine(model)
    return timed(made, asked)


def timed(engine, asked):
    began = time.monotonic()
    outputs = engine.answer(asked, GREEDY)
    return outputs, sum(output.tokens for output in outputs.values()) / (time.monotonic() - began)


def compare(name, model, outputs, expected):
    """The share of rows whose first tokens are the same; the others are listed."""
    from bleuberi.generation.model_identity import load_tokenizer

    tokenizer = load_tokenizer(model)

    def start(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"][:SAME_TOKENS]

    differing = [row for row in expected if start(outputs[row].text) != start(expected[row].text)]
    for row in differing:
        print(f"{name} differs in {row}:\n  {outputs[row].text[:150]!r}\n  {expected[row].text[:150]!r}")
    share = 1 - len(differing) / len(expected)
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    write_json(RESULT, {**known, name: {"rows": len(expected), "share_with_the_same_start": share}})
    return share


def test_greedy_texts_are_those_of_transformers(model, in_process, of_transformers):
    _, outputs, vllm_rate = in_process
    expected, transformers_rate = of_transformers
    share = compare("vllm", model, outputs, expected)
    rates = {"vllm_tokens_per_second": vllm_rate, "transformers_tokens_per_second": transformers_rate}
    write_json(RESULT, {**json.loads(RESULT.read_text()), **rates})
    print(f"share with the same {SAME_TOKENS} tokens: {share:.1%}; {rates}")
    assert share >= 0.9


def test_feeding_row_by_row_is_as_fast_as_one_big_call(in_process, asked, monkeypatch):
    """Interleaved on one engine that runs 16 rows at once; 32 are queued here, all 48 in the big call."""
    from vllm import SamplingParams, TokensPrompt

    from bleuberi.generation.base import Request
    from bleuberi.generation.chat_format import prompt_ids

    monkeypatch.setattr("bleuberi.generation.vllm_engine.QUEUED_ROWS", 32)
    engine = in_process[0]
    requests = [Request(row.id, row, 1) for row in asked]

    def one_big_call():
        params = SamplingParams(**sampling_kwargs(GREEDY, engine._stop_ids, 1))
        ids = [prompt_ids(engine._tokenizer, row.messages) for row in asked]
        engine._llm.generate([TokensPrompt(prompt_token_ids=row) for row in ids], params, use_tqdm=False)

    seconds = {"one_big_call": [], "stream": []}
    for _ in range(3):
        for name, run in (("one_big_call", one_big_call), ("stream", lambda: list(engine.stream(requests, GREEDY)))):
            engine._engine.reset_prefix_cache()
            began = time.monotonic()
            run()
            seconds[name].append(time.monotonic() - began)
    ratio = min(seconds["stream"]) / min(seconds["one_big_call"])
    write_json(RESULT, {**json.loads(RESULT.read_text()), "seconds": seconds, "stream_over_one_big_call": ratio})
    print(f"stream / one big call: {ratio:.3f}")
    assert ratio < 1.05 + 0.10  # the target is 1.05; a shared machine's clock is not better than a tenth


def test_a_seed_decides_a_row_whatever_its_neighbours(in_process, asked):
    from bleuberi.generation.base import Request

    sampling = Sampling(max_new_tokens=12)
    requests = [Request(row.id, row, row_seed(sampling, "00" + row.id)) for row in asked[:8]]
    together = {request.key: output.text for request, output in in_process[0].stream(requests, sampling)}
    alone = {request.key: out.text for part in requests for request, out in in_process[0].stream([part], sampling)}
    assert sum(together[row] == alone[row] for row in together) >= 7  # batches round differently, rarely visibly


def test_too_long_prompts_are_told_and_not_cut(in_process):
    from bleuberi.generation.base import Request

    long = Conversation("long", [Message(role="user", content="word " * 3000)])
    short = Conversation("short", [Message(role="user", content="Say hello.")])
    requests = [Request("long", long, 1), Request("short", short, 1)]
    outputs = {request.key: output for request, output in in_process[0].stream(requests, GREEDY)}
    assert outputs["long"].finish_reason == "prompt_too_long"
    assert outputs["short"].text


def test_our_calls_fit_vllms_signatures():
    from vllm import LLM, SamplingParams, TokensPrompt
    from vllm.v1.engine.llm_engine import LLMEngine

    assert vllm_obstacle() is None
    params = SamplingParams(**sampling_kwargs(Sampling(), [2], 7))
    assert (params.top_k, params.min_p, params.repetition_penalty, params.n) == (0, 0.0, 1.0, 1)
    inspect.signature(LLM.__init__).bind(None, model="m", generation_config="vllm", tensor_parallel_size=2)
    inspect.signature(LLMEngine.add_request).bind(None, "0", TokensPrompt(prompt_token_ids=[1]), params)
    inspect.signature(LLMEngine.step).bind(None)


@pytest.fixture(scope="session")
def server(model, in_process):
    """What `vllm serve` starts, on this machine; its log is shown where it does not come up.

    The command itself looks for a package named vllm, which vllm-cpu is not.
    """
    log_path = ROOT / "runs/vllm_serve.log"
    log_path.parent.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model, "--port", str(PORT)]
    words += ["--dtype", "float32", "--max-model-len", "2048", "--served-model-name", "smollm2", "--enforce-eager"]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"}
    with log_path.open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(300):
            assert process.poll() is None, log_path.read_text()[-3000:]
            try:
                opener.open(f"http://127.0.0.1:{PORT}/health", timeout=2)
                break
            except OSError:
                time.sleep(1)
        else:
            pytest.fail(log_path.read_text()[-3000:])
        yield f"http://127.0.0.1:{PORT}/v1"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def test_a_served_vllm_gives_the_same_through_the_openai_engine(server, model, asked, of_transformers, tmp_path):
    options = EngineOptions(base_url=server)
    asked_more = [*asked, Conversation("long", [Message(role="user", content="word " * 3000)])]
    outputs = cached_engine("smollm2", "openai", tmp_path, options).answer(asked_more, GREEDY)
    assert outputs.pop("long").finish_reason == "prompt_too_long"
    share = compare("vllm_serve", model, outputs, of_transformers[0])
    print(f"share with the same {SAME_TOKENS} tokens: {share:.1%}")
    assert share >= 0.9
    sampled = cached_engine("smollm2", "openai", tmp_path, options).answer(asked[:4], Sampling(max_new_tokens=8))
    assert all(output.tokens for output in sampled.values())
