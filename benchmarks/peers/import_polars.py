"""Alpaca's JSONL to a JSONL of prompts and references, in Polars: IN OUT. Prints the number of rows."""

import sys

import polars as pl

source, target = sys.argv[1:]
rows = (
    pl.read_ndjson(source)
    .filter(pl.col("output").str.strip_chars() != "")
    .select(
        prompt=pl.when(pl.col("input") == "")
        .then("instruction")
        .otherwise(pl.concat_str("instruction", "input", separator="\n\n")),
        ref_output_gold="output",
    )
    .with_row_index("id")
)
rows.write_ndjson(target)
print(len(rows))
