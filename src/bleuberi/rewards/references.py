"""References that are tokenized and counted only once.

Use `References(texts)` if one prompt has many responses. Rewards also detect groups of equal references themselves
and cache the compiled ones in `SHARED`, dropping the least recently used when its memory limit is reached.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Protocol, overload

from bleuberi.rewards import backend, bleu_python, rouge_python

BLEU, ROUGE, METEOR, ROUGE_OPTIONS, CHRF = range(5)  # metrics, numbered as in _native.cpp


class Compiled(Protocol):
    """One prompt's references, prepared by a back end."""

    @property
    def nbytes(self) -> int: ...


Prepared = tuple[str, ...] | Compiled  # a row's references, as they are or compiled


def compile_for(metric: int, texts: Sequence[str]) -> Compiled:
    """Compile the references for the active back end."""
    native = backend.native()
    if native is not None:
        made: Compiled = native.Compiled(metric, texts)
        return made
    return bleu_python.compile_references(texts) if metric == BLEU else rouge_python.compile_references(texts)


class References(Sequence[str]):
    """The reference texts of one prompt; compiled at first use, reused for every response scored against them.

    Usable in place of a list of references: `Bleu()(responses=[a, b], references=[refs, refs])`.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(texts)
        self._compiled: dict[tuple[int, bool], Compiled] = {}

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self._texts[index]

    def __len__(self) -> int:
        return len(self._texts)

    def __reduce__(self) -> tuple[type[References], tuple[tuple[str, ...]]]:
        return References, (self._texts,)  # compiled data is not pickled

    def compiled(self, metric: int) -> Compiled:
        """The references compiled for the active back end."""
        key = metric, backend.native() is None
        if key not in self._compiled:
            self._compiled[key] = compile_for(metric, self._texts)
        return self._compiled[key]


class ReferenceCache:
    """A thread-safe cache of compiled references with a memory limit."""

    def __init__(self, megabytes: float) -> None:
        self._limit = int(megabytes * 1e6)
        self._entries: OrderedDict[tuple[object, ...], tuple[Compiled, int]] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, metric: int, texts: tuple[str, ...]) -> Compiled:
        """Return the compiled references from the cache, or compile and cache them."""
        key = metric, backend.native() is None, texts
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key][0]
        made = compile_for(metric, texts)
        size = made.nbytes + sum(map(len, texts))
        with self._lock:
            if key not in self._entries and size <= self._limit:
                self._entries[key] = made, size
                self.nbytes += size
            while self.nbytes > self._limit:
                self.nbytes -= self._entries.popitem(last=False)[1][1]
        return made


SHARED = ReferenceCache(megabytes=64)


def group_compiled(metric: int, references: Sequence[Sequence[str]]) -> list[Prepared]:
    """Each row's references; compiled if neighbouring rows share them, as completions of one prompt do."""
    rows: list[Prepared] = []
    texts = [row if isinstance(row, References) else tuple(row) for row in references]
    for index, row in enumerate(texts):
        if isinstance(row, References):
            rows.append(row.compiled(metric))
        elif index and row == texts[index - 1]:
            if rows[-1] is texts[index - 1]:
                rows[-1] = SHARED.get(metric, row)
            rows.append(rows[-1])
        else:
            rows.append(row)
    return rows
