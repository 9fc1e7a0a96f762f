"""The chat commands of the channel example."""

import pytest

from examples.channels.twitch_commands import Command, read_command


@pytest.mark.parametrize(
    ("line", "intent", "prompt"),
    [
        ("!ask c'est quand le stream ?", "ask", "c'est quand le stream ?"),
        ("  !ASK  ça va ? ", "ask", "ça va ?"),
        ("@serda_bot c'est quoi les règles ?", "ask", "c'est quoi les règles ?"),
        ("@Serda_Bot, tu dors ?", "ask", "tu dors ?"),
        ("!chill tranquille ?", "chill", "tranquille ?"),
    ],
)
def test_a_command_becomes_an_intent_and_a_prompt(line: str, intent: str, prompt: str) -> None:
    assert read_command(line) == Command(intent, prompt)


def test_small_talk_needs_no_words() -> None:
    command = read_command("!chill")
    assert command is not None
    assert (command.intent, bool(command.prompt)) == ("chill", True)


@pytest.mark.parametrize("line", ["", "!ask", "!ask   ", "@serda_bot", "salut !ask", "!asked quoi", "@serda_bot2 hé"])
def test_other_lines_are_not_for_the_bot(line: str) -> None:
    assert read_command(line) is None
