"""`make fuzz FUZZ_MINUTES=10`: throws made-up input at one target after the other for so many minutes each.

Each target is a hypothesis strategy and a function that must not fail. Rounds differ in their seeds, so that every run
tries other input; what fails is shrunk, printed with its seed, and makes the exit code 1.
"""

import argparse
import os
import sys
import time
import traceback
from importlib import import_module

from hypothesis import HealthCheck, Phase, given, seed, settings

TARGETS = ("pool", "replies", "tokens", "texts", "report")
EXAMPLES = 500  # a round


def fuzz(name, minutes, first_seed):
    """Executions and the number of rounds that found something."""
    target = import_module(f"tests.fuzz.{name}")
    executions, findings, round_seed = 0, 0, first_seed
    began = time.monotonic()

    def check(value):
        nonlocal executions
        executions += 1
        target.check(value)

    while time.monotonic() - began < minutes * 60:
        round_seed += 1
        run = settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )(seed(round_seed)(given(target.STRATEGY)(check)))
        try:
            run()
        except Exception:  # noqa: BLE001 - whatever the target lets through is what is looked for
            findings += 1
            print(f"{name}: found with seed {round_seed}", flush=True)
            traceback.print_exc()
    minutes_taken = (time.monotonic() - began) / 60
    print(f"{name}: {executions:,} executions in {minutes_taken:.1f} minutes, {findings} findings", flush=True)
    return findings


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("targets", nargs="*", default=TARGETS, help=f"of: {', '.join(TARGETS)}")
    flags.add_argument("--minutes", type=float, default=10.0)
    flags.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    given_flags = flags.parse_args()
    print(f"seed {given_flags.seed}", flush=True)
    found = sum(fuzz(name, given_flags.minutes, given_flags.seed) for name in given_flags.targets)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
