"""How fast the rewards are against other programs, as ratios of CPU time.

    python -m benchmarks.rewards            the tables (some minutes)
    python -m benchmarks.rewards --peers    only the ratios
    python -m benchmarks.rewards --waits    only what a user waits for: a training batch, and 50,000 rows
    python -m benchmarks.rewards --arrow    only the rows from Arrow

BLEU is measured against the core of the reference path, restated here from the definition (13a by regular
expressions, counters of tuples). The overhead of an `evaluate` call, about 6 ms, is NOT in it. ROUGE-L is measured
against `rouge_score` with rougeL only. Old and new run in turns in one process; every ratio is the median of its
rounds. Peers (`pip install '.[benchmark,dev]'`) are left out if they are not installed; one that gives other numbers
than ours is marked. Texts: `../shared/data` if it is there, else made ones.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.reward_peers import PEERS, Rows, google_rouge

from bleuberi.rewards import Bleu, Reward, RougeL, backend, load_reward, references

POOL = Path(__file__).parents[2] / "shared" / "data" / "dev_pool_modern.jsonl.gz"
ROUNDS = 11

SYMBOLS = re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])")
RULES = [(re.compile(r"([^0-9])([\.,])"), r"\1 \2 "), (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
         (re.compile(r"([0-9])(-)"), r"\1 \2 ")]  # fmt: skip


def core_tokens(text: str) -> list[str]:
    """13a, rule by rule."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        text = text.replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    text = SYMBOLS.sub(r" \1 ", f" {text} ")
    for rule, by in RULES:
        text = rule.sub(by, text)
    return " ".join(text.split()).split()


