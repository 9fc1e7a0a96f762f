"""Tiers of language models and what may go wrong with them."""
