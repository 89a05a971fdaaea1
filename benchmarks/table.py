"""One table of what this package takes, beside other programs and short scripts that do the same: `make benchmark`.

    python -m benchmarks.table                           all rows (about an hour on two cores, and 5 GB of memory)
    python -m benchmarks.table --only import start/demo  only these groups or rows
    python -m benchmarks.table --quick                   small inputs and one round: does it run?

Ours and the peer run in turns, and each figure is the median of the rounds. Rewards: CPU time of the calls, in this
process, over 11 parts of the texts. All other rows: seconds of a whole process from its start to its end, with files in
the page cache. "Its time over ours" above 1 means that ours is faster. The scripts are in benchmarks/peers. A peer that
is not installed (`pip install '.[benchmark,dev]'`) has an empty row. Progress goes to stderr, the table to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import rewards
from benchmarks.table_inputs import alpaca, preferences, run_folder, write_lines

from bleuberi.cli.main import COMMANDS

PEERS = Path(__file__).parent / "peers"
NO_PEER = "none"
TRL = "from trl.cli import main"  # as its command does
HEADER = "| what | ours | peer or script | its time over ours | note |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Size:
    """How large the inputs are, and how often each side runs."""

    rows: int = 50_000
    near: tuple[int, ...] = (50_000, 500_000)
    pairs: int = 1_400
    resamples: int = 10_000
    steps: int = 100_000
    responses: int = 110
    rounds: int = 5


QUICK = Size(200, (100, 200), 60, 200, 50, 11, 1)
Wanted = Callable[[str], bool]


class Line(NamedTuple):
    """A row of the table."""

    what: str
    ours: str
    peer: str = NO_PEER
    ratio: float | None = None
    note: str = ""

    def markdown(self) -> str:
        """As it is printed."""
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}x"
        return f"| {self.what} | {self.ours} | {self.peer} | {ratio} | {self.note} |"


def last_number(printed: str) -> float:
    """What the scripts print at their end."""
    return float(printed.split()[-1])


class Program(NamedTuple):
    """A command line, and how to read its result from what it prints, so that both sides are seen to do the same."""

    name: str
    words: Sequence[object]
    found: Callable[[str], float] = last_number
    needs: str = "json"  # a module
    note: str = ""


def script(name: str, needs: str, *words: object, note: str = "") -> Program:
    """A script of benchmarks/peers."""
    return Program(needs, [PEERS / f"{name}.py", *words], needs=needs, note=note)


def bleuberi(*words: object, found: Callable[[Any], float] = lambda document: 0.0) -> Program:
    """One of our commands; its JSON document has the result."""
    return Program("bleuberi", ["-m", "bleuberi", *words], lambda printed: found(json.loads(printed)))


def run(program: Program) -> tuple[float, str]:
    """Seconds of a process, and what it printed. Errors: `CalledProcessError`, after what it wrote to stderr."""
    started = time.perf_counter()
    words = [sys.executable, *map(str, program.words)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    return seconds, done.stdout


def in_turns(what: str, ours: Program, peers: Sequence[Program], rounds: int, counted: str = "") -> Iterator[Line]:
    """A line per peer: medians over the rounds, in each of which all run once. `counted` names the results."""
    there = [peer for peer in peers if find_spec(peer.needs)]
    taken: dict[str, list[float]] = {program.name: [] for program in (ours, *there)}
    found = {}
    for turn in range(rounds):
        for program in (ours, *there) if turn % 2 else (*there, ours):
            seconds, printed = run(program)
            taken[program.name].append(seconds)
            found[program.name] = program.found(printed) if counted else 0.0
    mine = taken[ours.name]
    own = f"{statistics.median(mine):.2f} s"
    same = f"{counted}: {found[ours.name]:,.6g}"
    if not peers:
        yield Line(what, own, note="; ".join(filter(None, (counted and same, ours.note))))
    for peer in peers:
        if peer not in there:
            yield Line(what, own, peer.name, note="not installed")
            continue
        ratio = statistics.median(theirs / one for theirs, one in zip(taken[peer.name], mine, strict=True))
        both = f"{same} and {found[peer.name]:,.6g}" if counted else ""
        yield Line(what, own, peer.name, ratio, "; ".join(filter(None, (both, peer.note))))


def of_rewards(size: Size, wanted: Wanted, folder: Path) -> Iterator[Line]:
    """rewards/REWARD/PEER"""
    rows, origin = rewards.load_rows(size.responses)
    for one in rewards.against_peers(rows, lambda name, peer: wanted(f"rewards/{name}/{peer}")):
        what = f"`{one.reward}`, 5 references"
        if one.ratio is None or one.micros is None or one.difference is None:
            yield Line(what, "", one.peer, note="not installed")
            continue
        note = f"largest difference {rewards.difference_text(one.difference)}; {origin}"
        yield Line(what, f"{one.micros:.0f} µs per response", one.peer, one.ratio, note)


def of_import(size: Size, wanted: Wanted, folder: Path) -> Iterator[Line]:
    """import/SCRIPT"""
    source = write_lines(folder / "alpaca.jsonl", alpaca(size.rows))
    less = "detects no format, joins no rows of one prompt, numbers the rows for ids, leaves no manifest"
    peers = [
        script(f"import_{name}", name, source, folder / f"{name}.jsonl", note=less)
        for name in ("polars", "datasets") if wanted(f"import/{name}")
    ]  # fmt: skip
    words = ["data", "import", source, "--output", folder / "imported.jsonl", "--overwrite", "--json"]
    ours = bleuberi(*words, found=lambda document: sum(document["references"].values()))
    if peers:
        yield from in_turns(
            f"`data import`, {size.rows:,} rows of Alpaca's form", ours, peers, size.rounds, "references"
        )


def rows_with(flag: str) -> Callable[[Any], float]:
    """How many rows of a check have the flag."""
    return lambda document: sum(row["rows"] for row in document["table"] if row["flag"] == flag)


def of_check(size: Size, wanted: Wanted, folder: Path) -> Iterator[Line]:
    """check/SCRIPT"""
    pool = write_lines(folder / "plain.jsonl", unfolded(size.rows))
    less = "exact repeats only: no near-duplicates, refusals, truncation, encoding, agreement of references, ..."
    peers = [
        script(f"check_{name}", name, pool, note=less) for name in ("polars", "datasets") if wanted(f"check/{name}")
    ]
    ours = bleuberi("data", "check", pool, "--json", found=rows_with("duplicate_prompt"))
    if peers:
        yield from in_turns(f"`data check`, {size.rows:,} rows", ours, peers, size.rounds, "repeated prompts")


def unfolded(count: int) -> Iterator[dict[str, str]]:
    """Alpaca's rows as a pool, with the repeated prompts that `data import` would join."""
    for number, row in enumerate(alpaca(count)):
        yield {"id": str(number), "prompt": f"{row['instruction']} {row['input']}", "ref_output_gold": row["output"]}


