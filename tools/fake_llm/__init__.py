"""A double of an OpenAI-compatible server, for tests, benchmarks and demos."""
