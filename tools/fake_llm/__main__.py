"""`python -m tools.fake_llm`: the double as a server of its own, until Ctrl-C."""

import asyncio
from typing import Annotated

import typer

from tools.fake_llm.server import FakeLlm
from tools.fake_llm.wording import plausible


def serve(
    port: Annotated[int, typer.Option(help="Loopback port; LM Studio's own is 1234.")] = 1234,
    word_seconds: Annotated[float, typer.Option(help="Seconds that each word takes.")] = 0.02,
) -> None:
    """Serve an OpenAI-compatible double. Its invoice is at /invoice; POST steps to /script to make it misbehave."""
    try:
        asyncio.run(_serve(port, word_seconds))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _serve(port: int, word_seconds: float) -> None:
    double = FakeLlm(responder=plausible, word_seconds=word_seconds)
    await double.start(port)
    print(f"Listening. REPARTEE_LLM_BASE_URL={double.base_url} REPARTEE_LLM_MODEL={double.models[0]}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await double.stop()


if __name__ == "__main__":
    typer.run(serve)
