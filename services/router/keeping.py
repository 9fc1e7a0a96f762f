"""What tenants may do with conversations that are kept: page through, amend a reply, delete one or all of a user."""

from libs.common.errors import FieldViolation, InvalidRequest, NotFound
from libs.common.request_context import Principal
from services.router.conversations import ConversationRef, Conversations, Page
from services.router.shadow.pairs import ShadowCounts


class Keeping:
    """Reads, amends and deletes conversations of the caller's tenant; `unseen` names turns that both engines got."""

    def __init__(self, conversations: Conversations, *, unseen: ShadowCounts) -> None:
        self._conversations = conversations
        self._unseen = unseen

    async def page(self, principal: Principal, conversation_id: str, *, size: int, token: str) -> Page:
        """Returns one page; raises NotFound (CONVERSATION_NOT_FOUND), Unavailable (STORE_UNAVAILABLE)."""
        ref = ConversationRef(principal, conversation_id)
        page = await self._conversations.page(ref, size=size, token=token)
        if page is None:
            raise NotFound("CONVERSATION_NOT_FOUND", "There is no such conversation.")
        return page

    async def amend(self, principal: Principal, conversation_id: str, turn_id: str, *, heard_text: str) -> bool:
        """Keeps of a reply what was heard, and returns whether that changed it.

        Raises NotFound (TURN_NOT_FOUND), InvalidRequest (NOT_A_BEGINNING), Unavailable (STORE_UNAVAILABLE).
        """
        ref = ConversationRef(principal, conversation_id)
        changed = await self._conversations.amend(ref, turn_id, heard_text)
        if changed is None:
            raise NotFound("TURN_NOT_FOUND", "The conversation has no reply of such a turn.")
        return changed

    async def delete(self, principal: Principal, *, conversation_id: str, user_id: str) -> int:
        """Returns how many conversations are gone; raises InvalidRequest unless exactly one id is given."""
        if bool(conversation_id) == bool(user_id):
            raise InvalidRequest(
                "REQUIRED_FIELD",
                "Name either a conversation or a customer.",
                violations=[FieldViolation("conversation_id", "exactly one of conversation_id and user_id")],
            )
        ids = [conversation_id] if conversation_id else await self._conversations.conversations_of(principal, user_id)
        count = 0
        for each in ids:
            await self._unseen.forget(principal, each)
            count += await self._conversations.delete(ConversationRef(principal, each), user_id=user_id)
        return count
