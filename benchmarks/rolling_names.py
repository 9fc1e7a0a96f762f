"""Names of services as a cluster's headless Services give them: A records of the replicas that are ready, on loopback.

gRPC asks it by `dns://127.0.0.1:PORT/NAME:SERVICE_PORT`.
"""

import asyncio
import socket
import struct

_HEADER_BYTES = 12
_A_RECORD, _INTERNET = 1, 1
# A name that was said before, by its place: the first thing after the header.
_NAME_OF_QUESTION = 0xC000 | _HEADER_BYTES
_TTL_SECONDS = 1
# An answer that is authoritative; and one for a name that does not exist.
_FOUND, _UNKNOWN = 0x8580, 0x8583


class Names(asyncio.DatagramProtocol):
    """Answers from `addresses`, which may change while it runs; start it with `listen`."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def listen(self) -> None:
        """Listens on a free port of loopback."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Stops answering."""
        if self._transport is not None:
            self._transport.close()

    def target(self, name: str, port: int) -> str:
        """Returns how gRPC is told to reach `port` of every replica behind `name`."""
        return f"dns://127.0.0.1:{self.port}/{name}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers one question; what is no question gets no answer."""
        if self._transport is not None and len(data) > _HEADER_BYTES:
            self._transport.sendto(self._answer(data), addr)

    def _answer(self, query: bytes) -> bytes:
        labels, at = list[str](), _HEADER_BYTES
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
            at += 1 + length
        question = query[_HEADER_BYTES : at + 5]
        (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
        known = self.addresses.get(".".join(labels))
        found = known if known and kind == _A_RECORD else []
        records = [
            struct.pack("!HHHIH", _NAME_OF_QUESTION, _A_RECORD, _INTERNET, _TTL_SECONDS, 4) + socket.inet_aton(each)
            for each in found
        ]
        flags = _UNKNOWN if known is None else _FOUND
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)
