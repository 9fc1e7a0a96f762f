"""Texts and turns as metrics, as their listeners heard them: when audio began, its longest silence, how it ended."""

from libs.common.measures import Measures
from libs.common.metrics import Meter, served_span
from services.voice.speech_stream import Finished


class StreamMetrics:
    """Counts what was heard."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def heard(self, finished: Finished) -> None:
        """Counts one text or turn."""
        outcome = "interrupted" if finished.interrupted else "complete" if finished.complete else "incomplete"
        self._meter.counter(Measures.VOICE_STREAMS, outcome).add()
        if finished.first_source:
            first, span = self._meter.histogram(Measures.FIRST_AUDIO, finished.first_source), served_span()
            first.observe(finished.first_audio_ms / 1_000, span)
            self._meter.histogram(Measures.GAP).observe(finished.largest_gap_ms / 1_000, span)
