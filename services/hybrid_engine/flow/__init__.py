"""Where a conversation stands: a pure fold over its events, shared by both engines."""
