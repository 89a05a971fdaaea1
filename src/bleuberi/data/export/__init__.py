"""Data sets in the shapes of other trainers.

`run` reads a pool or a GRPO data set and writes the file; `rows` has one function per shape; `pairs` makes preference
pairs out of responses; `taskset` writes the package that verifiers loads; `recipes` has the command that trains on the
file; `hub` uploads it with a data set card. To add a shape, write its function in `rows`, name it in `TARGETS` and in
the choices of `data.config.ExportConfig.to`, add its command to `recipes` and its row to docs/other_trainers.md; what
the other trainer reads belongs into tests/trainers, with the version it was read from; name its command in
tests/documents/left_out.py; `make docs`.
"""
