"""A model's server for the oracle's cases: it answers from the request alone, so the same question has one answer."""

import contextlib
import errno
import os
import signal
import time

from tests.unit.generation.chat_server import ChatServer

WAIT_SECONDS = 300


def speak(body):
    """Longer answers win where a judge is asked; otherwise the prompt comes back in small letters."""
    text = body["messages"][-1]["content"]
    if "<<< answer A" in text:
        first, second = (
            text.split(f"<<< answer {letter}\n")[1].split(f"\n>>> end of answer {letter}")[0] for letter in "AB"
        )
        verdict = "TIE" if len(first) == len(second) else "A" if len(first) > len(second) else "B"
        return f"The longer one is better.\nVERDICT: {verdict}"
    return "I cannot help with that." if "letter" in text else text.lower()


def trouble(prompt, attempt):
    """Some answers are cut, one is refused, and one takes two attempts."""
    if "fruits" in prompt:
        return {"finish_reason": "length"}
    if "spider" in prompt:
        return {"finish_reason": "content_filter"}
    return (500, "busy") if "bees" in prompt and attempt == 0 else None


FIXED = ("127.42.17.9", 8642)
"""Address of the server whose answers are in `artifacts/`: caches are named by it. On Linux 127/8 is this host."""


class Server(ChatServer):
    """Ends with the process that started it."""

    address = ("127.0.0.1", 0)

    def server_bind(self):
        self.server_address = self.address
        super().server_bind()

    @property
    def url(self):
        return "http://{}:{}/v1".format(*self.server_address)

    def service_actions(self):
        if os.getppid() == 1:
            os._exit(0)


@contextlib.contextmanager
def serving(address=("127.0.0.1", 0), misbehave=trouble):
    """A server in a process of its own, so that commands can be forked beside it; gives its address.

    Waits where another run of the oracle has a fixed address.
    """
    Server.address = address
    server = _bound(misbehave, time.monotonic() + WAIT_SECONDS)
    child = os.fork()
    if child == 0:
        try:
            server.serve_forever()
        finally:
            os._exit(0)
    url = server.url
    server.server_close()
    try:
        yield url
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _bound(misbehave, until):
    while True:
        try:
            return Server(misbehave=misbehave, speak=speak)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise
            time.sleep(0.5)
