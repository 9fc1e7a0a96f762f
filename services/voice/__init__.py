"""Text to audio, streamed, without a silence."""
