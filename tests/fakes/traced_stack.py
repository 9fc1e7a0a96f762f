"""The real processes with every provider doubled, a collector for what they trace and measure, and their log lines."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.cohere_double import CohereDouble, running_cohere_double
from tests.fakes.otlp_receiver import OtlpReceiver, otlp_receiver
from tools.fake_speech import API_KEY, FakeSpeech
from tools.stack import Stack, StackOptions, free_port_base, running_stack


@dataclass(frozen=True, slots=True)
class TracedStack:
    """A running stack. `reranker` and `speech` are the doubles of providers beside `stack.fake_llm`."""

    stack: Stack
    collector: OtlpReceiver
    reranker: CohereDouble
    speech: FakeSpeech

    def log_lines(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Returns every line that a service has written so far, with the service's name; those that are no JSON too."""
        return [
            (child.name, _parsed(line))
            for child in self.stack.children
            for line in child.log.read_text(encoding="utf-8").splitlines()
        ]


@asynccontextmanager
async def traced_stack(state: Path) -> AsyncGenerator[TracedStack]:
    """Runs it within the block: JSON logs, traces and metrics by OTLP.

    After the block the processes have stopped, and `collector` holds all that they had to send.
    """
    async with AsyncExitStack() as stack:
        collector = await stack.enter_async_context(otlp_receiver())
        reranker = await stack.enter_async_context(running_cohere_double())
        speech = await stack.enter_async_context(FakeSpeech())
        environment = {
            "REPARTEE_TRACES": "otlp",
            "REPARTEE_METRICS": "otlp",
            "REPARTEE_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
            "REPARTEE_COHERE_API_KEY": "double-key",
            "REPARTEE_COHERE_BASE_URL": reranker.base_url,
            "REPARTEE_ELEVENLABS_API_KEY": API_KEY,
            "REPARTEE_ELEVENLABS_BASE_URL": speech.base_url,
            # Its probes are nobody's calls.
            "REPARTEE_CACHE_CANARY_SECONDS": "0",
            # The double now and then takes as long as the real one.
            "REPARTEE_ELEVENLABS_FIRST_BYTE_SECONDS": "2",
        }
        options = StackOptions(
            state=state, port_base=free_port_base(), traces=False, fake_llm=True, environment=environment
        )
        yield TracedStack(await stack.enter_async_context(running_stack(options)), collector, reranker, speech)


def _parsed(line: str) -> Mapping[str, Any]:
    try:
        return json.loads(line)
    except ValueError:
        return {"message": line}
