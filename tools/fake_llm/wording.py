"""Replies that could come from a small model: what it is given, said a little differently."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_SWAPS = (
    ("Envoyez-nous ", "Merci de nous envoyer "),
    ("Envoyez-moi ", "Merci de m'envoyer "),
    ("Envoyez ", "Merci d'envoyer "),
    ("Indiquez ", "Merci d'indiquer "),
    ("Donnez ", "Merci de donner "),
    ("Send ", "Please send "),
)
_STEP = re.compile(r"^\d+\. (\S+) \([^)]*\) : (.*)$", re.MULTILINE)
_ASKED = re.compile(r"À demander maintenant : (\S+)")
_UNKNOWN = re.compile(r"Si la réponse n'est pas connue, dis : « (.*) » Réponds")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_NOT_FOUND = "Je ne trouve pas la réponse dans les passages."
_TALKATIVE_SENTENCES = 4
_PASSAGES = re.compile(r"Passages des documents[^\n]*\n(.*?)(?:\n\n|\Z)", re.DOTALL)


def plausible(request: Mapping[str, Any]) -> str:
    """Returns a reply to a chat request as the engines make them: never a fact that the prompt does not hold."""
    messages: Sequence[Mapping[str, Any]] = request["messages"]
    system = "\n".join(str(message["content"]) for message in messages if message["role"] == "system")
    user = str(messages[-1]["content"])
    if "JSON" in system:
        return _choice(system, user)
    if " passages" in system and "\n\n" in user:
        context, _, question = user.rpartition("\n\n")
        return _best_line(context, question) or _NOT_FOUND
    if asked := _ASKED.search(system):
        return _classic(system, asked.group(1), user)
    for begin, replacement in _SWAPS:
        if begin in user:
            return user.replace(begin, replacement, 1)
    return user


def talkative(request: Mapping[str, Any]) -> str:
    """Returns a reply as `plausible` does, but with several sentences where it answers from passages."""
    user = str(request["messages"][-1]["content"])
    context, _, question = user.rpartition("\n\n")
    system = "\n".join(str(message["content"]) for message in request["messages"] if message["role"] == "system")
    if "JSON" in system or " passages" not in system or not context:
        return plausible(request)
    best = sorted(_sentences(context), key=lambda line: _shared(line, question), reverse=True)
    return " ".join(best[:_TALKATIVE_SENTENCES]) or _NOT_FOUND


def _classic(system: str, slot: str, user: str) -> str:
    step = dict(_STEP.findall(system)).get(slot, "")
    if "?" not in user:
        return step or "D'accord, c'est noté."
    passages, unknown = _PASSAGES.search(system), _UNKNOWN.search(system)
    found = _best_line(passages.group(1), user) if passages else ""
    answer = found or (unknown.group(1) if unknown else "Je ne sais pas.")
    return f"{answer}\n\n{step}" if step else answer


def _choice(system: str, question: str) -> str:
    lines = [line for line in system.splitlines() if ":" in line and not line.startswith("Choose")]
    best = max(lines, key=lambda line: _shared(line, question), default="")
    agent = best.lstrip("- ").partition(":")[0].strip() if _shared(best, question) else "none"
    reasoning = "Le domaine correspond." if best else "Aucun domaine ne correspond."
    return json.dumps({"agent": agent, "confidence": 0.9, "reasoning": reasoning}, ensure_ascii=False)


def _best_line(context: str, question: str) -> str:
    best = max(_sentences(context), key=lambda line: _shared(line, question), default="")
    return best if _shared(best, question) else ""


def _sentences(context: str) -> list[str]:
    # Headings, and the brackets around a passage, are no sentences.
    said = [line for line in context.splitlines() if not line.lstrip().startswith(("#", "⟦"))]
    sentences = [part for line in said for part in _SENTENCE_END.split(line) if not part.endswith("?")]
    lines = [sentence.strip().lstrip("-* ").strip() for sentence in sentences]
    return [line for line in lines if line]


def _shared(line: str, question: str) -> int:
    return len(_words(line) & _words(question))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2 or word.isdigit()}
