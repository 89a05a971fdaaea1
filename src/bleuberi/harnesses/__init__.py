"""Answer files and results of MT-Bench, Arena-Hard, WildBench and AlpacaEval.

`formats` describes each harness, `answers` writes the files that its judge reads (`style` counts what Arena-Hard's
tables need), `results` and `wildbench` read what the judge wrote, `view` makes a table of them. To add a harness, add
its entry to `formats` and its reader to `results`.
"""
