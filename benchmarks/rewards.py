"""How fast the rewards are against other programs, as ratios of CPU time.

    python benchmarks/rewards.py            the tables (some minutes)
    python benchmarks/rewards.py --peers    only the ratios
    python benchmarks/rewards.py --waits    only what a user waits for: a training batch, and 50,000 rows
    python benchmarks/rewards.py --arrow    only the rows from Arrow

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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bleuberi.rewards import Bleu, Reward, RougeL, backend, load_reward, references

POOL = Path(__file__).parents[2] / "shared" / "data" / "dev_pool_modern.jsonl.gz"
ROUNDS = 11
Rows = list[tuple[str, list[str]]]

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


def nltk_meteor() -> Callable[[Rows], list[float]]:
    """NLTK's METEOR with an empty WordNet, on our tokens."""
    from nltk.translate.meteor_score import meteor_score

    from bleuberi.rewards.tokens import tokenize_13a

    class NoSynonyms:
        @staticmethod
        def synsets(word: str) -> list[object]:
            return []

    def run(rows: Rows) -> list[float]:
        cut = [(tokenize_13a(text.lower()), [tokenize_13a(other.lower()) for other in refs]) for text, refs in rows]
        return [meteor_score(refs, tokens, wordnet=NoSynonyms()) for tokens, refs in cut]

    return run


def rouge_of(make: Callable[..., object], kind: str, stem: bool = False) -> Callable[[Rows], list[float]]:
    """A scorer with the interface of rouge_score's, the best over the references."""
    scorer: Any = make([kind], use_stemmer=stem)
    return lambda rows: [max(scorer.score(other, text)[kind].fmeasure for other in refs) for text, refs in rows]


def rouge_rs(kind: str, stem: bool = False) -> Callable[[Rows], list[float]]:
    """rouge-score-rs, all pairs in one call."""
    from rouge_score_rs.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], use_stemmer=stem)

    def run(rows: Rows) -> list[float]:
        pairs = [(other, text) for text, refs in rows for other in refs]
        found = iter(scorer.score_batch([pair[0] for pair in pairs], [pair[1] for pair in pairs]))
        return [max(next(found)[kind].fmeasure for _ in refs) for _, refs in rows]

    return run


def rapid_rouge(kind: str) -> Callable[[Rows], list[float]]:
    """rapidrouge, pure Python."""
    from rapidrouge.rouge_scorer import RougeScorer

    return rouge_of(RougeScorer, kind)


def google_rouge(kind: str, stem: bool = False) -> Callable[[Rows], list[float]]:
    """rouge_score, the reference."""
    from rouge_score.rouge_scorer import RougeScorer

    return rouge_of(RougeScorer, kind, stem)


def rust_bleu() -> Callable[[Rows], list[float]]:
    """bleuscore, row by row: it scores corpora."""
    from bleuscore import compute

    return lambda rows: [compute(references=[refs], predictions=[text], smooth=True)["bleu"] for text, refs in rows]


def sacre_bleu() -> Callable[[Rows], list[float]]:
    """sacrebleu's sentence BLEU with add-one smoothing."""
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(smooth_method="add-k", smooth_value=1, effective_order=True)
    return lambda rows: [metric.sentence_score(text, refs).score / 100 for text, refs in rows]


def nltk_bleu() -> Callable[[Rows], list[float]]:
    """NLTK's sentence BLEU with add-one smoothing, on our tokens."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    from bleuberi.rewards.tokens import tokenize_13a

    smooth = SmoothingFunction().method2
    return lambda rows: [
        sentence_bleu(list(map(tokenize_13a, refs)), tokenize_13a(text), smoothing_function=smooth)
        for text, refs in rows
    ]


def torch_metric(name: str) -> Callable[[Rows], list[float]]:
    """torchmetrics' function of that name, row by row."""
    from torchmetrics.functional import text as functions

    if name == "bleu":
        score = functions.sacre_bleu_score
        return lambda rows: [float(score([text], [refs], smooth=True)) for text, refs in rows]
    score = functions.chrf_score
    return lambda rows: [float(score([text], [refs], n_word_order=0)) for text, refs in rows]


def sacre_chrf(words: int) -> Callable[[Rows], list[float]]:
    """sacrebleu's sentence chrF."""
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF(word_order=words)
    return lambda rows: [metric.sentence_score(text, refs).score / 100 for text, refs in rows]


def fast_chrf() -> Callable[[Rows], list[float]]:
    """fastchrf, all rows in one call."""
    from fastchrf import pairwise_chrf

    def run(rows: Rows) -> list[float]:
        found = pairwise_chrf([[text] for text, _ in rows], [refs for _, refs in rows])
        return [max(row[0]) / 100 for row in found]

    return run


PEERS: list[tuple[str, str, Callable[[], Callable[[Rows], list[float]]], int]] = [  # reward, peer, how, rows
    ("bleu", "bleuscore", rust_bleu, 110),
    ("bleu", "sacrebleu", sacre_bleu, 110),
    ("bleu", "nltk", nltk_bleu, 55),
    ("bleu", "torchmetrics", lambda: torch_metric("bleu"), 33),
    ("rouge", "rouge-score-rs", lambda: rouge_rs("rougeL"), 110),
    ("rouge", "rapidrouge", lambda: rapid_rouge("rougeL"), 55),
    ("rouge1", "rouge-score-rs", lambda: rouge_rs("rouge1"), 110),
    ("rouge1", "rouge_score", lambda: google_rouge("rouge1"), 33),
    ("rouge2", "rouge-score-rs", lambda: rouge_rs("rouge2"), 110),
    ("rouge2", "rouge_score", lambda: google_rouge("rouge2"), 33),
    ("rougeLsum", "rouge-score-rs", lambda: rouge_rs("rougeLsum"), 55),
    ("rougeLsum", "rouge_score", lambda: google_rouge("rougeLsum"), 11),
    ("rouge:stem", "rouge-score-rs", lambda: rouge_rs("rougeL", stem=True), 110),
    ("meteor", "nltk", nltk_meteor, 55),
    ("chrf", "fastchrf", fast_chrf, 55),
    ("chrf", "sacrebleu", lambda: sacre_chrf(0), 22),
    ("chrf", "torchmetrics", lambda: torch_metric("chrf"), 11),
    ("chrf++", "sacrebleu", lambda: sacre_chrf(2), 22),
]


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


def peer_table(rows: Rows) -> None:
    """Ratios over other libraries, all with 5 references, cold, compiled."""
    print(
        "| reward | peer | its time over ours | microseconds per response | largest difference |\n|---|---|---|---|---|"
    )
    for name, peer, make, count in PEERS:
        try:
            old = make()
        except ImportError:
            print(f"| `{name}` | {peer} | not installed | | |")
            continue
        new, part = ours(load_reward(name), "native"), rows[:count]
        pairs = zip(old(part[:11]), new(part[:11]), strict=True)
        difference = max(abs(theirs - mine) for theirs, mine in pairs)
        times, micros = ratio(old, new, part)
        same = f"{difference:.0e}" if difference < 1e-6 else f"{difference:.2f}: another definition"
        print(f"| `{name}` | {peer} | {times:.1f}x | {micros:.0f} | {same} |", flush=True)


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
