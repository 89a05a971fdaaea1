"""A model's server for the oracle's cases: it answers from the request alone, so the same question has one answer."""

import contextlib
import os
import signal

from tests.unit.generation.chat_server import ChatServer


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


class Server(ChatServer):
    """Ends with the process that started it."""

    def service_actions(self):
        if os.getppid() == 1:
            os._exit(0)


@contextlib.contextmanager
def serving():
    """A server in a process of its own, so that commands can be forked beside it; gives its address."""
    server = Server(misbehave=trouble, speak=speak)
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
