"""Rewards of a user's own, named by their dotted paths, e.g. `oracle_rewards:Vowels`."""


class Vowels:
    """The share of vowels in each answer."""

    name = "vowels"

    def __call__(self, *, prompts, responses, references):
        return [sum(letter in "aeiou" for letter in text.lower()) / max(len(text), 1) for text in responses]

    def signature(self):
        return "vowels|v:1"


class Flat:
    """The same score for each answer, from which nothing can be learned."""

    name = "flat"

    def __call__(self, *, prompts, responses, references):
        return [0.5] * len(responses)

    def signature(self):
        return "flat|v:1"
