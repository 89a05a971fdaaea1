"""The settings of `bleuberi report` and `bleuberi card`.

The fields are also flags, so `--help` loads this module too; it imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bleuberi.flags import PUBLIC, PUSH, flag


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """Settings of a report: its inputs, output folder and contents."""

    paths: tuple[Path, ...] = field(
        metadata={"help": "folders to search, including subfolders", "metavar": "PATH", "positional": True}
    )
    output_dir: Path | None = flag(None, "output folder (default: report/ or report_without_texts/ in the first PATH)")
    title: str = flag("", "the page's heading (default: the names of the PATHs)")
    no_texts: bool = flag(False, "a page to share: numbers and verdicts, without texts or ids of the data")
    no_figures: bool = flag(False, "write no PNG and SVG files")

    @property
    def folder(self) -> Path:
        first = self.paths[0] if self.paths[0].is_dir() else self.paths[0].parent
        return self.output_dir or first / ("report_without_texts" if self.no_texts else "report")


@dataclass(frozen=True, slots=True)
class CardConfig:
    """The model whose card is written, the evaluation for it, and the repository that the model is uploaded to."""

    model: Path = field(metadata={"help": "folder of a finished training", "metavar": "MODEL", "positional": True})
    evaluation: Path | None = flag(None, "folder of bleuberi evaluate", metavar="FOLDER")
    name: str | None = flag(
        None, "the model in the evaluation, if its responses came from a file or a server", metavar="NAME"
    )
    task_id: str = flag("default", "task in the eval.yaml of the prompts' data set (default)", metavar="ID")
    push_to_hub: str | None = flag(None, PUSH, metavar="OWNER/NAME")
    hub_public: bool = flag(False, PUBLIC)
