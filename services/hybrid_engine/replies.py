"""Canned replies: never none, and never the same one twice in a row in a conversation."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from random import Random

from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.canned_fr import MINIMAL_REPLY, SHIPPED_REPLIES, SILENT_REPLY

_log = logging.getLogger(__name__)

UNKNOWN_INTENT_SERVED_BY = "ask_error"
# Conversations whose order of replies is remembered; the longest unused is forgotten first.
_MAX_BAGS = 4096

_Bag = tuple[tuple[str, ...], list[str], str]


class CannedReplies:
    """Hands out replies by intent. One object serves all tenants of a process; nothing crosses between them."""

    def __init__(
        self,
        *,
        shipped: Mapping[str, tuple[str, ...]] = SHIPPED_REPLIES,
        random: Random | None = None,
        max_bags: int = _MAX_BAGS,
    ) -> None:
        self._shipped = shipped
        # Not for secrets: it only shuffles.
        self._random = random or Random()  # noqa: S311
        self._max_bags = max_bags
        self._bags: OrderedDict[tuple[str, str, str], _Bag] = OrderedDict()

    def reply(self, intent: str, bundle: TenantBundle, conversation_id: str) -> str:
        """Returns a reply for `intent`, never empty.

        `bundle.llm.fallback_mode` decides: in `fun` the tenant's own replies (`bundle.replies`) with the shipped ones;
        else only its own, and where it has none one plain sentence (`silent`) or a sign (`minimal`). An intent that
        nobody knows gives an `ask_error`, and a warning in the log.

        Each conversation draws from a shuffled bag until it is empty, so none repeats at once.
        """
        known = bundle.replies.get(intent, ())
        if not known and intent not in self._shipped:
            # Not the intent itself: a channel may have taken it from what a customer wrote.
            _log.warning("tenant %s: canned reply for an unknown intent", bundle.id)
            intent = UNKNOWN_INTENT_SERVED_BY
            known = bundle.replies.get(intent, ())
        if bundle.llm.fallback_mode == "fun":
            known = tuple(dict.fromkeys((*known, *self._shipped.get(intent, ()))))
        elif not known:
            return SILENT_REPLY if bundle.llm.fallback_mode == "silent" else MINIMAL_REPLY
        return self._draw((bundle.id, conversation_id, intent), known)

    def _draw(self, key: tuple[str, str, str], replies: tuple[str, ...]) -> str:
        all_of_bag, left, last = self._bags.pop(key, ((), list[str](), ""))
        if not left or all_of_bag != replies:
            left = self._random.sample(replies, len(replies))
            if left[-1] == last and len(set(replies)) > 1:
                at = next(at for at, reply in enumerate(left) if reply != last)
                left[at], left[-1] = left[-1], left[at]
        chosen = left.pop()
        self._bags[key] = (replies, left, chosen)
        while len(self._bags) > self._max_bags:
            self._bags.popitem(last=False)
        return chosen
