"""What every call passes through, on its way in and on its way out.

The pieces are plain functions, composed into one wrapper per RPC when a server starts or a channel opens, because a
chain of gRPC interceptors costs a lookup, and on the client several tasks, for every call.
"""
