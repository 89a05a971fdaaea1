"""`python -m tests.gpu.measured RESULT train grpo ...`: the command, and its peak memory in bytes as JSON in RESULT."""

import json
import resource
import sys
from pathlib import Path


def main():
    from bleuberi.cli.main import find_command
    from bleuberi.cli.parser import run

    def command(argv):
        found, rest = find_command(argv)
        return found(rest)

    code = run(command, sys.argv[2:])
    import torch

    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_reserved()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    Path(sys.argv[1]).write_text(json.dumps({"peak": peak}), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
