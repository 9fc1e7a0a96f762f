"""Facts: what a text says that must not change, such as money, quantities, phone numbers, dates and places."""

from libs.common.facts.extraction import MAX_TEXT_CHARACTERS, extract_facts
from libs.common.facts.fact import Fact
from libs.common.facts.places import Places

__all__ = ["MAX_TEXT_CHARACTERS", "Fact", "Places", "extract_facts"]
