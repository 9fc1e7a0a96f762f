"""What of a growing text may be sent at once: one way for each mid-stream policy."""

import re
from typing import Protocol

from services.hybrid_engine.llm.chat import ChatPrompt, MidStream
from services.hybrid_engine.llm.sentences import first_sentence, is_closed, whole_sentences

_CONTINUE = {
    "fr": "Ta réponse a été coupée. Écris seulement la suite, sans rien répéter de ce qui précède.",
    "en": "Your reply was cut off. Write only what comes after it, and repeat nothing of it.",
}
_CLOSING = {
    "fr": "Désolé, je n'ai pas pu finir ma réponse.",
    "en": "Sorry, I could not finish my reply.",
}


class Release(Protocol):
    """Holds back text until it may be sent."""

    def add(self, text: str) -> str:
        """Takes a piece and returns what may be sent now, perhaps nothing."""
        ...

    def rest(self) -> str:
        """Returns what was held back, once the text has ended well."""
        ...


class HoldAll:
    """Sends nothing before the end."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def add(self, text: str) -> str:
        """Holds everything."""
        self._held.append(text)
        return ""

    def rest(self) -> str:
        """Everything."""
        return "".join(self._held)


class HoldFirstSentence:
    """Sends nothing before the first sentence is whole, then everything at once."""

    def __init__(self) -> None:
        self._held = ""
        self._is_open = False

    def add(self, text: str) -> str:
        """Holds the first sentence until its end."""
        if self._is_open:
            return text
        self._held += text
        if not first_sentence(self._held):
            return ""
        self._is_open = True
        held, self._held = self._held, ""
        return held

    def rest(self) -> str:
        """A text of one sentence."""
        return self._held


class HoldNothing:
    """Sends every piece as it comes."""

    def add(self, text: str) -> str:
        """Holds nothing."""
        return text

    def rest(self) -> str:
        """Nothing is left."""
        return ""


class WholeSentences:
    """Sends whole sentences. Those of `said`, with which a model may begin its continuation again, are left out."""

    def __init__(self, said: str = "") -> None:
        self._held = ""
        self._said = {_folded(sentence) for sentence in _split(said)}
        self._repeats = bool(said)
        self._lacks_space = bool(said) and not said[-1].isspace()

    def add(self, text: str) -> str:
        """Holds the last sentence until its end."""
        self._held += text
        end = whole_sentences(self._held)
        whole, self._held = self._held[:end], self._held[end:]
        return self._new(whole)

    def rest(self) -> str:
        """The last sentence."""
        last, self._held = self._held, ""
        return self._new(last)

    def _new(self, text: str) -> str:
        kept = ""
        for sentence in _split(text):
            if self._repeats and _folded(sentence) in self._said:
                continue
            self._repeats = False
            kept += sentence
        if kept and self._lacks_space:
            self._lacks_space = False
            kept = f" {kept.lstrip()}"
        return kept


def release_of(policy: MidStream, said: str = "") -> Release:
    """Returns the way in which `policy` sends text; `said` is what a dead tier said before."""
    if policy is MidStream.CONTINUE_SENTENCE:
        return WholeSentences(said)
    return {MidStream.HOLD_BACK: HoldAll, MidStream.RESTART: HoldFirstSentence, MidStream.FAIL: HoldNothing}[policy]()


def continuation(prompt: ChatPrompt, said: str, *, language: str, continues: bool) -> ChatPrompt:
    """Returns the prompt for what comes after `said`; `continues` for tiers that go on from their own words."""
    history = (*prompt.history, ("user", prompt.user), ("assistant", said.rstrip()))
    ask = "" if continues else _CONTINUE["en" if language.startswith("en") else "fr"]
    return ChatPrompt(prompt.system, ask, history, prompt.max_output_tokens)


def closing_phrase(said: str, language: str) -> str:
    """Returns what to append to `said` so that it ends honestly, though it was cut."""
    phrase = _CLOSING["en" if language.startswith("en") else "fr"]
    if is_closed(said):
        return f" {phrase}" if not said[-1].isspace() else phrase
    return f"… {phrase}"


def _split(text: str) -> list[str]:
    sentences: list[str] = []
    while text:
        end = first_sentence(text) or len(text)
        sentences.append(text[:end])
        text = text[end:]
    return sentences


def _folded(sentence: str) -> str:
    return re.sub(r"\s+", " ", sentence).strip().casefold()
