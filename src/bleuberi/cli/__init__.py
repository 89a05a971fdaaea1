"""The command line: one module per command, which parses flags, makes one call and prints the result.

`main` lists the commands; `parser` has shared code; `streams` and `stopping` handle broken pipes and signals.
To add a command, copy `report.py` and add its name to `main`. To add a flag, add a field with a help text to the
command's config (`bleuberi.flags`): its type and default become the flag's. `--help` must not import numpy.
"""

import sys

if sys.platform == "win32":  # before the modules that need POSIX locks and signals; the rewards do without
    sys.stderr.write("Error: the commands of bleuberi need Linux or macOS.\n")
    sys.stderr.write("On Windows run them in WSL: wsl --install, then follow the README in its Ubuntu.\n")
    sys.exit(2)
