"""The engine: a turn and a state in, an answer and a new state out."""
