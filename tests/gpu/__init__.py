"""Short real runs of each GPU path: `python -m tests.gpu`.

- __main__.py: the flags, the paths one after the other, the table and the JSON to paste into an issue.
- paths.py: the paths, each the command that a user types, in a process of its own.
- measured.py: one command of `bleuberi` with its peak memory.
- carry.py: wheels and the demo's model for a machine without network, in parts of a given size.
"""