def core_counts(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
    """All n-grams of order 1..4, counted one by one."""
    counts: Counter[tuple[str, ...]] = Counter()
    for order in range(1, 5):
        for start in range(len(tokens) - order + 1):
            counts[tuple(tokens[start : start + order])] += 1
    return counts


def core_bleu(response: str, texts: Sequence[str]) -> float:
    """Sentence BLEU as the reference path counts it: everything anew for every call."""
    tokens, cut = core_tokens(response), [core_tokens(text) for text in texts]
    allowed: Counter[tuple[str, ...]] = Counter()
    for reference in cut:
        allowed |= core_counts(reference)
    matches, possible = [0] * 4, [max(0, len(tokens) - order) for order in range(4)]
    for ngram, count in (core_counts(tokens) & allowed).items():
        matches[len(ngram) - 1] += count
    mean = sum(0.25 * math.log((matches[n] + 1) / (possible[n] + 1)) for n in range(4))
    ratio = len(tokens) / min(map(len, cut))
    return math.exp(mean) * (1.0 if ratio > 1 else math.exp(1 - 1 / ratio))


def load_rows(count: int) -> tuple[Rows, str]:
    """Responses with five references each, and where they come from."""
    if POOL.exists():
        with gzip.open(POOL, "rt", encoding="utf-8") as file:
            pool = [json.loads(line) for line in file]
        names = [key for key in pool[0] if key.startswith("ref_output_")]
        rows = [(row[names[0]], [row[name] for name in names[1:6]]) for row in pool]
        return random.Random(0).sample(rows, k=count), f"{count} rows of {POOL.name}"
    rng = random.Random(0)
    vocabulary = ["".join(rng.choices("etaoinshrdlu", k=rng.randrange(1, 10))) for _ in range(4000)]
    weights = [1 / rank for rank in range(1, 4001)]
    made = [" ".join(w + rng.choice(["", "", ".", ", 1.5"]) for w in rng.choices(vocabulary, weights, k=350))
            for _ in range(6 * count)]  # fmt: skip
    return [(made[6 * i], made[6 * i + 1 : 6 * i + 6]) for i in range(count)], f"{count} made rows"


def groups_of_8(rows: Rows) -> Rows:
    """Every prompt's references with eight responses: its own and seven answers of others, cut at random."""
    rng = random.Random(1)
    return [(text if n == 0 else rng.choice(refs)[: rng.randrange(200, 2000)], refs)
            for text, refs in rows for n in range(8)]  # fmt: skip


def ratio(old: Callable[[Rows], object], new: Callable[[Rows], object], rows: Rows) -> tuple[float, float]:
    """Median of old / new, and the median microseconds of a row of `new`; one part of the rows a round."""
    ratios, micros = [], []
    step = len(rows) // ROUNDS
    for turn in range(ROUNDS):
        part = rows[turn * step : (turn + 1) * step]
        seconds = {}
        for side in (old, new) if turn % 2 else (new, old):
            repeats = 1 if side is old else 5  # the fast side is too short for the clock
            started = time.process_time()
            for _ in range(repeats):
                references.SHARED = references.ReferenceCache(megabytes=64)  # cold
                side(part)
            seconds[side] = (time.process_time() - started) / repeats
        ratios.append(seconds[old] / seconds[new])
        micros.append(seconds[new] / len(part) * 1e6)
    return statistics.median(ratios), statistics.median(micros)


def ours(reward: Reward, back_end: str) -> Callable[[Rows], object]:
    """A reward on one back end, over a batch."""

    def run(rows: Rows) -> object:
        os.environ["BLEUBERI_BACKEND"] = back_end
        return reward(prompts=[""] * len(rows), responses=[row[0] for row in rows], references=[row[1] for row in rows])

    return run


def table(rows: Rows) -> None:
    """Ratios over the reference path, one line each."""
    core = lambda part: [core_bleu(*row) for row in part]  # noqa: E731
    rouge = google_rouge("rougeL")
    for row, score in zip(rows, Bleu()(responses=[r[0] for r in rows], references=[r[1] for r in rows]), strict=True):
        if score is None or abs(core_bleu(*row) - score) > 1e-12:
            sys.exit(f"The restated core and the reward disagree on: {row[0]!r:.80}")
    groups, single = groups_of_8(rows[:44]), [(text, refs[:1]) for text, refs in rows]
    print("| what | over its oracle | target | microseconds per response |\n|---|---|---|---|")
    for what, old, reward, back_end, part, target in [
        ("BLEU, 5 references, cold, compiled", core, Bleu(), "native", rows, 80),
        ("BLEU, groups of 8 on the same 5 references, compiled", core, Bleu(), "native", groups, 200),
        ("BLEU, 5 references, cold, pure Python", core, Bleu(), "python", rows, 4),
        ("BLEU, groups of 8 on the same 5 references, pure Python", core, Bleu(), "python", groups, 10),
        ("ROUGE-L, 1 reference, compiled", rouge, RougeL(), "native", single[:55], 300),
        ("ROUGE-L, 5 references, compiled", rouge, RougeL(), "native", rows[:33], 450),
        ("ROUGE-L, 5 references, pure Python", rouge, RougeL(), "python", rows[:33], 0),
    ]:
        times, micros = ratio(old, ours(reward, back_end), part)
        print(f"| {what} | {times:.0f}x | {f'>= {target}x' if target else 'none set'} | {micros:.0f} |", flush=True)


class Compared(NamedTuple):
    """A reward against a peer; the last three are None if the peer is not installed."""

    reward: str
    peer: str
    ratio: float | None = None  # its CPU time over ours
    micros: float | None = None  # ours, per response
    difference: float | None = None  # the largest, of 11 responses


def against_peers(rows: Rows, wanted: Callable[[str, str], bool] = lambda name, peer: True) -> Iterator[Compared]:
    """Rewards (by name and peer) against other libraries, all with 5 references, cold, compiled."""
    for name, peer, make, count in PEERS:
        if not wanted(name, peer):
            continue
        try:
            old = make()
        except ImportError:
            yield Compared(name, peer)
            continue
        new, part = ours(load_reward(name), "native"), rows[:count]
        pairs = zip(old(part[:11]), new(part[:11]), strict=True)
        difference = max(abs(theirs - mine) for theirs, mine in pairs)
        yield Compared(name, peer, *ratio(old, new, part), difference)


def difference_text(difference: float) -> str:
    """A difference that is more than rounding comes from another definition of the score."""
    return f"{difference:.0e}" if difference < 1e-6 else f"{difference:.2f}: another definition"


def peer_table(rows: Rows) -> None:
    """`against_peers` as a table."""
    print(
        "| reward | peer | its time over ours | microseconds per response | largest difference |\n|---|---|---|---|---|"
    )
    for one in against_peers(rows):
        if one.ratio is None or one.micros is None or one.difference is None:
            print(f"| `{one.reward}` | {one.peer} | not installed | | |")
            continue
        cells = f"{one.ratio:.1f}x | {one.micros:.0f} | {difference_text(one.difference)}"
        print(f"| `{one.reward}` | {one.peer} | {cells} |", flush=True)


def waits(rows: Rows, count: int = 50_000) -> None:
    """What a user waits for: seconds on all cores, and seconds of CPU time in brackets."""
    long = [(" ".join([text, *refs]).split(" ")[:1500], refs) for text, refs in rows[:128]]
    batch = [(" ".join(words[n:] + words[:n]), refs) for words, refs in long for n in range(8)]
    many = rows * (count // len(rows))
    print(f"| reward | {len(batch):,} completions of 1,500 words, 8 per prompt | {len(many):,} rows |\n|---|---|---|")
    names = ["bleu", "rouge", "rouge1", "rouge2", "rougeLsum", "rougeLsum:stem", "meteor", "chrf", "chrf++"]
    for name in [*names, "bleu:auto", "rouge:auto", "meteor:auto"]:
        cells = []
        for part in (batch, many):
            started, cpu = time.perf_counter(), time.process_time()
            ours(load_reward(name), "native")(part)
            cells.append(f"{time.perf_counter() - started:.1f} s ({time.process_time() - cpu:.1f})")
        print(f"| `{name}` | {cells[0]} | {cells[1]} |", flush=True)


def arrow_rows(count: int) -> None:
    """Score `count` rows from a file in a process of its own and print seconds and peak memory."""
    import pyarrow as pa

    rows, _ = load_rows(500)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.arrow"
        batch = pa.record_batch({"response": [r[0] for r in rows], "references": [r[1] for r in rows]})
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            for _ in range(count // len(rows)):
                writer.write_batch(batch)
        code = f"import runpy; runpy.run_path({str(Path(__file__))!r})['score_file']({str(path)!r})"
        environment = {**os.environ, "BLEUBERI_BACKEND": "native"}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def score_file(path: str) -> None:
    """Score the file on two threads; memory is the peak of this process."""
    from bleuberi.rewards.arrow import read_arrow, score_arrow

    started = time.perf_counter()
    count = sum(map(len, score_arrow(Bleu(), read_arrow(Path(path)), threads=2)))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {count:,} rows x 5 references from Arrow, 2 threads | {seconds:.1f} s | {peak:.0f} MB peak |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Speed of the rewards against other programs.")
    for part in ("peers", "waits", "arrow"):
        parser.add_argument(f"--{part}", action="store_true", help=f"only this table ({part})")
    chosen = [part for part, given in vars(parser.parse_args()).items() if given]
    rows, origin = load_rows(500)
    print(f"Texts: {origin}, 5 references each; {backend.available_threads()} threads.")
    print(f"Ratios: CPU time, old and new in turns, median of {ROUNDS} rounds.\n")
    if not chosen:
        table(rows[:110])
        print()
    if not chosen or "peers" in chosen:
        peer_table(rows[:110])
        print()
    if not chosen or "waits" in chosen:
        waits(rows)
        print()
    if not chosen or "arrow" in chosen:
        print("| what | time | memory |\n|---|---|---|")
        for count in (5_000, 50_000):
            arrow_rows(count)


if __name__ == "__main__":
    main()
