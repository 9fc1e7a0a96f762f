"""The classic engine: a language model does everything but keep the state."""