def of_near(size: Size, wanted: Wanted, folder: Path) -> Iterator[Line]:
    """near/PROMPTS"""
    for count in size.near:
        if wanted(f"near/{count}"):
            pool = write_lines(folder / f"near-{count}.jsonl", unfolded(count))
            less = "compares no pair exactly, makes no groups, keeps all signatures in memory"
            peer = script("near_datasketch", "datasketch", pool, note=less)
            ours = Program("bleuberi", [PEERS / "near_ours.py", pool])
            yield from in_turns(f"near-duplicates of {count:,} prompts", ours, [peer], size.rounds, "found")


def of_agreement(size: Size, wanted: Wanted, folder: Path) -> Iterator[Line]:
    """agreement"""
    pairs = write_lines(folder / "pairs.jsonl", preferences(size.pairs))
    less = "another BLEU (closest length); no lead over length, no corrected p, no baselines, no report"
    peer = script("agreement_scipy", "scipy", pairs, size.resamples, note=less)
    peer = peer._replace(name="sacrebleu and scipy")
    words = ["--preferences", pairs, "--rewards", "bleu", "--curve_orders", 0, "--resamples", size.resamples]
    ours = bleuberi("agreement", *words, "--output_dir", folder / "agreement", "--overwrite", "--no_figures",
                    "--json",
                    found=lambda document: 100 * document["rewards"][0]["agreement"]["value"])  # fmt: skip
    if wanted("agreement"):
        what = f"`agreement`, BLEU, {size.pairs:,} pairs, {size.resamples:,} resamples"
        yield from in_turns(what, ours, [peer], size.rounds, "agreement in %")


