"""Answer files and results of MT-Bench, Arena-Hard, WildBench and AlpacaEval.

`formats` describes each harness, `answers` (with `config`) writes the files for its judge (`style` computes the counts
for Arena-Hard's tables), `results` and `wildbench` read the judge's results, `view` makes a table of them. To add a
harness, add its entry to `formats` and its reader to `results`.
"""
