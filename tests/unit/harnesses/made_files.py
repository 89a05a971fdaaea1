"""JSON lines written to a file, for the tests of other harnesses' files."""

import json


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
