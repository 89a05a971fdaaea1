"""Work for Ray workers in tests. They import it by name, as they import the package."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from bleuberi.errors import UserError


@dataclass(frozen=True)
class Noted:
    """Squares numbers, and notes which process began which unit."""

    notes: Path

    def __call__(self):
        def work(number):
            with self.notes.open("a") as stream:
                stream.write(f"{os.getpid()} {number}\n")
            time.sleep(0.05)
            return number * number

        return work


class Poison:
    """Dies of the number 3."""

    def __call__(self):
        def work(number):
            if number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return number

        return work


class Refusing:
    """Cannot even begin."""

    def __call__(self):
        raise UserError("The worker has no model.", "Give it one.")
