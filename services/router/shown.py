"""What the customer of a streamed turn sees so far: text that grows, and a reset wherever it is replaced."""

from typing import Protocol


class Sink(Protocol):
    """Takes the events of a streamed turn. Neither method waits, so that a slow reader never slows a turn."""

    def delta(self, text: str) -> None:
        """Adds `text` to what is shown."""
        ...

    def reset(self, reason: str) -> None:
        """Takes back everything that is shown; `reason` is an UPPER_SNAKE word."""
        ...


class Shown:
    """A sink before another one, which remembers what is on show and never resets an empty screen."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.text = ""

    def delta(self, text: str) -> None:
        """Adds `text`; an empty piece is not handed on."""
        if text:
            self.text += text
            self._sink.delta(text)

    def reset(self, reason: str) -> None:
        """Takes back what is shown, if anything is."""
        if self.text:
            self.text = ""
            self._sink.reset(reason)

    def settle(self, text: str, *, reason: str) -> None:
        """Makes `text` what is shown: adds what is missing, or resets with `reason` where another text stands."""
        if not text.startswith(self.text):
            self.reset(reason)
        self.delta(text[len(self.text) :])
