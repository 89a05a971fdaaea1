"""Texts for comparisons with other programs: sentences in many scripts, code, Markdown and emoji, mixed and damaged."""

import gzip
import json
import random

from tests.conftest import DATA

PIECES = [
    "The ferries were running late, so the two sisters decided to walk along the harbour.",
    "She tried three different recipes; the second one (with honey) was easily the best!",
    "Prices rose by 3.5% in 2019-2020, from $1,299.00 to about $1,350.",
    "It's a well-known problem: nobody's dying to fix it, and everybody agrees it should be fixed.",
    "Happily, relational databases generalise nicely; operators and formalities don't.",
    "```python\ndef total(items: list[float]) -> float:\n    return sum(x * 1.5 for x in items if x >= 0)\n```",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] & 0xFF; } // &lt;escaped&gt; &amp; <skipped>",
    "## Steps\n\n1. **Boil** the water.\n2. Add _salt_.\n- [ ] stir\n- [x] wait\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "> quoted line\n\nSee https://example.org/a_b?c=1&d=2#top, or mail me@example.org.",
    "今天早上下了很大的雨，所以我们决定在家里看书。",
    "駅前のパン屋さんは、毎朝五時に焼きたてのパンを並べます。",
    "도서관은 토요일에도 문을 열지만, 일요일에는 쉽니다.",
    "ร้านนี้ขายผลไม้สดทุกวัน และราคาไม่แพง",
    "Старый мост закрыли на ремонт, поэтому поезда идут в объезд.",
    "أغلقت المدينة الجسر القديم، لذلك تسير القطارات في طريق آخر.",
    "पुराना पुल मरम्मत के लिए बंद है, इसलिए रेलगाड़ियाँ दूसरे रास्ते से जाती हैं।",
    "Die Straße zur Grundschule wird für vier Wochen gesperrt; ΟΔΟΣ και ΑΣ. İstanbul'da ılık ısı.",
    "Ça coûte déjà 12,50 € — c'est « trop cher », naïves élèves aînés!",
    "🎉🎉 Great job 👩‍💻👍🏽! Let's ship it 🚀… ok?",
    "e\u0301toile cafe\u0301 \u00e9toile \u2028 \u00a0 spaced\u3000out \u200b zero",
    "ABC abc Abc running runs ran runner's RUNNING skies sky ponies agreed feed sized",
]
WORDS = [word for piece in PIECES for word in piece.split(" ")]


def made_pairs(count=2000, seed=0):
    """`count` pairs of a text and another that shares much, little or nothing with it."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(count):
        text = rng.choice([" ", "\n", " \n\n"]).join(rng.sample(PIECES, k=rng.randrange(1, 5)))
        words = text.split(" ")
        kind = rng.randrange(5)
        if kind == 0:
            other = rng.choice(["\n", " "]).join(rng.sample(PIECES, k=rng.randrange(1, 4)))
        elif kind == 1:
            rng.shuffle(words)
            other = " ".join(words)
        elif kind == 2:
            start = rng.randrange(len(text))
            other = text[start : start + rng.randrange(len(text))]
        elif kind == 3:
            kept = (rng.choice(WORDS) if rng.random() < 0.3 else word for word in words)
            other = " ".join(word for word in kept if rng.random() < 0.8)
        else:
            other = "".join(rng.choice("aeb ,.\n了て") if rng.random() < 0.1 else char for char in text)
        pairs.append((other, text) if rng.random() < 0.5 else (text, other))
    return pairs


def real_pairs(count=300):
    """Responses with up to three references each, from real data where it is there."""
    path = DATA / "dev_pool_2023.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(count), strict=False)]
    texts = [[row[key] for key in row if key.startswith("ref_output_") and row[key]] for row in rows]
    return [(own[0], own[1:4]) for own in texts if len(own) > 3]
