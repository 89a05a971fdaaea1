"""The command line, one module per command; flags in, one call, result printed.

`main` lists the commands, `parser` holds what they share, `streams` and `stopping` handle broken pipes and signals.
To add a command, copy `report.py` and add its name to `main`.
"""
