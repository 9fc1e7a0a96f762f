"""Tenants as they are kept, as protobuf: the bundle, and what was set beside it."""

from google.protobuf.timestamp_pb2 import Timestamp

from libs.common.errors import InvalidRequest
from libs.common.tenants.overrides import Overrides, Stamp, replies_place, template_place
from libs.common.tenants.stored import StoredTenant
from libs.common.tenants.validation import parse_bundle
from repartee.v1 import tenants_pb2


def tenant_message(stored: StoredTenant, *, with_bundle: bool = False) -> tenants_pb2.Tenant:
    """Returns a tenant, without its bundle unless that is asked for."""
    moment = Timestamp()
    moment.FromDatetime(stored.update_time)
    return tenants_pb2.Tenant(
        tenant_id=stored.tenant,
        display_name=_display_name(stored),
        version=stored.version,
        update_time=moment,
        actor=stored.actor,
        bundle_yaml=stored.bundle_yaml if with_bundle else "",
    )


def template_messages(overrides: Overrides) -> list[tenants_pb2.TemplateOverride]:
    """Returns the templates that were set, by language (the tenant's own first) and action."""
    return [
        tenants_pb2.TemplateOverride(
            action=action,
            locale=language,
            text=text,
            change=_change(overrides.stamps.get(template_place(language, action))),
        )
        for language, texts in sorted(overrides.templates.items())
        for action, text in sorted(texts.items())
    ]


def replies_messages(overrides: Overrides) -> list[tenants_pb2.RepliesOverride]:
    """Returns the replies that were added, by intent."""
    return [
        tenants_pb2.RepliesOverride(
            intent=intent,
            replaces=added.mode == "replace",
            replies=added.replies,
            change=_change(overrides.stamps.get(replies_place(intent))),
        )
        for intent, added in sorted(overrides.replies.items())
    ]


def _change(stamp: Stamp | None) -> tenants_pb2.OverrideChange | None:
    if stamp is None:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(round(stamp.at * 1000))
    return tenants_pb2.OverrideChange(actor=stamp.actor, time=moment, version=stamp.version, reason=stamp.reason)


def _display_name(stored: StoredTenant) -> str:
    if stored.name or not stored.bundle_yaml:
        return stored.name
    try:
        return parse_bundle(stored.bundle_yaml).name
    except InvalidRequest:
        # Stored by a version with other rules; an operator must still be able to list and replace it.
        return ""
