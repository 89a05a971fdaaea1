"""How fast do programs decode on a CPU, and do they write the same greedy texts as transformers in float32?

Every program answers the same prompts of the demo pool as one batch, in turns, and always to the full number of tokens.
Programs compute in bfloat16 only if the processor multiplies it. A decoded token of the batch takes
(seconds of all tokens - seconds of one token) / (tokens - 1): without the prompt.

OpenVINO needs an environment of its own (optimum-intel 2.2 wants transformers below 5.6) and an exported model:

    pip install optimum-intel==2.2.0 openvino-genai==2026.4.1.0
    optimum-cli export openvino -m MODEL --task text-generation-with-past --weight-format fp32 FOLDER/fp32
    optimum-cli export openvino -m MODEL --task text-generation-with-past --weight-format int8 FOLDER/int8
    python benchmarks/decoding.py MODEL --exported FOLDER

Without optimum-intel (in `.venv-openvino` of `make test-openvino`) its own lines are left out.

ONNX Runtime GenAI (--onnx) and llama.cpp (--gguf) are installed and exported beside our transformers:

    pip install onnxruntime-genai==0.18.0 onnx onnx-ir xllamacpp==2026.10.11549
    python -m onnxruntime_genai.models.builder -m MODEL -i MODEL -o FOLDER/fp32 -p fp32 -e cpu -c CACHE  # int8
    python benchmarks/decoding.py MODEL --onnx FOLDER/fp32 --gguf FILE.gguf --packed

`--packed` adds transformers with the weights of its linear layers in oneDNN's own layout.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

POOL = Path(__file__).resolve().parents[1] / "src/bleuberi/demo/pool.jsonl"
Ids = list[list[int]]
Decode = Callable[[int], Ids]  # number of new tokens -> the new tokens of each row


def prompts_of(tokenizer: Any, rows: int) -> Ids:  # noqa: ANN401
    """The first prompts of the demo pool, as the model's own turns."""
    lines = POOL.read_text(encoding="utf-8").splitlines()[:rows]
    turns = [[{"role": "user", "content": json.loads(line)["prompt"]}] for line in lines]
    texts = [tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in turns]
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def as_transformers(model: Any, tokenizer: Any, ids: Ids) -> Decode:  # noqa: ANN401
    """Decode with `generate`, which transformers' and optimum-intel's models share."""
    import torch

    padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt")

    def decode(tokens: int) -> Ids:
        with torch.inference_mode():
            made = model.generate(**padded, do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens,
                                  pad_token_id=tokenizer.pad_token_id)  # fmt: skip
        return made[:, padded["input_ids"].shape[1] :].tolist()

    return decode


def as_genai(folder: Path, settings: dict[str, Any], ids: Ids) -> Decode:
    """Decode with OpenVINO GenAI's continuous batching, which pads nothing."""
    import numpy as np
    import openvino
    import openvino_genai

    schedule = openvino_genai.SchedulerConfig()
    schedule.max_num_batched_tokens, schedule.cache_size = 4096, 2  # tokens, GB
    pipeline = openvino_genai.ContinuousBatchingPipeline(folder, schedule, "CPU", settings, {})
    prompts = [openvino.Tensor(np.array([row], dtype=np.int64)) for row in ids]

    def decode(tokens: int) -> Ids:
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.min_new_tokens, config.do_sample = tokens, tokens, False
        return [list(result.m_generation_ids[0]) for result in pipeline.generate(prompts, [config] * len(ids))]

    return decode


def as_onnx(folder: Path, ids: Ids, threads: int) -> Decode:
    """Decode with ONNX Runtime GenAI: one batch, padded on the right (on the left, its attention reads the wrong
    places)."""
    import numpy as np
    import onnxruntime_genai

    # What it pads with is masked everywhere, also within a prompt.
    pad = next(token for token in count() if all(token not in row for row in ids))
    config = onnxruntime_genai.Config(str(folder))
    decoder = {"session_options": {"intra_op_num_threads": threads}}
    config.overlay(json.dumps({"model": {"decoder": decoder, "pad_token_id": pad}}))
    model = onnxruntime_genai.Model(config)
    longest = max(map(len, ids))
    padded = np.array([row + [pad] * (longest - len(row)) for row in ids], dtype=np.int32)

    def decode(tokens: int) -> Ids:
        settings = onnxruntime_genai.GeneratorParams(model)
        length = longest + tokens
        settings.set_search_options(batch_size=len(ids), max_length=length, min_length=length, do_sample=False)
        generator = onnxruntime_genai.Generator(model, settings)
        generator.append_tokens(padded)
        for _ in range(tokens):
            generator.generate_next_token()
        return [list(generator.get_sequence(row))[longest:length] for row in range(len(ids))]

    return decode


