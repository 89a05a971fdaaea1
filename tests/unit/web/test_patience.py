"""A pause that a server asks for is logged once for all requests that are told of it."""

from bleuberi.web import patience


def test_a_pause_of_more_than_a_few_seconds_is_said_once(monkeypatch, caplog):
    now = 100.0
    monkeypatch.setattr(patience.time, "monotonic", lambda: now)
    gate = patience.Gate()
    for seconds in (0.5, 3.0):  # too short for a word
        gate.pause(seconds, "slow down")
    assert caplog.messages == []
    for now in (100.0, 100.1, 100.4, 102.9):  # noqa: B007 - the clock; four requests, one after the other
        gate.pause(3.2, "slow down")
    assert caplog.messages == ["Waiting 3 s before the next request: slow down"]
    now = 110.0  # the first pause is over
    gate.pause(7.0, "slow down")
    assert caplog.messages[1:] == ["Waiting 7 s before the next request: slow down"]
