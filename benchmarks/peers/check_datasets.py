"""How many rows repeat an earlier row's prompt exactly, in Hugging Face datasets: FILE."""

import sys
import tempfile

from datasets import Dataset

with tempfile.TemporaryDirectory() as cache:
    rows = Dataset.from_json(sys.argv[1], cache_dir=cache)
    print(len(rows) - len(rows.unique("prompt")))
