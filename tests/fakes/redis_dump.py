"""Everything in a Redis, byte for byte: what proves that nothing was written."""

from typing import Any

from redis import Redis

DATABASES = range(6)
_KEYS_AT_ONCE = 1000


def dump(url: str) -> dict[tuple[int, bytes], Any]:
    """Returns each key of the first databases with its serialized value, and whether it ends some day."""
    found: dict[tuple[int, bytes], Any] = {}
    for number in DATABASES:
        with Redis.from_url(url, db=number) as client:
            keys = list(client.scan_iter(count=_KEYS_AT_ONCE))
            for first in range(0, len(keys), _KEYS_AT_ONCE):
                piece, asked = keys[first : first + _KEYS_AT_ONCE], client.pipeline(transaction=False)
                for key in piece:
                    asked.dump(key).pttl(key)
                replies = asked.execute()
                for key, value, left_ms in zip(piece, replies[::2], replies[1::2], strict=True):
                    found[number, key] = (value, left_ms > 0)
    return found
