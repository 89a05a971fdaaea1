"""A reward with a spread even among the babble of an untrained model. Its dotted path is given to training commands."""


class Vowels:
    """The share of vowels in each answer."""

    name = "vowels"

    def __call__(self, *, prompts, responses, references):
        return [sum(letter in "aeiou" for letter in text.lower()) / max(len(text), 1) for text in responses]

    def signature(self):
        return "vowels|v:1"
