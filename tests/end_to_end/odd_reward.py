"""A user's reward that gives no finite number for some prompts. Its dotted path is given to commands."""

import math
import re

DOTTED_PATH = "tests.end_to_end.odd_reward:Odd"
ODD = (math.nan, math.inf, -math.inf, 10**400)


class Odd:
    """The share of vowels; for prompts whose number is 1, 2, 3 or 4 something that is not finite."""

    name = "odd"

    def __call__(self, *, prompts, responses, references):
        numbers = [int(re.findall(r"\d+", prompt)[0]) for prompt in prompts]
        return [
            ODD[number - 1] if 1 <= number <= len(ODD) else sum(letter in "aeiou" for letter in text) / (len(text) or 1)
            for number, text in zip(numbers, responses, strict=True)
        ]

    def signature(self):
        return "odd|v:1"


class Wordy(Odd):
    """Gives a text where a number belongs."""

    name = "wordy"

    def __call__(self, *, prompts, responses, references):
        return ["high"] * len(responses)


class Short(Odd):
    """Gives fewer scores than there are responses."""

    name = "short"

    def __call__(self, *, prompts, responses, references):
        return [0.5]
