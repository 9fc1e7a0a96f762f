"""Single changes of a tenant that are kept beside its bundle: templates and canned replies, set while it runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.tenants.bundle import TenantBundle, template_variables, variables_of
from libs.common.tenants.part import Identifier, Part

MAX_TEMPLATE_CHARACTERS = 500
MIN_REPLY_CHARACTERS, MAX_REPLY_CHARACTERS = 6, 499
# Longer ones are accepted and warned about.
LONG_REPLY_CHARACTERS = 200
MAX_REPLIES = 100
MAX_OVERRIDES_BYTES = 256 * 1024

_identifiers = TypeAdapter(Identifier)


class AddedReplies(Part):
    """What is said for one intent: after the bundle's own replies, or in their place."""

    mode: Literal["append", "replace"]
    replies: tuple[str, ...]


class Stamp(Part):
    """Who set something at `at` seconds since 1970, why, and the tenant's version that it made."""

    actor: str
    at: float
    version: int
    reason: str


class _Document(Part):
    # Language, empty for the tenant's own, then action.
    templates: dict[str, dict[str, str]] = Field(default_factory=dict)
    replies: dict[str, AddedReplies] = Field(default_factory=dict)
    stamps: dict[str, Stamp] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What was set apart from the bundle: templates by language (empty: the tenant's own) and action, and replies.

    `stamps` say who set each, by `template_place` or `replies_place`; what an earlier version kept has none.
    """

    templates: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    replies: Mapping[str, AddedReplies] = field(default_factory=dict[str, AddedReplies])
    stamps: Mapping[str, Stamp] = field(default_factory=dict[str, Stamp])

    @classmethod
    def from_json(cls, text: str) -> "Overrides":
        """Returns what `to_json` wrote; nothing for an empty text. Raises ValueError for anything else."""
        if not text:
            return cls()
        try:
            document = _Document.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(f"overrides of another shape ({error.error_count()} problems)") from None
        return cls(document.templates, document.replies, document.stamps)

    def to_json(self) -> str:
        """Returns JSON, the same for the same overrides; empty for none."""
        if not self.templates and not self.replies:
            return ""
        document = _Document(
            templates={language: dict(texts) for language, texts in self.templates.items()},
            replies=dict(self.replies),
            stamps=dict(self.stamps),
        )
        return json.dumps(document.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)

    def with_template(self, bundle: TenantBundle, *, action: str, text: str, locale: str = "") -> "Overrides":
        """Returns these with one template set, or back to the bundle's when `text` is empty.

        Raises InvalidRequest (BUNDLE_INVALID) with the field that is wrong. A reset asks for nothing to be there.
        """
        language = "" if locale == bundle.locale[:2] else locale
        texts = {**self.templates.get(language, {}), action: text}
        if not text.strip():
            del texts[action]
        elif problem := _template_problem(bundle, language, action, text):
            raise _invalid([problem])
        others = {known: kept for known, kept in self.templates.items() if known != language}
        return _of_size(replace(self, templates={**others, language: texts} if texts else others))

    def with_replies(
        self, bundle: TenantBundle, *, intent: str, replies: Sequence[str], replaces: bool = False
    ) -> "Overrides":
        """Returns these with replies added to an intent's, or in place of them; one that is there is not added again.

        Raises InvalidRequest (REPLY_LENGTH) for replies that are too short or too long, and (INVALID_FIELD) for an
        intent that is no identifier, or more than `MAX_REPLIES` of one intent.
        """
        if violations := [found for found in map(_length_problem, range(len(replies)), replies) if found]:
            raise InvalidRequest(
                "REPLY_LENGTH",
                f"Replies have {MIN_REPLY_CHARACTERS} to {MAX_REPLY_CHARACTERS} characters.",
                violations=violations,
            )
        before = None if replaces else self.replies.get(intent)
        kept = before.replies if before else ()
        mode = "replace" if replaces or (before and before.mode == "replace") else "append"
        known = {*kept, *(bundle.replies.get(intent, ()) if mode == "append" else ())}
        new = [reply for reply in dict.fromkeys(replies) if reply not in known]
        added = AddedReplies(mode=mode, replies=(*kept, *new))
        if problem := _replies_problem(bundle, intent, added):
            raise InvalidRequest("INVALID_FIELD", "The replies cannot be added; nothing was.", violations=[problem])
        return _of_size(replace(self, replies={**self.replies, intent: added}) if added.replies else self)

    def stamped(self, before: "Overrides", stamp: Stamp) -> "Overrides":
        """Returns these with `stamp` on what `before` does not have so; the stamps of what is gone are gone."""
        was, now = before.by_place(), self.by_place()
        stamps = {
            place: stamp if was.get(place) != value else self.stamps[place]
            for place, value in now.items()
            if was.get(place) != value or place in self.stamps
        }
        return _of_size(replace(self, stamps=stamps))

    def by_place(self) -> Mapping[str, str | AddedReplies]:
        """Returns everything that is set, by its place."""
        texts = {
            template_place(language, action): text
            for language, of_language in self.templates.items()
            for action, text in of_language.items()
        }
        return {**texts, **{replies_place(intent): added for intent, added in self.replies.items()}}


def template_place(language: str, action: str) -> str:
    """Returns what a template's stamp is kept under."""
    return f"template {language} {action}"


def replies_place(intent: str) -> str:
    """Returns what the stamp of an intent's replies is kept under."""
    return f"replies {intent}"


def with_overrides(bundle: TenantBundle, overrides: Overrides) -> tuple[TenantBundle, list[FieldViolation]]:
    """Returns the bundle with the overrides that fit it, and the places of those that do not, which are left out."""
    templates, replies = dict(bundle.templates), dict(bundle.replies)
    translations = {language: dict(texts) for language, texts in bundle.translations.items()}
    problems: list[FieldViolation] = []
    for language, texts in overrides.templates.items():
        for action, text in texts.items():
            if problem := _template_problem(bundle, language, action, text):
                problems.append(replace(problem, field=f"overrides.templates.{language or bundle.locale[:2]}.{action}"))
                continue
            (translations.setdefault(language, {}) if language else templates)[action] = text
    for intent, added in overrides.replies.items():
        if problem := _replies_problem(bundle, intent, added):
            problems.append(replace(problem, field=f"overrides.replies.{intent}"))
            continue
        replies[intent] = _all_replies(bundle, intent, added)
    changes = {"templates": templates, "translations": translations, "replies": replies}
    return bundle.model_copy(update=changes), problems


def long_replies(replies: Sequence[str]) -> list[str]:
    """Returns one sentence for each reply that is accepted but long."""
    return [
        f"replies[{index}] has {len(reply)} characters; below {LONG_REPLY_CHARACTERS} reads better on a phone."
        for index, reply in enumerate(replies)
        if len(reply) >= LONG_REPLY_CHARACTERS
    ]


def _all_replies(bundle: TenantBundle, intent: str, added: AddedReplies) -> tuple[str, ...]:
    own = () if added.mode == "replace" else bundle.replies.get(intent, ())
    return tuple(dict.fromkeys((*own, *added.replies)))


def _template_problem(bundle: TenantBundle, language: str, action: str, text: str) -> FieldViolation | None:
    if language and language not in bundle.languages:
        return FieldViolation("locale", f"{language!r} is not one of the tenant's languages: {_list(bundle.languages)}")
    known = template_variables(bundle.flow, action)
    if known is None:
        return FieldViolation(
            "action",
            f"there is no action {action!r} in the tenant's flow; there are {_list(sorted(bundle.templates))}",
        )
    if len(text) > MAX_TEMPLATE_CHARACTERS:
        return FieldViolation("text", f"at most {MAX_TEMPLATE_CHARACTERS} characters, and it has {len(text)}")
    try:
        unknown = [name for name in variables_of(text) if name not in known]
    except ValueError as error:
        return FieldViolation("text", f"braces must hold one variable's name, as in {{amount}}: {error}")
    if unknown:
        return FieldViolation("text", f"unknown variable {{{unknown[0]}}}; known here: {_list(sorted(known))}")
    return None


def _replies_problem(bundle: TenantBundle, intent: str, added: AddedReplies) -> FieldViolation | None:
    try:
        _identifiers.validate_python(intent, strict=True)
    except ValidationError:
        return FieldViolation("intent", "expected a name of at most 32 of [a-z0-9_-] that begins with a letter")
    count = len(_all_replies(bundle, intent, added))
    if count > MAX_REPLIES:
        return FieldViolation("replies", f"at most {MAX_REPLIES} replies for one intent, and there would be {count}")
    return None


def _length_problem(index: int, reply: str) -> FieldViolation | None:
    if len(reply.strip()) >= MIN_REPLY_CHARACTERS and len(reply) <= MAX_REPLY_CHARACTERS:
        return None
    return FieldViolation(
        f"replies[{index}]",
        f"{MIN_REPLY_CHARACTERS} to {MAX_REPLY_CHARACTERS} characters, and it has {len(reply.strip())}",
    )


def _of_size(overrides: Overrides) -> Overrides:
    if len(overrides.to_json().encode()) > MAX_OVERRIDES_BYTES:
        violation = FieldViolation("tenant_id", f"at most {MAX_OVERRIDES_BYTES} bytes are kept beside the bundle")
        raise _invalid([violation])
    return overrides


def _invalid(violations: Sequence[FieldViolation]) -> InvalidRequest:
    first = violations[0]
    return InvalidRequest(
        "BUNDLE_INVALID", f"The change does not fit. {first.field}: {first.description}.", violations=violations
    )


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
