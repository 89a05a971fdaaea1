"""Run the commands of docs/gallery.md, and copy the reports into a folder of the site.

`python docs/make_gallery.py build/site/gallery`; `make site` calls it. Commands run from the root of the repository.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs/gallery.md"
MADE: Final = ROOT / "build/gallery"
_BLOCK: Final = re.compile(r"^```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r'href="gallery/(\w+)\.html"')


def main() -> int:
    """Make every page. Exit code 1 if a command fails or a linked report is missing."""
    site = Path(sys.argv[1])
    page = PAGE.read_text(encoding="utf-8")
    shutil.rmtree(MADE, ignore_errors=True)
    MADE.mkdir(parents=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")}
    for language, text in _BLOCK.findall(page):
        words = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
        ended = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            print(f"A command of {PAGE.name} failed:\n{text}\n{ended.stdout}{ended.stderr}", file=sys.stderr)
            return 1
    names = _LINK.findall(page)
    missing = [name for name in names if not (MADE / name / "report/report.html").is_file()]
    unlinked = [path.name for path in MADE.iterdir() if (path / "report").is_dir() and path.name not in names]
    if missing or unlinked or not names:
        print(f"{PAGE.name}: reports not made: {missing}; reports without a link: {unlinked}", file=sys.stderr)
        return 1
    site.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(MADE / name / "report/report.html", site / f"{name}.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
