"""What the pages show: each shell command and each Python block.

A command is a line of a block marked `bash` or `sh`, its continuation lines joined, or a whole command between
backticks in the text.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

NOTES = ("docs/lab_log.md", "docs/walks.md", "docs/cli.md")  # typed at the time; or made from the commands themselves
ORIGINAL = "tests/documents/original_commands.md"
_PROGRAMS = r"(?:bleuberi|python|bash|make|pip|sbatch|torchrun|accelerate|vllm|ray)"
_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SETTING = r"[A-Z_]+=\S+ "
# In the text `bleuberi report` and `make` are names; with a flag, a setting or a target they are to be typed.
_INLINE = re.compile(
    rf"`((?:{_SETTING})+(?:bash|python|bleuberi) [^`]+"
    r"|(?:python|bash|make|pip|sbatch|torchrun) [^`]+"
    r"|bleuberi [^`]*--[^`]+)`"
)
_COMMAND = re.compile(rf"^(?:{_SETTING})*(?:{_PROGRAMS} |export [A-Z_]+=)")
_OUTLINE = re.compile(r"(^|\s|=)(\.\.\.|…)(\s|$)|\w(\.\.\.|…)|\|\w+ | FILE( |$)")


class Shown(NamedTuple):
    """A command as it stands on its page."""

    page: str  # from the top of the clone
    line: int
    text: str  # one line of shell, or a block of Python
    kind: str  # `shell`, `python`; `inline`: a shell command in the text

    @property
    def is_outline(self) -> bool:
        """Whether dots, or FILE, stand where the reader's own words belong."""
        return self.kind != "python" and _OUTLINE.search(self.text) is not None


def pages() -> list[str]:
    """The pages whose commands are to be run, in the order in which they are read."""
    inside = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return ["README.md", "docs/tutorial.md", "training/README.md"] + [
        page for page in [*inside, ORIGINAL] if page != "docs/tutorial.md" and page not in NOTES
    ]


def blocks(page: str) -> list[tuple[int, str, str]]:
    """The line, the language and the content of each fenced block."""
    text = read(page)
    return [(text.count("\n", 0, found.start(2)) + 1, found[1], found[2]) for found in _FENCED.finditer(text)]


def shown(page: str) -> list[Shown]:
    """Everything a page shows to be typed, from top to bottom."""
    found = []
    for line, language, content in blocks(page):
        if language == "python":
            found.append(Shown(page, line, content, "python"))
        elif language in ("bash", "sh"):
            found += [Shown(page, line + above, text, "shell") for above, text in _lines(content)]
    text = _FENCED.sub(lambda block: "\n" * block[0].count("\n"), read(page))
    found += [Shown(page, text.count("\n", 0, one.start()) + 1, one[1], "inline") for one in _INLINE.finditer(text)]
    return sorted(found, key=lambda one: one.line)


def unmarked_commands(page: str) -> list[str]:
    """Lines that look like commands in blocks that are not marked as shell: they would not be run."""
    return [
        line
        for _, language, content in blocks(page)
        if language not in ("bash", "sh", "python")
        for line in content.splitlines()
        if _COMMAND.match(line)
    ]


def read(page: str) -> str:
    return (ROOT / Path(page)).read_text(encoding="utf-8")


def _lines(content: str) -> list[tuple[int, str]]:
    """Each command of a shell block with the lines above it; comments and empty lines are none."""
    lines, start, joined = [], 0, ""
    for number, line in enumerate(content.splitlines()):
        start = start if joined else number
        joined += line.removesuffix("\\").strip() + " " if line.endswith("\\") else line.strip()
        if line.endswith("\\"):
            continue
        if joined and not joined.startswith("#"):
            lines.append((start, joined))
        joined = ""
    return lines
