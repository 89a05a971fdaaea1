"""Short real runs of each GPU path; a table, and a JSON to paste into an issue. Under ten minutes on one GPU.

    python -m tests.gpu                          # the demo's model of 135 million parameters
    python -m tests.gpu --only "GRPO, LoRA" resume
    python -m tests.gpu --cpu --model FOLDER     # the same script without a GPU, with a smaller model

On a bare machine: `python -m tests.gpu.carry` brings wheels and the model there.
"""

import argparse
import json
import platform
import signal
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.gpu.paths import PATHS, ROOT, STEPS, Bench, short_run, stopped_and_resumed

RESULT = ROOT / "runs/test_gpu.json"
RESUMES = {"resume after SIGKILL": signal.SIGKILL, "resume after SIGTERM": signal.SIGTERM}
PACKAGES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "deepspeed", "vllm", "bitsandbytes")


def versions():
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def machine():
    import torch

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"gpus": gpus, "cuda": torch.version.cuda, "python": platform.python_version(), "versions": versions()}


def row(name, told):
    """One line of the table."""
    verdict = {True: "ok", False: "FAILED", None: "left out"}[told["ok"]]
    parts = [f"{verdict:8} {name:28}"]
    if told["ok"] is None:
        return " ".join([*parts, told["why"]])
    for key, unit, scale in (
        ("seconds_per_step", "s/step", 1), ("tokens_per_second", "tokens/s", 1), ("peak_bytes", "GB", 1e9),
    ):  # fmt: skip
        if told.get(key) is not None:
            estimate = told.get(f"{key}_estimate")
            near = f" (estimate {estimate / scale:.3g})" if isinstance(estimate, int | float) else ""
            parts.append(f"{told[key] / scale:.3g} {unit}{near}")
    parts += [f"{key} {told[key]:.2g}" for key in ("export_off_by", "largest_loss_difference") if key in told]
    parts += [f"same weights: {told['same_weights']}"] if "same_weights" in told else []
    return "  ".join(parts)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a model folder; the demo's by default")
    parser.add_argument("--only", nargs="+", help="paths whose name has one of these words")
    parser.add_argument("--cpu", action="store_true", help="without a GPU")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--folder", type=Path, help="where the runs go; a temporary folder by default")
    parser.add_argument("--result", type=Path, default=RESULT)
    asked = parser.parse_args(argv)
    told = machine()
    if not told["gpus"] and not asked.cpu:
        print("There is no GPU that torch can use. --cpu runs the same script without one.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(asked.folder or temporary, asked.model or demo_model(), cpu=asked.cpu, steps=asked.steps)
        bench.folder.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        bench.data()
        told["paths"] = {}
        for name in [*PATHS, *RESUMES]:
            if asked.only and not any(word in name for word in asked.only):
                continue
            found = short_run(bench, name, PATHS[name]) if name in PATHS else stopped_and_resumed(bench, RESUMES[name])
            told["paths"][name] = found
            print(row(name, found), flush=True)
            told["seconds"] = time.perf_counter() - began
            asked.result.parent.mkdir(parents=True, exist_ok=True)
            asked.result.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(f"{told['seconds']:.0f} s in all; {asked.result} is for an issue.")
    return 1 if any(found["ok"] is False for found in told["paths"].values()) else 0


def demo_model():
    from bleuberi.demo.model import demo_model_folder

    return demo_model_folder()


if __name__ == "__main__":
    sys.exit(main())
