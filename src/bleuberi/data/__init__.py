"""Pools and the rows of data sets.

`tables` reads files and folders (`json_rows`, `csv_rows`, `parquet_rows`, `stored_datasets`; `bounds`, `disguised`:
what is rejected; `raw_row`, `cells`, `turns`: rows, cells and chats of other tools). `layouts`, `known_columns`,
`trees`, `graded`, `gathered` and `import_pool` turn other layouts into pools. `pool`, `pool_file` and `references` are
pools and their reference columns; `made_responses` are responses made elsewhere; `add_references` asks a strong model;
`config` has the settings that are flags; `grpo_rows` and `sft_rows` are the rows of data sets, which `written_datasets`
writes; `text_checks`, `refusals`, `thoughts`, `near_duplicates`, `shingles` and `token_lengths` look at texts;
`facts_truth` (with the words of `facts_slots`, `facts_grammar` and `facts_e2e`) checks which facts a response mentions;
`export/` writes the shapes of other trainers. To read another layout, add its columns to `layouts`.
"""