def as_llama_cpp(path: Path, ids: Ids, threads: int) -> Decode:
    """Decode with llama.cpp's server in this process, a slot per row."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_parallel, settings.n_ctx, settings.n_batch = len(ids), 1024 * len(ids), 4096
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.n_threads_http = 2 * len(ids)
    settings.verbosity = 0
    server = xllamacpp.Server(settings)

    def decode(tokens: int) -> Ids:
        common = {
            "n_predict": tokens,
            "temperature": 0,
            "ignore_eos": True,
            "cache_prompt": False,
            "logprobs": 1,  # for the tokens' ids
        }
        with ThreadPoolExecutor(len(ids)) as pool:
            replies = pool.map(lambda row: server.handle_completions({"prompt": row, **common}), ids)
            return [[token["id"] for token in reply["choices"][0]["logprobs"]["content"]] for reply in replies]

    return decode


def packed(model: Any) -> Any:  # noqa: ANN401
    """Give each linear layer its weights in oneDNN's layout for a few rows at a time."""
    import torch

    class Packed(torch.nn.Module):
        def __init__(self, linear: torch.nn.Linear) -> None:
            super().__init__()
            self.bias = linear.bias
            self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")

    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear):
                setattr(module, name, Packed(child))
    return model


def programs(arguments: argparse.Namespace) -> dict[str, Decode]:
    """The programs by name; the first is the one that the others are compared with."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    tokenizer.padding_side, tokenizer.pad_token_id = "left", tokenizer.pad_token_id or tokenizer.eos_token_id
    ids = prompts_of(tokenizer, arguments.rows)
    made = {}
    known = torch.cpu.get_capabilities()  # as `fast_dtype` of bleuberi, which the exporting environment lacks
    multiplied = [torch.bfloat16] if known.get("avx512_bf16") or known.get("amx_bf16") or known.get("bf16") else []
    for dtype in (torch.float32, *multiplied):
        model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=dtype).eval()
        made[f"transformers, {str(dtype).removeprefix('torch.')}"] = as_transformers(model, tokenizer, ids)
    if arguments.packed:
        model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
        made["transformers, float32, packed weights"] = as_transformers(packed(model), tokenizer, ids)
    for folder in arguments.onnx:
        made[f"ONNX Runtime GenAI, {folder.name}"] = as_onnx(folder, ids, arguments.threads)
    for path in arguments.gguf:
        made[f"llama.cpp, {path.stem}"] = as_llama_cpp(path, ids, arguments.threads)
    if arguments.exported is None:
        return made
    optimum = find_spec("optimum") is not None
    threads = {"INFERENCE_NUM_THREADS": arguments.threads}
    for weights, precision in (("fp32", "f32"), ("int8", "f32"), *([("int8", "bf16")] if multiplied else [])):
        settings = {**threads, "INFERENCE_PRECISION_HINT": precision}
        if optimum:
            from optimum.intel import OVModelForCausalLM

            model = OVModelForCausalLM.from_pretrained(arguments.exported / weights, ov_config=settings)
            made[f"optimum-intel, weights {weights}, computes in {precision}"] = as_transformers(model, tokenizer, ids)
        if weights == "fp32":
            settings["KV_CACHE_PRECISION"] = "f32"
        made[f"OpenVINO GenAI, weights {weights}, computes in {precision}"] = as_genai(
            arguments.exported / weights, settings, ids
        )
    return made


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many first tokens are equal."""
    differs = (place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    return next(differs, len(one))


def main() -> None:
    """Print a table, one line per program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--exported", type=Path, help="folder with the exports fp32 and int8")
    parser.add_argument("--onnx", type=Path, nargs="*", default=[], help="folders of ONNX Runtime GenAI")
    parser.add_argument("--gguf", type=Path, nargs="*", default=[], help="files of llama.cpp")
    parser.add_argument("--packed", action="store_true", help="also transformers with packed weights")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = programs(arguments)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    texts: dict[str, Ids] = {name: decode(arguments.tokens) for name, decode in found.items()}  # also warms up
    for _ in range(arguments.rounds):
        for name, decode in found.items():
            marks = [time.perf_counter()]
            for tokens in (1, arguments.tokens):
                decode(tokens)
                marks.append(time.perf_counter())
            seconds[name].append((marks[1] - marks[0], marks[2] - marks[1]))
    first = next(iter(texts.values()))
    print("| program | prompts, ms | ms per decoded token | lowest | rows with equal texts | equal first tokens |")
    print("|---|---|---|---|---|---|")
    for name, measured in seconds.items():
        prompt = statistics.median(one for one, _ in measured)
        steps = [(whole - one) / (arguments.tokens - 1) * 1e3 for one, whole in measured]
        same = [common(a, b) for a, b in zip(first, texts[name], strict=True)]
        print(
            f"| {name} | {prompt * 1e3:,.0f} | {statistics.median(steps):.0f} | {min(steps):.0f} | "
            f"{same.count(arguments.tokens)} of {arguments.rows} | {statistics.fmean(same):.1f} |"
        )


if __name__ == "__main__":
    main()
