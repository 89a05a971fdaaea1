"""What the commands did at commit f0822dc, so that moving code about changes no result.

`cases/` lists the commands, `run.py` runs them and `record.py` writes what they did to `expected/`; `facts.py` says
what is kept of it and what is normalised, `compare.py` when two results are equal. `artifacts/` are files that f0822dc
wrote (`make_artifacts.py`). To add a case, append it to its group in `cases/` and record the group.
"""
