"""Write one model's greedy responses to all prompts of a pool, in a separate process: `python -m ... SPEC.json`.

The runner writes the spec: `model`, `pool`, `max_new_tokens`, `instruction`, `dtype`, maybe `chat_template_kwargs`,
and the output folder `into` for `responses.jsonl` and, last, `answered.json`. A killed process resumes: responses are
cached as they are written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import json_hash, read_json, readable_json, write_json, write_text
from bleuberi.comparison.costs import answering_cost
from bleuberi.data.pool import read_pool
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Sampling
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.generation.model_identity import load_tokenizer
from bleuberi.records import Conversation, Message

RESPONSES: Final = "responses.jsonl"
ANSWERED: Final = "answered.json"
SPEC: Final = "spec.json"
_CACHE: Final = "cache"


def answer(spec: Mapping[str, Any]) -> None:
    """Write the responses. Errors: `UserError` if model or pool cannot be read."""
    into = Path(spec["into"])
    rows = read_pool(spec["pool"], ()).rows
    asked = [Conversation(row.id, _with_instruction(row.messages, spec["instruction"])) for row in rows]
    sampling = Sampling(max_new_tokens=spec["max_new_tokens"], temperature=0.0, top_p=1.0)
    kwargs = spec.get("chat_template_kwargs", {})
    options = EngineOptions(engine_args={"dtype": spec["dtype"]}, chat_template_kwargs=kwargs)
    outputs = cached_engine(spec["model"], "transformers", into / _CACHE, options).answer(asked, sampling)
    responses = [
        {"id": row.id, "response": out.text, "finish_reason": out.finish_reason, "tokens": out.tokens}
        for row in rows
        for out in (outputs[row.id],)
    ]
    tokenizer = load_tokenizer(spec["model"], template_kwargs=kwargs)
    read = sum(len(prompt_ids(tokenizer, conversation.messages)) for conversation in asked)
    write_text(into / RESPONSES, "".join(readable_json(row) + "\n" for row in responses))
    write_json(
        into / ANSWERED, {"sha256": responses_hash(responses), "cost": answering_cost(responses, read).to_json()}
    )


def read_responses(path: Path) -> list[dict[str, Any]]:
    """The rows of a responses.jsonl: `id`, `response` (or the `sha256` of it), `finish_reason`, `tokens`."""
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def responses_hash(rows: list[dict[str, Any]]) -> str:
    """One hash for all responses of a run; the same for rows with texts and rows with only hashes."""
    return json_hash([[row["id"], text_hash(row), row["finish_reason"]] for row in rows])


def text_hash(row: Mapping[str, Any]) -> str:
    """The hash of a row's response."""
    return str(row["sha256"]) if "sha256" in row else json_hash(row["response"])


def _with_instruction(messages: list[Message], instruction: str) -> list[Message]:
    """Append the instruction to the last user turn."""
    if not instruction:
        return messages
    last = max(place for place, turn in enumerate(messages) if turn["role"] == "user")
    turns = list(messages)
    turns[last] = Message(role="user", content=f"{turns[last]['content']}\n{instruction}")
    return turns


def main() -> int:
    """Entry point of `python -m bleuberi.comparison.answer SPEC.json`; reports errors as the commands do."""
    try:
        answer(read_json(Path(sys.argv[1])))
    except UserError as error:
        sys.stderr.write(f"Error: {error.what}\n{error.cure}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
