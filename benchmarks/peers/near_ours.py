"""How many prompts are nearly an earlier one, by the part of `bleuberi data check` that finds them: FILE."""

import json
import sys

from bleuberi.data.near_duplicates import prompt_groups

with open(sys.argv[1], encoding="utf-8") as stream:
    groups = prompt_groups([json.loads(line)["prompt"] for line in stream])
print(sum(int(first) != place for place, first in enumerate(groups.near)))
