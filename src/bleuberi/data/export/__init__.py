"""Data sets in the shapes of other trainers.

`run` reads a pool or a GRPO data set and writes the file; `rows` has one function per shape; `pairs` makes preference
pairs out of responses; `taskset` writes the package that verifiers loads; `hub` uploads with a
data set card. To add a shape, write its function in `rows`
and name it in `TARGETS`; what the other trainer reads belongs into tests/trainers, with the version it was read from.
"""
