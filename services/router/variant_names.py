"""What people call the two systems. Keys, labels and settings have names of their own, which never change."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.router.turn import Variant

# Words of a recommendation that no system may be called.
_TAKEN = frozenset({"equivalent", "invalid_srm"})
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,15}")


@dataclass(frozen=True, slots=True)
class VariantName:
    """One system's name in sentences, as a recommendation, and in the lines of the log, which are French."""

    spoken: str
    recommended: str
    logged: str
    logged_in_full: str


VariantNames = Mapping[Variant, VariantName]

KNOWN_NAMES: VariantNames = MappingProxyType(
    {
        Variant.CLASSIC: VariantName("classic", "old", "ANCIEN", "ancien système"),
        Variant.HYBRID: VariantName("hybrid", "hybrid", "HYBRIDE", "système hybride"),
    }
)
"""The names that hold where none are set: those that dashboards and runbooks know."""


def variant_names(text: str) -> VariantNames:
    """Returns the names in `text`, such as `v1,v2`: classic's, then hybrid's; `KNOWN_NAMES` when it is empty.

    Raises ValueError for anything but two different names of 1 to 16 of [a-z0-9_-] that begin with a letter, and for
    one that names the other system.
    """
    if not text.strip():
        return KNOWN_NAMES
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or names[0] == names[1] or _TAKEN & {*names} or not all(map(_NAME.fullmatch, names)):
        raise ValueError(
            "expected two different names, classic's and hybrid's, such as `v1,v2`: each of at most 16 of [a-z0-9_-], "
            "beginning with a letter"
        )
    if names[0] == Variant.HYBRID.value or names[1] in (Variant.CLASSIC.value, "old"):
        raise ValueError("expected classic's name first; these are the other way round")
    return MappingProxyType(
        {
            variant: VariantName(name, name, name, f"système {name}")
            for variant, name in zip(Variant, names, strict=True)
        }
    )
