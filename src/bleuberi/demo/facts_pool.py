"""Generate the rows of the demo's pool: facts, prompt and references. Deterministic for a seed on all machines.

`Dials` are the settings, `PRESETS` are pools with known learnability, `generate(dials)` yields the rows. Rows of
different splits never have the same facts, regardless of seed and settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final

from bleuberi.columns import GOLD, ID, MESSAGES, PROMPT, SOURCE, reference_column
from bleuberi.data.facts_slots import SLOTS
from bleuberi.data.facts_truth import FACTS
from bleuberi.demo.facts_domains import DOMAINS, Domain
from bleuberi.demo.facts_sentences import Words, sentences
from bleuberi.errors import UserError
from bleuberi.flags import flag

SPLITS: Final = {"train": range(8), "dev": range(8, 9), "test": range(9, 10)}
"""Split -> its tenths of all possible rows; a hash of the facts assigns rows to splits."""
CHOICES: Final = {
    "split": tuple(SPLITS),
    "overlap": ("verbatim", "mixed", "paraphrase"),
    "length": ("concise", "normal", "wordy"),
    "content": ("sentence", "echo", "noise"),
}
_RANGES: Final = {
    "rows": (1, 1_000_000), "seed": (0, 2**32 - 1), "min_facts": (3, 8), "max_facts": (3, 8), "references": (1, 8),
    "patterns": (1, 8), "wordings": (1, 4), "noise_words": (1, 100),
}  # fmt: skip
_REQUEST: Final = "Put these facts into one sentence:"  # under eight words, so overlap checks ignore it
_MOST_TRIES: Final = 1_000  # to find new facts that belong to the split
_SYLLABLES: Final = tuple(one + two for one in "bdfgklmnprstvz" for two in "aeiou")


@dataclass(frozen=True, slots=True)
class Dials:
    """Settings of the generated pool. Errors: `UserError` for a value out of range."""

    rows: int = flag(800, "number of prompts")
    seed: int = flag(1, "random seed for the rows")
    split: str = flag("train", "train, dev or test: splits never share facts")
    # Facts include the name; a domain with fewer slots uses all of them.
    min_facts: int = flag(5, "fewest facts per prompt")
    max_facts: int = flag(6, "most facts per prompt")
    references: int = flag(4, "references per prompt")
    # A pattern has its own order of facts.
    patterns: int = flag(4, "sentence patterns among a prompt's references; 1: they share one")
    wordings: int = flag(3, "wordings per fact")  # in the same position of a sentence
    # `mixed`: half of the facts that have a code (`price: low`) show it; `paraphrase`: all show it, and references
    # avoid the prompt's words if possible.
    overlap: str = flag("mixed", "verbatim, mixed or paraphrase: do references repeat the prompt's words?")
    length: str = flag("normal", "concise, normal or wordy references")
    content: str = flag("sentence", "sentence, echo (of the prompt) or noise (pseudo-words) as references")
    noise_words: int = flag(24, "words per reference with --content noise")

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"{name} must be between {low} and {high} (got {value}).", f"Change --{name}.")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise UserError(f"Unknown {name} {getattr(self, name)!r}.", f"Choose from: {', '.join(choices)}.")
        if self.min_facts > self.max_facts:
            raise UserError(
                f"min_facts ({self.min_facts}) is greater than max_facts ({self.max_facts}).", "Change one of them."
            )

    def settings(self) -> dict[str, Any]:
        """The dials as plain values, for a manifest."""
        return asdict(self)


PRESETS: Final[dict[str, dict[str, Any]]] = {
    "learn": {},
    "copy_only": {"content": "echo", "overlap": "verbatim", "references": 2},
    "length_only": {"content": "noise", "noise_words": 8},
    "nothing": {"content": "noise", "noise_words": 24},
}
"""Preset -> its settings. In order, learnable are: sentences with all facts; copying; stopping early; nothing."""


def preset(name: str, **dials: Any) -> Dials:  # noqa: ANN401 - fields of Dials
    """The preset's settings with changes. Errors: `UserError` for an unknown preset or a value out of range."""
    if name not in PRESETS:
        raise UserError(f"Unknown preset {name!r}.", f"Choose from: {', '.join(PRESETS)}.")
    return Dials(**{**PRESETS[name], **dials})


def generate(dials: Dials) -> Iterator[dict[str, Any]]:
    """Yield the rows of a pool (docs/data_format.md). Errors: `UserError` if there are too few different rows."""
    draw = Random(f"facts {dials.seed} {dials.split}")
    seen: set[str] = set()
    for number in range(dials.rows):
        for _ in range(_MOST_TRIES):
            domain = DOMAINS[draw.randrange(len(DOMAINS))]
            facts = _draw_facts(domain, dials, draw)
            key = _facts_key(domain, facts)
            if int(key, 16) % 10 in SPLITS[dials.split] and key not in seen:
                break
        else:
            raise UserError(
                f"Only {number} different rows were found (asked for {dials.rows}).",
                "Ask for fewer --rows, or raise --max_facts.",
            )
        seen.add(key)
        yield _row(domain, facts, key, dials)


def _draw_facts(domain: Domain, dials: Dials, draw: Random) -> dict[str, str]:
    count = draw.randint(dials.min_facts, dials.max_facts) - len(domain.core)
    optional = draw.sample(domain.optional, max(1, min(count, len(domain.optional))))
    chosen = [slot for slot in (*domain.core, *domain.optional) if slot in domain.core or slot in optional]
    return {
        slot: draw.choice(domain.names[slot]) if slot in domain.names else draw.choice(SLOTS[slot].values).key
        for slot in chosen
    }


def _facts_key(domain: Domain, facts: dict[str, str]) -> str:
    text = json.dumps([domain.name, sorted(facts.items())])  # noqa: TID251 - hashed, and holds texts alone
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _row(domain: Domain, facts: dict[str, str], key: str, dials: Dials) -> dict[str, Any]:
    draw = Random(f"text {dials.seed} {key}")
    shown = {slot: _shown(slot, value, dials, draw) for slot, value in facts.items()}
    lines = [f"{slot}: {text}" for slot, text in shown.items()]
    prompt = "\n".join([_REQUEST, *lines])
    if dials.content == "noise":
        texts = [_noise(dials.noise_words, draw) for _ in range(dials.references)]
    elif dials.content == "echo":
        texts = [("\n".join(lines), prompt)[n % 2] for n in range(dials.references)]
    else:
        words = Words(dials.wordings, dials.overlap, dials.length, shown)
        texts = sentences(domain, facts, words, dials.references, dials.patterns, draw)
    names = [GOLD, *(f"writer_{number}" for number in range(2, dials.references + 1))]
    return {
        ID: f"facts-{key}",
        SOURCE: f"facts/{domain.name}",
        PROMPT: prompt,
        MESSAGES: [{"role": "user", "content": prompt}, {"role": "assistant", "content": texts[0]}],
        **{reference_column(name): text for name, text in zip(names, texts, strict=True)},
        FACTS: facts,
    }


def _shown(slot: str, value: str, dials: Dials, draw: Random) -> str:
    """The prompt's text after `slot: `."""
    coded = {"verbatim": 0.0, "mixed": 0.5, "paraphrase": 1.0}[dials.overlap] > draw.random()
    return value if coded or slot not in SLOTS else SLOTS[slot].value(value).words[0]


def _noise(count: int, draw: Random) -> str:
    return " ".join("".join(draw.choice(_SYLLABLES) for _ in range(draw.randint(3, 4))) for _ in range(count))
