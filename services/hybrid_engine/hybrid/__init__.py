"""The hybrid engine: code decides, a language model only words the reply."""
