"""Load tests of a stack: every RPC against the floor of the same run, streams, overload, neighbours, a crowd."""
