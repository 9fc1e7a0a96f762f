"""RPCs that no load test sends, each with the reason."""

from collections.abc import Mapping, Sequence

_CHANGES_WHO_IS_SERVED = "changes who is served by which system"
_DESTROYS = "takes away what a tenant has"
_INDEXES = "works for seconds on a tenant's documents; one at a time is its normal use"
_CHANGES_TENANT = "changes a tenant for everybody"

LEFT_OUT: Mapping[str, Sequence[str]] = {
    _CHANGES_WHO_IS_SERVED: (
        "RolloutService/EnableHybrid",
        "RolloutService/DisableHybrid",
        "RolloutService/ToggleHybrid",
        "RolloutService/SetRollout",
        "RolloutService/AdvanceRollout",
        "EngineAdminService/SetLlmMode",
    ),
    _DESTROYS: (
        "RouterService/DeleteConversation",
        "CacheService/InvalidateAnswers",
        "CacheAdminService/FlushTenant",
        "RagService/DeleteDocuments",
        "RolloutService/ResetMetrics",
        "TenantService/DeleteTenant",
    ),
    _INDEXES: (
        "RagService/UpsertDocuments",
        "RagService/StreamUpsertDocuments",
        "RagService/LearnPatterns",
        "RagAdminService/ImportPatterns",
        "RagAdminService/RollbackPatterns",
    ),
    _CHANGES_TENANT: ("TenantService/PutTenant", "TenantService/SetTemplate", "TenantService/AddReplies"),
    "makes sense only after another call: a lease, a hit, a reply": (
        "CacheService/AbandonAnswer",
        "CacheService/ReportRecheck",
        "RouterService/AmendReply",
        "RouterService/RateReply",
    ),
    "waits for a language model, so that it would measure the model": ("LlmService/Generate",),
    "pays a provider for every phrase": ("VoiceAdminService/PregeneratePhrases",),
    "lasts as long as somebody watches or talks": ("RolloutService/WatchRollout", "VoiceService/Converse"),
    "reads everything there is, for a person who looks into one case": (
        "CacheAdminService/GetGlobalStats",
        "RagAdminService/GetPatternStats",
        "RagAdminService/ExplainRetrieval",
        "RolloutService/GetShadowReport",
    ),
    "lasts as long as somebody watches the health of a service": ("Health/Watch", "Health/List"),
}
"""By reason."""
