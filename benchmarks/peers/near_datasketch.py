"""How many prompts are nearly an earlier one, as datasketch's documentation does it: FILE.

The same shingles (three words), permutations and bands as ours.
"""

import json
import re
import sys

from datasketch import MinHash, MinHashLSH

BANDS, ROWS = 25, 5
index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
found = 0
with open(sys.argv[1], encoding="utf-8") as stream:
    for number, line in enumerate(stream):
        words = re.findall(r"\w+", json.loads(line)["prompt"].casefold())
        sketch = MinHash(num_perm=BANDS * ROWS)
        sketch.update_batch([" ".join(words[at : at + 3]).encode() for at in range(max(1, len(words) - 2))])
        if index.query(sketch):
            found += 1
        index.insert(number, sketch)
print(found)
