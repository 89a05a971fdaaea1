"""Faults of the place and not of the process: disks, clocks, versions, company. Each gives what was wrong."""

import json
import os
import subprocess
import time
from pathlib import Path

from tests.faults.children import content, finish, orphans, start, wait


def filled(words, folder):
    return [word.replace("OUT", str(folder)) for word in words]


def two_lines(ended, *needed):
    """What is wrong with an error that should be two lines, exit code 2."""
    told = [line for line in ended.said.splitlines() if line.strip()]
    errors = [number for number, line in enumerate(told) if line.startswith("Error: ")]
    if ended.code != 2 or errors != [len(told) - 2] or not all(word in ended.said for word in needed):
        return [f"ended with {ended.code} and said: {ended.said[-500:]}"]
    return []


def disk_full(words, work, expected):
    """A disk that fills up says so; with room again the same command finishes."""
    place = work / "small"
    place.mkdir()
    if not _mount(place, "size=64k"):
        return None
    try:
        wrong = two_lines(finish(filled(words, place / "out"), work / "log"), "No space left")
        subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
        ended = finish(filled(words, place / "out"), work / "log")
        wrong += [] if ended.code == 0 else [f"with room again: {ended.said[-400:]}"]
        wrong += [f"{path} was left" for path in orphans(place)]
    finally:
        subprocess.run(["umount", str(place)], check=True)
    return wrong


def read_only(words, work, expected):
    """An output folder that may not be written."""
    place = work / "locked"
    place.mkdir()
    if not _mount(place, "size=64k,ro"):
        return None
    try:
        return two_lines(finish(filled(words, place / "out"), work / "log"), "Read-only")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def clock_set_back(words, work, expected):
    """Files from the future, and a clock that runs a year behind: what is there is used, and nothing is made twice."""
    place = work / "back"
    wrong = _must_end_well(finish(filled(words, place), work / "log"))
    made = content(place)
    ahead = time.time() + 1e7
    for path in place.rglob("*"):
        os.utime(path, (ahead, ahead))
    real = time.time

    def before():
        time.time = lambda: real() - 3.2e7

    wrong += _must_end_well(finish(filled(words, place), work / "log", before))
    return wrong + ([] if content(place) == made else ["the second run changed what was there"])


def newer_manifest(words, work, expected):
    """What a newer version wrote is neither read nor replaced."""
    place = work / "newer"
    wrong = _must_end_well(finish(filled(words, place), work / "log"))
    for path in place.rglob("manifest.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    before = content(place)
    wrong += two_lines(finish(filled(words, place), work / "log"), "newer bleuberi", "schema 99")
    return wrong + ([] if content(place) == before else ["something was changed"])


def older_interrupted_cache(words, work, expected):
    """A cache that an older, killed run left: half a journal line, an orphan of a shard, a damaged shard."""
    place = work / "older"
    wrong = _must_end_well(finish(filled(words, place), work / "log"))
    shards = sorted(place.rglob("inference_outputs/*/[!.]*.jsonl"))
    if not shards:
        return [*wrong, "the command keeps no answers"]
    folder = shards[0].parent
    (folder / ".deadbeef.jsonl.abcdefgh.partial.jsonl").write_bytes(b'{"key": "ha')
    (folder / "journal.open").write_bytes(b'0123456789abcdef {"key": "x", "te')
    shards[0].write_bytes(shards[0].read_bytes()[:-20])
    for path in (place / "data_grpo", place / "scored_outputs"):
        subprocess.run(["rm", "-rf", str(path)], check=True)
    wrong += _must_end_well(finish(filled(words, place), work / "log"))
    found = {name: item for name, item in content(place).items() if not name.endswith(".damaged")}
    wrong += [f"{name} differs" for name in {**expected, **found} if "/manifest" not in name
              and not _same(name, expected.get(name), found.get(name))]  # fmt: skip
    return wrong + [f"{path} was left" for path in orphans(place)]


def two_at_once(words, work, expected):
    """Two runs of one command: both end well, or one is told of the other; the result is whole."""
    wrong = []
    for turn in range(5):
        place = work / f"both-{turn}"
        began = time.monotonic()
        children = [(start(filled(words, place), work / f"log-{n}"), work / f"log-{n}") for n in (0, 1)]
        ends = [wait(child, log, began) for child, log in children]
        if 0 not in [ended.code for ended in ends]:
            wrong.append(f"none ended well: {[ended.said[-300:] for ended in ends]}")
        wrong += [problem for ended in ends if ended.code for problem in two_lines(ended)]
        found = content(place)
        wrong += [
            f"{name} differs" for name in {**expected, **found} if not _same(name, expected.get(name), found.get(name))
        ]
        wrong += [f"{path} was left" for path in orphans(place)]
    return wrong


FAULTS = (disk_full, read_only, clock_set_back, newer_manifest, older_interrupted_cache, two_at_once)


def _same(name, one, other):
    # Shards are cut by what was missing when they were made; their rows are what counts.
    if "inference_outputs" in name:
        return True
    return one == other


def _must_end_well(ended):
    return [] if ended.code == 0 else [f"ended with {ended.code}: {ended.said[-400:]}"]


def _mount(place: Path, options: str) -> bool:
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
