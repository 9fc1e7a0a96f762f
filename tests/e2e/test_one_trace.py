"""One trace from a caller to the providers, through every process, and nothing of the caller's words in it."""

from pathlib import Path

from benchmarks.operations_tracing import count, play


async def test_a_spoken_turn_is_one_trace_and_tells_nothing_about_the_caller(tmp_path: Path) -> None:
    traced, played = await play(tmp_path)
    counted = count(traced, played)
    assert counted.participants >= {"voice", "router", "cache", "hybrid-engine", "rag"}
    assert counted.participants >= {"provider default", "provider cohere", "provider elevenlabs"}
    assert counted.orphans == []
    assert counted.missing == []
    assert counted.wrong == []
    assert counted.leaks == []
    assert counted.lines > 0
    assert counted.lines_without_trace == []
    kept = {name: reply for name, reply in played.replies.items() if name != "not kept"}
    assert {name: reply.trace_id for name, reply in kept.items()} == {name: played.traces[name] for name in kept}
    # A trace that its caller does not keep still has an id to ask for.
    assert played.replies["not kept"].trace_id == played.traces["not kept"]
    calls = [span for span in traced.collector.of(played.traces["spoken"]) if span.name.startswith("chat ")]
    assert all(span.attributes["gen_ai.response.finish_reasons"] == ["stop"] for span in calls)
    assert all(span.attributes["gen_ai.usage.output_tokens"] > 0 for span in calls)
