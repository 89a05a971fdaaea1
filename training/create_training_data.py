#!/usr/bin/env python3
"""Front door: `python training/create_training_data.py grpo|sft ...`. No logic; the package `bleuberi` has it."""

import os
import sys
from pathlib import Path

try:
    from bleuberi.cli.create_training_data import main
except ModuleNotFoundError as error:
    if error.name != "bleuberi":
        raise
    # `make` installs into .venv; a newcomer who calls the system's Python means that one.
    own_python = Path(__file__).resolve().parents[1] / ".venv/bin/python"
    if not own_python.exists() or Path(sys.prefix) == own_python.parents[1]:
        sys.exit("Error: bleuberi is not installed for this Python.\nInstall it with: make install (into .venv)")
    os.execv(own_python, [str(own_python), *sys.argv])

if __name__ == "__main__":
    main()
