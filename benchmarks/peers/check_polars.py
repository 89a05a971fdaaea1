"""How many rows repeat an earlier row's prompt exactly, in Polars: FILE."""

import sys

import polars as pl

prompts = pl.read_ndjson(sys.argv[1])["prompt"]
print(len(prompts) - prompts.n_unique())
