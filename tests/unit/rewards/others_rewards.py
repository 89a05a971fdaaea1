"""Reward functions as people write them for TRL."""

import asyncio


def words(completions, **kwargs):
    return [len(turns[-1]["content"].split()) for turns in completions]


def only_completions(completions):
    return [1.0] * len(completions)


async def waits(completions, **kwargs):
    await asyncio.sleep(0)
    return [0.5 if turns[-1]["content"] else None for turns in completions]


def too_few(completions, **kwargs):
    return [1.0]


def a_number(completions, **kwargs):
    return 1.0


def a_text(completions, **kwargs):
    return ["good"] * len(completions)


def needs_solution(completions, solution, **kwargs):
    return [float(text == turns[-1]["content"]) for turns, text in zip(completions, solution, strict=True)]


class Counting:
    """A callable without name or signature."""

    def __init__(self, factor=1):
        self.factor = factor

    def __call__(self, prompts, completions, references, **kwargs):
        return [self.factor * len(texts) for texts in references]


made = Counting(2)
