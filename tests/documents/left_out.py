"""What the pages show and this machine does not run, with the reason. Each entry has to match a shown command."""

import re
from typing import NamedTuple

from tests.documents.pages import Shown

INSTALLS = "installs into the environment it runs in; .ci/run and .ci/package do it"
ITSELF = "runs these very tests or others; a word of its own"
MINUTES = "measures for minutes"
GPUS = "wants eight GPUs"
NODES = "wants a second machine; tests/end_to_end/test_two_hosts.py makes one"
OWN_TESTS = "vLLM and OpenVINO are not installed here; make test-vllm and make test-openvino run them"
RAY = "starts a Ray that outlives it; make test-ray starts two hosts so"
ASKS = "asks a server that is not ours"


class Entry(NamedTuple):
    """Commands that are left out: where the pattern is found in what is shown."""

    pattern: str
    reason: str


LEFT_OUT = (
    Entry(r"^make demo", "takes eight minutes; tests/end_to_end/test_demo.py runs a short one"),
    Entry(r"^make (test|check)\b", ITSELF),
    Entry(r"^make (install|release|site)\b|^FULL=1 make release|^(uv )?pip (install|check|download)|^uv v", INSTALLS),
    Entry(r"^accelerate launch .*(one_node|fsdp2)\.yaml|^torchrun --nproc_per_node 8", GPUS),
    Entry(r"tests\.gpu|^trl grpo", "needs a GPU; test_gpu_script.py and test_trl_command.py run it without one"),
    Entry(r"^NODES=2|two_nodes\.yaml", NODES),
    Entry(r"^ray |^export RAY_AUTH_MODE|--engine ray", RAY),
    Entry(r"\bvllm serve|--engine vllm|--use_vllm|^python3 -m venv export|^export/bin/|--model \./exported", OWN_TESTS),
    Entry(r"--engine openai|--judge MODEL|data import trl-lib/|--push_to_hub \S+/", ASKS),
    Entry(r"--arena ", "wants the paper's released files; tests/end_to_end/test_arena.py makes a folder like theirs"),
    Entry(r"^bleuberi compare|^make learn R", "trains for long; tests/end_to_end/test_compare.py has a small one"),
    Entry(r"^python benchmarks/report_screenshot", "wants a page of the reader's and a browser"),
    Entry(r"^python (-m )?benchmarks[./](?!report)", MINUTES),
    Entry(
        r"^import verifiers|^vf-eval|^python -m (verl|openrlhf)\.|^deepspeed --module|^pip install -e cat",
        "trainers that are not installed here; tests/contracts/test_trainers_own_code.py runs their own code",
    ),
)


def reason(shown: Shown) -> str | None:
    """Why it is not run; None where it is."""
    matching = [entry for entry in LEFT_OUT if re.search(entry.pattern, shown.text)]
    return matching[0].reason if matching else None


def stale(commands: list[Shown]) -> list[str]:
    """The entries that match nothing of what is shown."""
    return [entry.pattern for entry in LEFT_OUT if not any(re.search(entry.pattern, one.text) for one in commands)]
