"""A Twitch chat bot's commands, mapped to what the engine knows: a prompt and an intent. The core knows no channel.

    !ask QUESTION        a question                     intent `ask`
    !chill [WORDS]       small talk                     intent `chill`
    @serda_bot QUESTION  a question, by mention         intent `ask`

`read_command` is all there is to it; the rest sends one line to a running stack and prints the reply:

    python -m examples.channels.twitch_commands luna "!ask c'est quand le prochain stream ?"
"""

import asyncio
import sys
from dataclasses import dataclass

import grpc.aio

from repartee.v1 import engine_pb2, engine_pb2_grpc
from tools.connection import Connection

TENANT = "serda-bot"
BOT = "serda_bot"
_INTENTS = {"!ask": "ask", "!chill": "chill"}
_SMALL_TALK = "Dis bonjour au chat."


@dataclass(frozen=True, slots=True)
class Command:
    """What a line of the chat asks of the bot."""

    intent: str
    prompt: str


def read_command(line: str, *, bot: str = BOT) -> Command | None:
    """Returns the command of a line, whatever its case; None for a line that is not meant for the bot."""
    first, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    intent = _INTENTS.get(first.lower())
    if intent is None and first.lower().rstrip(",:") == f"@{bot}".lower():
        intent = "ask"
    if intent is None or (intent == "ask" and not rest):
        return None
    return Command(intent, rest or _SMALL_TALK)


async def answer(user: str, line: str) -> str:
    """Returns the bot's line for the chat, its mention and length right; empty when the line is not for the bot."""
    command = read_command(line)
    if command is None:
        return ""
    connection = Connection.for_tenant(TENANT)
    async with grpc.aio.insecure_channel(connection.target("hybrid-engine")) as channel:
        request = engine_pb2.GenerateRequest(
            prompt=command.prompt, intent=command.intent, user=user, channel="twitch", conversation_id=f"twitch-{user}"
        )
        metadata = (("authorization", connection.authorization),)
        response = await engine_pb2_grpc.LlmServiceStub(channel).Generate(request, metadata=metadata, timeout=8)
    return response.text


if __name__ == "__main__":
    print(asyncio.run(answer(sys.argv[1], sys.argv[2])))  # noqa: T201  # its output
