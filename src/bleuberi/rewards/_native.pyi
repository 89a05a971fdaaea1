from collections.abc import Sequence

from typing_extensions import Buffer

REVISION: int

class Compiled:
    def __new__(cls, metric: int, references: Sequence[str], /) -> Compiled: ...
    @property
    def nbytes(self) -> int: ...

def score(
    metric: int, responses: Sequence[str], references: Sequence[Sequence[str] | Compiled], threads: int, flags: int, /
) -> list[float | None]: ...
def score_arrow(
    metric: int,
    response_offsets: Buffer,
    response_bytes: Buffer,
    list_offsets: Buffer,
    reference_offsets: Buffer,
    reference_bytes: Buffer,
    threads: int,
    flags: int,
    /,
) -> list[float | None]: ...
def tokens(metric: int, text: str, /) -> list[bytes]: ...
