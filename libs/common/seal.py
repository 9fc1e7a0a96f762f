"""Seals: a stored value carries a digest of its tenant and key, so a reply that belongs elsewhere is never used.

A seal finds mix-ups (crossed replies, values copied to another key, truncated writes). It is no signature: whoever may
write to the store can seal.
"""

from hashlib import blake2b

from libs.common.request_context import TenantId

_MARK = b"\x01RS"
_DIGEST_BYTES = 16
SEAL_BYTES = len(_MARK) + _DIGEST_BYTES


def seal(tenant: TenantId, key: str, payload: bytes) -> bytes:
    """Returns `payload` behind a header of 19 bytes that ties it to `tenant` and `key`; about 2 µs for 1 kB."""
    return _MARK + _digest(tenant, key, payload) + payload


def unseal(tenant: TenantId, key: str, sealed: bytes) -> bytes | None:
    """Returns the payload, or None unless `sealed` was made for exactly this tenant and key and is whole."""
    payload = sealed[SEAL_BYTES:]
    if sealed[: len(_MARK)] != _MARK or sealed[len(_MARK) : SEAL_BYTES] != _digest(tenant, key, payload):
        return None
    return payload


def _digest(tenant: TenantId, key: str, payload: bytes) -> bytes:
    # Lengths first: without them ("ab", "c") and ("a", "bc") would seal alike.
    name = key.encode()
    owner = tenant.encode()
    digest = blake2b(b"%d.%d." % (len(owner), len(name)), digest_size=_DIGEST_BYTES)
    digest.update(owner)
    digest.update(name)
    digest.update(payload)
    return digest.digest()
