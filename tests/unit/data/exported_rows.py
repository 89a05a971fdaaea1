"""A pool to export, the turns and references that its rows become, and JSON lines written and read."""

import json

from bleuberi.data.tables import read_rows

POOL = [
    {
        "id": "a",
        "source": "s",
        "prompt": "Where is the cat?",
        "ref_output_gold": "On the mat.",
        "ref_output_m": "Here.",
    },
    {"id": "b", "prompt": 'Say "[1]" {twice} ☂.', "ref_output_gold": '["x"]', "ref_output_m": None},
    {
        "id": "c",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": "Bye?"},
        ],
        "ref_output_gold": "Bye.",
    },
    {"id": "d", "prompt": "Nobody answers this.", "ref_output_gold": None},
]
TURNS = [[{"role": "user", "content": POOL[0]["prompt"]}], [{"role": "user", "content": POOL[1]["prompt"]}],
         POOL[2]["messages"]]  # fmt: skip
REFERENCES = [["On the mat.", "Here."], ['["x"]'], ["Bye."]]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path):
    return [dict(raw.values) for raw in read_rows(str(path))]
