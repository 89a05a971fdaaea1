"""The compiled rewards under hostile input: long rows stop, no tokens make tables slow, offsets are checked."""

import array
import math
import random
import signal
import subprocess
import sys
import time

import pytest

native = pytest.importorskip("bleuberi.rewards._native")

BLEU, ROUGE = 0, 1
INVERSE = pow(0x9E3779B97F4A7C15, -1, 1 << 64)

LONG_ROW = """
import sys
from bleuberi.rewards import RougeL
text = " ".join(str(n % 50_000) for n in range(3_000_000))
print("begun", flush=True)
try:
    RougeL()(responses=[text], references=[[text[::-1]]])
    print("done")
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_one_row_can_be_interrupted():
    """It has 10^13 pairs of tokens: minutes."""
    child = subprocess.Popen([sys.executable, "-c", LONG_ROW], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "begun\n"
        time.sleep(3)
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=60)[0] == "stopped\n"
    finally:
        child.kill()


def hostile_tokens(count):
    """Tokens of 8 bytes that an unseeded multiplicative hash puts into one slot."""
    draw = random.Random(1)
    found = set()
    while len(found) < count:
        x = draw.getrandbits(32)
        value = (x << 32 | x ^ 0x5BD1) * INVERSE % (1 << 64) ^ 8 << 56
        token = value.to_bytes(8, "little")
        if min(token) >= 0x80 and not {0xE1, 0xE2, 0xE3, 0xC2} & set(token):  # letters, no white space
            found.add(token)
    return sorted(found)


def seconds(tokens):
    text = b" ".join(tokens)
    ends, lists = array.array("q", [0, len(text)]), array.array("q", [0, 1])
    best = math.inf
    for _ in range(3):
        begin = time.process_time()
        assert native.score_arrow(BLEU, ends, text, lists, ends, text, 1, 0) == [1.0]
        best = min(best, time.process_time() - begin)
    return best


def test_chosen_tokens_make_no_slow_table():
    tokens = hostile_tokens(16_000)
    growth = math.log(seconds(tokens) / seconds(tokens[:4_000]), 4)
    plain = [b"%08d" % n for n in range(16_000)]
    assert growth < math.log(seconds(plain) / seconds(plain[:4_000]), 4) + 0.5


def test_offsets_at_the_end_of_the_numbers_are_refused():
    ends = array.array("q", [0, 1])
    lists = array.array("q", [2**63 - 1, 2**63 - 1])
    with pytest.raises(ValueError, match="the offsets do not fit their buffers"):
        native.score_arrow(ROUGE, ends, b"a", lists, ends, b"a", 1, 0)
