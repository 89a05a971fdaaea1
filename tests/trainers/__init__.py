"""What other trainers read, taken from their published wheels.

Each JSON file here has the facts of one version, and how they were extracted. To record a newer version, change
`VERSIONS` in extract.py and run `python -m tests.trainers.extract`; the recipes and the exports are tested against the
facts, and a slow test extracts them again wherever a package index can be reached.
"""
