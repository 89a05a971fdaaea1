"""Read a model's responses from a file, match them with the prompts, and identify them by their content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from bleuberi.artifacts import file_hash, json_object_hash
from bleuberi.data.made_responses import MadeResponse, responses_to
from bleuberi.evaluation.models import EvaluatedModel
from bleuberi.generation.base import FinishReason, Output
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.on_disk import Looked, Numbers, Spilled
from bleuberi.records import Example

_NONE: Final = Output("", "no_answer", 0)
PREFIX: Final = "responses:"
_FINISH: Final[dict[str, FinishReason]] = {word: word for word in get_args(FinishReason)}


@dataclass(frozen=True, slots=True)
class ResponseFile:
    """The responses of a file in the order of the prompts, and counts of missing, repeated and unknown ones.

    Files with the same responses have the same identity.
    """

    path: Path
    sha256: str  # of the file
    identity: ModelIdentity
    outputs: Sequence[Output | None]  # N, None for a prompt without a response
    missing: int  # prompts without a response
    repeated: int  # rows after the first one of a prompt
    unknown: int  # rows of other prompts

    def record(self) -> dict[str, Any]:
        """The entry in `evaluation.json`."""
        counts = {"missing": self.missing, "repeated": self.repeated, "unknown": self.unknown}
        return {"from": "file", "file": self.path.name, "sha256": self.sha256, **counts}

    def sentence(self) -> str | None:
        """The counts in words, or None."""
        said = [
            f"{count} {words}"
            for count, words in (
                (self.missing, "prompts without a response, left out for all models"),
                (self.repeated, "further responses to a prompt, of which the first counts"),
                (self.unknown, "responses to other prompts, left out"),
            )
            if count
        ]
        return f"{self.path.name}: {'; '.join(said)}." if said else None


def read_response_files(models: Sequence[EvaluatedModel], examples: Sequence[Example]) -> dict[str, ResponseFile]:
    """The responses of each model that is a file, by the model's name. Errors: `UserError`."""
    return {
        entry.name: read_response_file(path, examples) for entry in models if (path := entry.response_file) is not None
    }


def read_response_file(
    path: Path, examples: Sequence[Example], flag: str = "--models", *, log_unknown: bool = False
) -> ResponseFile:
    """Read one file; `flag` is named in errors. The responses are in a temporary file. `log_unknown`: warn here of
    responses to other prompts, because only those of models are among the evaluation's warnings. Errors: `UserError`,
    also if no row belongs to a prompt."""
    joined = responses_to(examples, path, flag=flag, log_unknown=log_unknown)
    outputs: Spilled[Output | None] = Spilled()
    places: Numbers[str] = Numbers()
    for example in examples:
        rows = joined.by_id.get(example.id)
        output = None if rows is None else _output(rows[0])
        if output is not None and output.unanswered is None:
            places.add(example.id, len(outputs))
            outputs.append(output)
        else:
            outputs.append(None)
    texts = Looked(places, lambda _, found: (outputs[found[0]] or _NONE).text)
    identity = ModelIdentity("", PREFIX + json_object_hash(texts.items()), "")
    missing = len(examples) - places.total()
    return ResponseFile(path, file_hash(path), identity, outputs, missing, joined.repeated, joined.unknown)


def cut_share(outputs: Iterable[Output]) -> float | None:
    """The share of responses that were cut at the token limit; None if a file does not record it."""
    count = cut = 0
    for output in outputs:
        if output.finish_reason == "unknown":
            return None
        count += 1
        cut += output.finish_reason == "length"
    return cut / count if count else None


def _output(row: MadeResponse) -> Output:
    return Output(row.text, _FINISH.get((row.finish_reason or "").lower(), "unknown"), 0)
