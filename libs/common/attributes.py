"""Every attribute name that a span may carry. None of them ever holds what a customer wrote, said or is called.

Names of `rpc.*`, `gen_ai.*`, `db.*` and `error.*` are those of OpenTelemetry's semantic conventions; `gen_ai.*` are
still in development there. Ids that callers choose may be telephone numbers: those alone are in `CALLERS_IDS`, and are
masked where spans are written.
"""

from typing import Final


class Names:
    """Every attribute name of spans."""

    RPC_SYSTEM: Final = "rpc.system"
    RPC_SERVICE: Final = "rpc.service"
    RPC_METHOD: Final = "rpc.method"
    RPC_STATUS_CODE: Final = "rpc.response.status_code"
    RPC_GRPC_STATUS_CODE: Final = "rpc.grpc.status_code"
    TENANT: Final = "repartee.tenant"
    REQUEST_ID: Final = "repartee.request_id"
    REASON: Final = "repartee.reason"
    # What ended a step that failed: a reason such as STORE_UNAVAILABLE, or an exception's type.
    ERROR_TYPE: Final = "error.type"
    # True where whoever asked has left, which is no error.
    CANCELLED: Final = "repartee.cancelled"

    # A turn of the router.
    VARIANT: Final = "repartee.variant"
    SERVED_BY: Final = "repartee.served_by"
    RUNG: Final = "repartee.rung"
    CACHE: Final = "repartee.cache"
    STORED: Final = "repartee.stored"
    REPLAYED: Final = "repartee.replayed"

    # An exchange with a store.
    DB_SYSTEM: Final = "db.system.name"
    DB_OPERATION: Final = "db.operation.name"
    DB_SCRIPT: Final = "db.stored_procedure.name"
    DB_BATCH_SIZE: Final = "db.operation.batch.size"

    # A call of a model: of words, vectors, an order of passages, or speech.
    GEN_AI_OPERATION: Final = "gen_ai.operation.name"
    GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
    GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
    GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
    GEN_AI_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
    GEN_AI_TEMPERATURE: Final = "gen_ai.request.temperature"
    GEN_AI_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
    GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
    GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
    ATTEMPT: Final = "repartee.attempt"
    FIRST_PIECE_MS: Final = "repartee.first_piece_ms"
    ITEMS: Final = "repartee.items"
    CHARACTERS: Final = "repartee.characters"
    INTERRUPTED: Final = "repartee.interrupted"


CALLERS_IDS: Final = frozenset({Names.REQUEST_ID})
