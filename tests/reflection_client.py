"""What the recipes need of grpcurl, for machines that have none: calls, `list` and `describe` by server reflection."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from libs.common.status import DETAILS_KEY

assert error_details_pb2  # registers the details that an error is printed with


def main() -> int:
    """Does what the arguments say; returns grpcurl's exit code: 64 and the status's number for a failed call."""
    parser = argparse.ArgumentParser(prog="grpcurl", allow_abbrev=False)
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d", default="")
    parser.add_argument("-max-time", type=float)
    parser.add_argument("address")
    parser.add_argument("verb")
    parser.add_argument("symbol", nargs="?", default="")
    arguments = parser.parse_args()
    with grpc.insecure_channel(arguments.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        if arguments.verb == "list":
            _say(*sorted(database.get_services()))
            return 0
        pool = descriptor_pool.DescriptorPool(database)
        if arguments.verb == "describe":
            _say(*_described(pool, arguments.symbol))
            return 0
        service, _, name = arguments.verb.rpartition("/")
        method = pool.FindServiceByName(service).FindMethodByName(name)
        text = sys.stdin.read() if arguments.d == "@" else arguments.d
        try:
            for response in _call(channel, method, text, arguments):
                _say(json_format.MessageToJson(response, preserving_proto_field_name=True, ensure_ascii=False))
        except grpc.RpcError as failure:
            return _print_error(failure)
    return 0


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


def _call(channel: grpc.Channel, method: MethodDescriptor, text: str, arguments: argparse.Namespace) -> Iterator[Any]:
    request_class, response_class = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    decoder, requests, rest = json.JSONDecoder(), list[Any](), text.strip() or ("" if method.client_streaming else "{}")
    while rest:
        document, end = decoder.raw_decode(rest)
        requests.append(json_format.ParseDict(document, request_class()))
        rest = rest[end:].lstrip()
    path = f"/{method.containing_service.full_name}/{method.name}"
    metadata = [(key.strip().lower(), value.strip()) for key, _, value in (each.partition(":") for each in arguments.H)]
    kinds = {True: "stream", False: "unary"}
    open_method = getattr(channel, f"{kinds[method.client_streaming]}_{kinds[method.server_streaming]}")
    call = open_method(path, request_class.SerializeToString, response_class.FromString)
    answer = call(
        iter(requests) if method.client_streaming else requests[0], metadata=metadata, timeout=arguments.max_time
    )
    yield from answer if method.server_streaming else [answer]


def _described(pool: descriptor_pool.DescriptorPool, symbol: str) -> Iterator[str]:
    try:
        service = pool.FindServiceByName(symbol)
    except KeyError:
        message = pool.FindMessageTypeByName(symbol)
        yield f"{symbol} is a message:"
        for field in message.fields:
            kind = field.message_type or field.enum_type
            name = f".{kind.full_name}" if kind else json_type(field.type)
            yield f"  {'repeated ' if field.is_repeated else ''}{name} {field.name} = {field.number};"
        return
    yield f"{symbol} is a service:"
    for method in service.methods:
        ends = [
            f"{'stream ' if streams else ''}.{of.full_name}"
            for streams, of in (
                (method.client_streaming, method.input_type),
                (method.server_streaming, method.output_type),
            )
        ]
        yield f"  rpc {method.name} ( {ends[0]} ) returns ( {ends[1]} )"


def json_type(number: int) -> str:
    """Returns the proto name of a scalar type."""
    return {1: "double", 2: "float", 5: "int32", 8: "bool", 9: "string", 12: "bytes", 13: "uint32"}[number]


def _print_error(failure: Any) -> int:
    code: grpc.StatusCode = failure.code()
    name = code.name.title().replace("_", "")
    lines = ["ERROR:", f"  Code: {name}", f"  Message: {failure.details()}"]
    for key, value in failure.trailing_metadata() or ():
        if key == DETAILS_KEY:
            details = status_pb2.Status.FromString(value).details
            lines += ["  Details:"]
            lines += [
                f"  {number})\t{json_format.MessageToJson(each, preserving_proto_field_name=True)}"
                for number, each in enumerate(details, 1)
            ]
    sys.stderr.write("\n".join(lines) + "\n")
    return 64 + code.value[0]


if __name__ == "__main__":
    sys.exit(main())
