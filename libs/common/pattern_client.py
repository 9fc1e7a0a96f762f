"""Learned patterns for programs: `learn_patterns_for_company` and `get_patterns_for_company`.

    learn_patterns_for_company("rue-du-gros")
    get_patterns_for_company("rue-du-gros")["patterns"]

The company is the tenant that the token belongs to. Each function raises RemoteError, with the reason that the service
named.
"""

import os
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict

from libs.common.channel import ClientTls
from libs.common.client import Metadata, call_blocking, open_blocking
from repartee.v1 import rag_pb2, rag_pb2_grpc

DEFAULT_TARGET = "127.0.0.1:50053"
# Indexing and learning take seconds.
LEARN_SECONDS = 120.0


def get_patterns_for_company(
    company_id: str,
    *,
    version: int = 0,
    target: str | None = None,
    token: str | None = None,
    tls: ClientTls | None = None,
) -> dict[str, Any]:
    """Returns `patterns`, the company's own over the generic ones, and their `version`; an earlier one when given.

    `target` is the rag service's `host:port`, else REPARTEE_RAG_TARGET, else 127.0.0.1:50053; `token` the company's,
    else REPARTEE_TOKEN, else the one that a development stack takes.
    """
    with _open(target, tls) as channel:
        request = rag_pb2.GetPatternsRequest(tenant_id=company_id, version=version)
        return _dict(
            call_blocking(rag_pb2_grpc.RagServiceStub(channel).GetPatterns, request, _metadata(company_id, token))
        )


def learn_patterns_for_company(
    company_id: str,
    documents: Sequence[rag_pb2.Document] = (),
    *,
    target: str | None = None,
    token: str | None = None,
    tls: ClientTls | None = None,
) -> dict[str, Any]:
    """Indexes `documents`, when there are any, learns from all that the company has, and returns what was learned.

    Arguments as for `get_patterns_for_company`; the result has `patterns`, `version`, `documents` and `country`.
    """
    metadata = _metadata(company_id, token)
    with _open(target, tls) as channel:
        stub = rag_pb2_grpc.RagServiceStub(channel)
        if documents:
            request = rag_pb2.UpsertDocumentsRequest(tenant_id=company_id, documents=documents)
            call_blocking(stub.UpsertDocuments, request, metadata, timeout_seconds=LEARN_SECONDS)
        learned = call_blocking(
            stub.LearnPatterns,
            rag_pb2.LearnPatternsRequest(tenant_id=company_id),
            metadata,
            timeout_seconds=LEARN_SECONDS,
        )
    return _dict(learned)


def _open(target: str | None, tls: ClientTls | None) -> grpc.Channel:
    return open_blocking(target or os.environ.get("REPARTEE_RAG_TARGET") or DEFAULT_TARGET, tls)


def _metadata(company_id: str, token: str | None) -> Metadata:
    return (("authorization", f"Bearer {token or os.environ.get('REPARTEE_TOKEN') or f'dev:{company_id}'}"),)


def _dict(response: Any) -> dict[str, Any]:
    return MessageToDict(response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
