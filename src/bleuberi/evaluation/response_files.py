"""A model's responses from a file: matched with the prompts, counted, and named by their content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import file_hash, json_hash
from bleuberi.data.made_responses import MadeResponse, join_responses, no_response_fits, read_responses
from bleuberi.evaluation.models import EvaluatedModel
from bleuberi.generation.base import FINISH_WORDS, FinishReason, Output
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Example

PREFIX: Final = "responses:"
_FINISH: Final[dict[str, FinishReason]] = {
    **FINISH_WORDS,
    "refused": "refused",
    "prompt_too_long": "prompt_too_long",
    "no_answer": "no_answer",
}


@dataclass(frozen=True, slots=True)
class ResponseFile:
    """The responses of a file by prompt id, with what was left out."""

    path: Path
    sha256: str  # of the file
    outputs: Mapping[str, Output]
    missing: int  # prompts without a response
    repeated: int  # rows after the first one of a prompt
    unknown: int  # rows of other prompts

    @property
    def identity(self) -> ModelIdentity:
        """Files with the same responses have the same identity."""
        texts = {row_id: output.text for row_id, output in self.outputs.items()}
        return ModelIdentity("", PREFIX + json_hash(texts), "")

    def record(self) -> dict[str, Any]:
        """As `evaluation.json` has it."""
        counts = {"missing": self.missing, "repeated": self.repeated, "unknown": self.unknown}
        return {"from": "file", "file": self.path.name, "sha256": self.sha256, **counts}

    def sentence(self) -> str | None:
        """The counts in words; None if there are none."""
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


def read_response_file(path: Path, examples: Sequence[Example], flag: str = "--models") -> ResponseFile:
    """Read one file; `flag` is named in errors. Errors: `UserError`, also if no row belongs to a prompt."""
    joined = join_responses(examples, read_responses(path, flag=flag))
    if not joined.by_id:
        raise no_response_fits(path)
    outputs = {row_id: _output(rows[0]) for row_id, rows in joined.by_id.items()}
    outputs = {row_id: output for row_id, output in outputs.items() if not output.unanswered}
    return ResponseFile(path, file_hash(path), outputs, len(examples) - len(outputs), joined.repeated, joined.unknown)


def cut_share(outputs: Sequence[Output]) -> float | None:
    """The share of responses that were cut at the token limit; None if a file does not tell."""
    if not outputs or any(output.finish_reason == "unknown" for output in outputs):
        return None
    return sum(output.finish_reason == "length" for output in outputs) / len(outputs)


def _output(row: MadeResponse) -> Output:
    return Output(row.text, _FINISH.get((row.finish_reason or "").lower(), "unknown"), 0)
