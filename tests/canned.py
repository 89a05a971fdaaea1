"""An engine of answers that were given before."""

from bleuberi.errors import UserError
from bleuberi.generation.base import Output


class CannedEngine:
    """Answers by id, or by the last turn's text if the id is not known."""

    def __init__(self, answers):
        self._answers = answers

    def stream(self, requests, sampling):
        for request in requests:
            names = (request.conversation.id, request.conversation.messages[-1]["content"])
            found = next((self._answers[name] for name in names if name in self._answers), None)
            if found is None:
                raise UserError(f"Row {names[0]} has no canned answer.", "Add it.")
            yield request, Output(found, "stop", len(found.split()))
