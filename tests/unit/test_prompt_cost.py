"""The hybrid asks a model for a tenth of what the classic engine does, on conversations that never change."""

from benchmarks.fixed_conversations import CONVERSATIONS
from benchmarks.prompt_cost import measure


async def test_a_tenth_of_the_prompt_and_two_fifths_of_the_price() -> None:
    assert len(CONVERSATIONS) >= 8
    assert sum(len(conversation.messages) for conversation in CONVERSATIONS) >= 40
    assert [str(figure) for figure in await measure() if not figure.met] == []
