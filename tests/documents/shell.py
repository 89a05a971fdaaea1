"""One bash for a whole page, so that what one command sets the next one finds."""

import os
import select
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple


class Ended(NamedTuple):
    """How a command ended; `code` is None where it was stopped for taking too long."""

    code: int | None
    seconds: float
    said: str
    first_seconds: float | None = None  # until it printed something


class Shell:
    """A bash in a folder. `Shell(folder, environment).run("make check")`; `close` it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._said = folder.parent / "said.txt"
        self._answers, told = os.pipe()
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            cwd=folder,
            env={**environment, "TOLD": str(told)},
            pass_fds=[told],
            start_new_session=True,
            text=True,
        )
        os.close(told)

    def close(self) -> None:
        """End it, with whatever a command left behind: the shell has a session of its own."""
        if self._bash.poll() is None:
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        os.close(self._answers)

    def run(self, command: str, timeout_seconds: float = 600) -> Ended:
        """Run it as if it were typed; what it says on both streams comes along."""
        self._said.unlink(missing_ok=True)
        started = time.monotonic()
        place = shlex.quote(str(self._said))
        line = f"eval {shlex.quote(command)} >{place} 2>&1 </dev/null; echo $? >&$TOLD\n"
        assert self._bash.stdin
        self._bash.stdin.write(line)
        self._bash.stdin.flush()
        code = first = None
        while time.monotonic() - started < timeout_seconds:
            ended = select.select([self._answers], [], [], 0.1)[0]
            if first is None and self._said.exists() and self._said.stat().st_size:
                first = time.monotonic() - started
            if ended:
                answer = os.read(self._answers, 16).split()
                code = int(answer[0]) if answer else self._bash.wait()  # `exit` ends the shell itself
                break
        said = self._said.read_text(encoding="utf-8", errors="replace") if self._said.exists() else ""
        return Ended(code, time.monotonic() - started, said, first)
