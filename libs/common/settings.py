"""Settings every process shares, read from `REPARTEE_…` environment variables."""

import os
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_PREFIX = "REPARTEE_"


class ServiceSettings(BaseSettings):
    """What every service can be told; each service adds its own fields. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    health_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Second port, in plaintext, for health checks only: probes speak no TLS. 0 is none.",
    )
    insecure_listen: bool = Field(
        False,
        description="Allow listening beyond loopback without TLS, as inside a cluster with an encrypting network.",
    )
    tls_cert_file: Path | None = Field(None, description="PEM certificate chain of this server.")
    tls_key_file: Path | None = Field(None, description="PEM private key of this server.")
    tls_ca_file: Path | None = Field(None, description="PEM roots; when set, callers must present a certificate.")
    upstream_ca_file: Path | None = Field(
        None,
        description="PEM roots by which the services this one calls are known; plaintext without it. "
        "This server's own certificate is shown to them.",
    )
    credentials_file: Path | None = Field(
        None, description="YAML file of issued credentials; without it only development credentials on loopback."
    )
    redis_url: SecretStr | None = Field(None, description="Redis or Valkey to keep things in; memory when empty.")
    redis_seconds: float = Field(
        0.06, gt=0, le=5, description="Longest wait for one exchange with Redis; a turn then goes on without it."
    )
    redis_prefix: str = Field("", description="Put before every key, where several systems share one Redis.")
    state_dir: Path | None = Field(None, description="Folder for what the embedded defaults keep.")
    traces: str = Field("none", description="Where spans go: `none`, `console`, `file:PATH` or `otlp`.")
    trace_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the traces that begin here and are kept; a caller's trace is kept as the caller decided.",
    )
    metrics: str = Field(
        "none", description="Where metrics go: `none`, `prometheus:PORT` for a scraped endpoint, or `otlp`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe log level shown.")
    log_format: Literal["human", "json"] = Field("human", description="Form of a log line.")
    drain_seconds: float = Field(
        3.0, ge=0, le=300, description="How long health says NOT_SERVING before the server stops taking calls."
    )
    stop_grace_seconds: float = Field(
        10.0, ge=0, le=3600, description="How long calls in flight may go on once the server stops taking new ones."
    )
    max_connection_age_seconds: float = Field(
        60.0,
        ge=1,
        le=86_400,
        description="How long a connection takes new calls at most: callers that open another find new replicas. "
        "What has begun on it goes on.",
    )
    max_concurrent_calls: int = Field(
        256, ge=1, description="Calls in flight above which new ones are refused with OVERLOADED."
    )

    @field_validator("traces")
    @classmethod
    def _traces_is_known(cls, traces: str) -> str:
        if traces in {"none", "console", "otlp"} or (traces.startswith("file:") and len(traces) > len("file:")):
            return traces
        raise ValueError("expected `none`, `console`, `file:PATH` or `otlp`")

    @field_validator("metrics")
    @classmethod
    def _metrics_is_known(cls, metrics: str) -> str:
        kind, _, port = metrics.partition(":")
        is_port = port.isascii() and port.isdigit() and int(port) <= 65535
        if metrics in {"none", "otlp"} or (kind == "prometheus" and is_port):
            return metrics
        raise ValueError("expected `none`, `otlp` or `prometheus:PORT`")


_S = TypeVar("_S", bound=BaseSettings)


def load_settings(cls: type[_S], **given: Any) -> _S:
    """Returns settings from the environment, and secrets from files where REPARTEE_SECRETS_DIR names their folder.

    A file is named like its variable, such as `repartee_redis_url`; the environment wins over it, and what is `given`
    by field's name over both.
    When they are not right, says so on stderr in one sentence per variable and exits with status 2; values are not
    shown, because some are secrets.
    """
    try:
        return cls(_secrets_dir=os.environ.get("REPARTEE_SECRETS_DIR"), **given)
    except ValidationError as error:
        prefix = cls.model_config.get("env_prefix", "")
        for problem in error.errors(include_input=False, include_url=False):
            variable = prefix + "_".join(str(part) for part in problem["loc"]).upper()
            state = "is not right" if variable in os.environ else "is missing or not right"
            sys.stderr.write(f"{variable} {state}: {problem['msg']}.\n")
        raise SystemExit(2) from None
