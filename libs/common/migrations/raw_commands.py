"""Commands of a migration: several tenants' keys in one exchange, and refusals that say which permission is missing."""

import re
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from libs.common.errors import PreconditionFailed
from libs.common.redis_connections import Argument, Command
from libs.common.redis_store import RedisStore


class RawCommands:
    """Commands on keys that `TenantRedis.key` or `PlatformRedis.key` made, of any number of tenants.

    Every method raises Unavailable, and PreconditionFailed for a refused command (STORE_PERMISSION, STORE_REFUSED).
    """

    def __init__(self, store: RedisStore) -> None:
        self._connections = store.platform.connections

    async def run(self, command: Command) -> Any:
        """Returns a command's reply."""
        (reply,) = await self.run_many([command])
        return reply

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        """Returns the replies to commands that are sent together."""
        if not commands:
            return []
        replies = await self._connections.run_many(commands)
        refusal = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
        if refusal is not None:
            raise refused(refusal)
        return replies


def script_call(source: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Command:
    """Returns the command that runs a script; the server compiles each one once."""
    return ("EVAL", source, len(keys), *keys, *arguments)


def refused(refusal: ResponseError) -> PreconditionFailed:
    """Returns a refused command as an error that says which permission is missing; it quotes no argument."""
    text = str(refusal)
    command = re.search(r"'([\w|]+)' command", text)
    if "permission" in text.lower() or type(refusal).__name__ == "NoPermissionError":
        named = f" {command.group(1).upper()}" if command else ""
        return PreconditionFailed(
            "STORE_PERMISSION",
            f"Redis does not let this user run{named or ' a command'}. A migration needs a user with the permissions "
            "of the services and +scan +dbsize +info +script|load +script|exists +config|get.",
        )
    word = text.split(" ", 1)[0]
    code = word if word.isalpha() and word.isupper() else type(refusal).__name__
    return PreconditionFailed("STORE_REFUSED", f"Redis refused a command of the migration ({code}).")
