"""Show generation progress: rows, tokens per second, time left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from bleuberi.generation.base import OnOutput, Output


@contextlib.contextmanager
def answer_progress(model: str, total_rows: int) -> Iterator[OnOutput]:
    """A progress bar on standard error, updated per answer."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("[bold]answers"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tokens = 0
    began = time.monotonic()
    with bar:
        task = bar.add_task(model, total=total_rows, rate="")

        def on_output(output: Output) -> None:
            nonlocal tokens
            tokens += output.tokens
            rate = tokens / max(1e-9, time.monotonic() - began)
            bar.update(task, advance=1, rate=f"{rate:,.0f} tokens/s")

        yield on_output
