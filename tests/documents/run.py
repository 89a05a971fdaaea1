"""`python -m tests.documents.run [PAGE ...]`: type what the pages show, in their order, and say how each command ended.

Each page gets a fresh copy of the clone and one shell; nothing is changed in the words. Exit code 1 on any failure.
"""

import argparse
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.documents.left_out import reason, stale
from tests.documents.pages import Shown, pages, shown
from tests.documents.place import Places
from tests.documents.shell import Ended, Shell

TIMEOUT_SECONDS = 900
_SHOWN_LINES = 25  # of what a failed command said


def main() -> int:
    """Run every page, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="e.g. README.md; all where none is named")
    parser.add_argument("--list", action="store_true", help="run nothing; say what would be run")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this new folder, and keep it")
    parser.add_argument("--table", type=Path, metavar="FILE", help="append a Markdown row per command (docs/walks.md)")
    arguments = parser.parse_args()
    unknown = set(arguments.pages) - set(pages())
    if unknown:
        parser.error(f"no such page: {', '.join(sorted(unknown))}. Pages: {', '.join(pages())}")
    tally: Counter[str] = Counter()
    started = time.monotonic()
    work = (arguments.keep or Path(tempfile.mkdtemp(prefix="documents-"))).absolute()
    work.mkdir(exist_ok=True, parents=True)
    try:
        places = None if arguments.list else Places(work)
        for page in arguments.pages or pages():
            tally += run_page(page, places, arguments.table)
    finally:
        if not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)
    old = [] if arguments.pages else stale([one for page in pages() for one in shown(page)])
    for pattern in old:
        print(f"The table of what is left out has an entry that no page shows: {pattern}")
    said = ", ".join(f"{count} {how}" for how, count in sorted(tally.items()))
    print(f"\n{said}; {time.monotonic() - started:.0f} s")
    return 1 if tally["FAILED"] or old else 0


def run_page(page: str, places: Places | None, table: Path | None = None) -> Counter[str]:
    """Type everything that one page shows; how many commands ended in which way."""
    tally: Counter[str] = Counter()
    commands = shown(page)
    to_run = [one for one in commands if not one.is_outline and reason(one) is None]
    print(f"\n{page}" if commands else f"\n{page}: shows no command", flush=True)
    shell = place = None
    if places and to_run:
        place = places.make(page)
        shell = Shell(place, places.environment(place))
    try:
        for one in commands:
            how, ended = type_in(one, shell, place) if one in to_run else _not_run(one)
            tally[how.partition(":")[0]] += 1
            seconds = f"{ended.seconds:6.1f} s" if ended.seconds else " " * 8
            print(f"  {seconds}  {one.line:>4}  {how}: {_short(one)}", flush=True)
            if table and ended.seconds:
                with table.open("a", encoding="utf-8") as stream:
                    stream.write(_row(one, how, ended))
            if how == "FAILED":
                print("\n".join(f"      | {line}" for line in ended.said.splitlines()[-_SHOWN_LINES:]), flush=True)
    finally:
        if shell:
            shell.close()
    return tally


def type_in(one: Shown, shell: Shell | None, place: Path | None) -> tuple[str, Ended]:
    """One command in the page's shell; a Python block is run as a file of its own."""
    if shell is None or place is None:
        return "to run", Ended(0, 0.0, "")
    command = one.text
    if one.kind == "python":
        block = place.parent / f"block_{one.line}.py"
        block.write_text(one.text, encoding="utf-8")
        command = f"python {shlex.quote(str(block))}"
    ended = shell.run(command, TIMEOUT_SECONDS)
    return "ran" if ended.code == 0 else "FAILED", ended


def _not_run(one: Shown) -> tuple[str, Ended]:
    why = "an outline" if one.is_outline else f"left out: {reason(one)}"
    return why, Ended(0, 0.0, "")


def _row(one: Shown, how: str, ended: Ended) -> str:
    """Command, seconds, seconds until it printed something, and the last line of what it printed."""
    last = next((line for line in reversed(ended.said.splitlines()) if line.strip()), "")
    first = "" if ended.first_seconds is None else f"{ended.first_seconds:.1f}"
    cells = (f"{one.page}:{one.line}", _short(one), how, f"{ended.seconds:.1f}", first, " ".join(last.split())[:150])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _short(one: Shown) -> str:
    text = " ".join(one.text.split())
    return text if len(text) <= 150 else text[:147] + "..."


if __name__ == "__main__":
    sys.exit(main())
