"""UsageService: what tenants used, for operators."""

from repartee.v1 import tenants_pb2_grpc


class UsageServicer(tenants_pb2_grpc.UsageServiceServicer):
    """Usage is not served yet."""
