"""The `repartee` command and what it is made of."""

import os

# gRPC's core logs each connection that closes; people who type commands did not ask. Must be set before grpc loads.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
