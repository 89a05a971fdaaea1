"""The command line: one module per command, which parses flags, makes one call and prints the result.

`main` lists the commands; `parser` has shared code; `streams` and `stopping` handle broken pipes and signals.
To add a command, copy `report.py` and add its name to `main`.
"""