def of_report(size: Size, wanted: Wanted, folder: Path) -> Iterator[Line]:
    """report"""
    if wanted("report"):
        source = run_folder(folder / "run", size.steps)
        ours = bleuberi("report", source, "--output_dir", folder / "report", "--json")
        ours = ours._replace(note="page, PNG and SVG files")
        yield from in_turns(f"`report`, {size.steps:,} logged steps", ours, [], size.rounds)


def of_start(size: Size, wanted: Wanted, folder: Path) -> Iterator[Line]:
    """start/COMMAND"""
    nothing = Program("python -c pass", ["-c", "pass"], note="Python itself, which is in ours too")
    trl = Program("trl grpo --help", ["-c", f"{TRL}; main()", "grpo", "--help"], needs="trl")
    for name in COMMANDS:
        if wanted(f"start/{name.replace(' ', '-')}"):
            ours = Program("bleuberi", ["-m", "bleuberi", *name.split(), "--help"])
            peers = [nothing, trl] if name == "train grpo" else [nothing]
            yield from in_turns(f"`{name} --help`", ours, peers, size.rounds)


GROUPS: dict[str, Callable[[Size, Wanted, Path], Iterator[Line]]] = {
    "rewards": of_rewards, "import": of_import, "check": of_check, "near": of_near, "agreement": of_agreement,
    "report": of_report, "start": of_start,
}  # fmt: skip


def processor() -> str:
    """Its name, if the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def load() -> str:
    """Processes that run or wait, on average over 1, 5 and 15 minutes."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def main() -> None:
    """The state of the machine, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small inputs, one round")
    parser.add_argument("--only", nargs="+", metavar="ROW", default=[], help="of " + ", ".join(
        str(group.__doc__) for group in GROUPS.values()))  # fmt: skip
    flags = parser.parse_args()
    if unknown := [row for row in flags.only if row.split("/")[0] not in GROUPS]:
        parser.error(f"unknown rows: {', '.join(unknown)}; the groups are {', '.join(GROUPS)}")

    met: set[str] = set()

    def wanted(row: str) -> bool:
        matching = {only for only in flags.only if row == only or row.startswith(f"{only}/")}
        met.update(matching)
        return not flags.only or bool(matching)

    size = QUICK if flags.quick else Size()
    before, lines, failed = load(), [], False
    with tempfile.TemporaryDirectory(prefix="bleuberi-benchmark-") as folder:
        for name, group in GROUPS.items():
            if flags.only and name not in {only.split("/")[0] for only in flags.only}:
                continue
            try:
                for line in group(size, wanted, Path(folder)):
                    print(line.markdown(), file=sys.stderr, flush=True)
                    lines.append(line)
            except subprocess.CalledProcessError as error:  # the other groups may have taken an hour
                lines.append(Line(name, "failed", note=f"exit code {error.returncode}"))
                failed = True
    print(f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}.")
    print(f"Load at the start {before}; at the end {load()}.")
    warning = "; quick: not to be quoted" if flags.quick else ""
    print(f"Medians of {size.rounds} rounds (rewards: {rewards.ROUNDS}), both sides in turns{warning}.\n")
    print(HEADER, *(line.markdown() for line in lines), sep="\n")
    if nothing := [only for only in flags.only if only not in met | GROUPS.keys()]:
        sys.exit(f"No row is named {', '.join(nothing)} here.")
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
