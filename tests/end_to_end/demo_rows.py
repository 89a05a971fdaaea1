"""Rows of the demo pool, and JSON lines written and read, for the tests of `data check` and `data grpo`."""

import json

from tests.conftest import ROOT

DEMO = ROOT / "src/bleuberi/demo/pool.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pool_rows():
    return lines(DEMO)[:60]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
