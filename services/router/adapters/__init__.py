"""What the router's ports are made of: Redis, memory, and the channels to the cache and the engines."""
