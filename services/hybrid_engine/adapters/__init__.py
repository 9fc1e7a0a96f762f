"""Where the engine meets gRPC clients and vendors."""
