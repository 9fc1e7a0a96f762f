"""What tenants may do with conversations that are kept: page through one, delete one or all of a customer."""

from libs.common.errors import FieldViolation, InvalidRequest, NotFound
from libs.common.request_context import Principal
from services.router.conversations import ConversationRef, Conversations, Page


class Keeping:
    """Reads and deletes conversations of the caller's tenant."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def page(self, principal: Principal, conversation_id: str, *, size: int, token: str) -> Page:
        """Returns one page; raises NotFound (CONVERSATION_NOT_FOUND), Unavailable (STORE_UNAVAILABLE)."""
        ref = ConversationRef(principal, conversation_id)
        page = await self._conversations.page(ref, size=size, token=token)
        if page is None:
            raise NotFound("CONVERSATION_NOT_FOUND", "There is no such conversation.")
        return page

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
            count += await self._conversations.delete(ConversationRef(principal, each))
        return count
