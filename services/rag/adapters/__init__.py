"""What the use cases reach through ports: Qdrant, Cohere, Redis, files and protobuf."""
