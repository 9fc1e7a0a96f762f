"""The compiled checks of request messages."""

import pytest
from google.protobuf.message import Message

from libs.common.errors import InvalidRequest
from libs.common.interceptors.validation import validator_for
from repartee.v1 import cache_pb2, common_pb2, rag_pb2, rollout_pb2, router_pb2

Chat = router_pb2.ChatRequest


def fields(message: Message) -> tuple[str, list[str]]:
    """Returns the reason and the fields of the refusal of `message`."""
    validate = validator_for(message.DESCRIPTOR)
    assert validate is not None
    with pytest.raises(InvalidRequest) as caught:
        validate(message)
    return caught.value.reason, [each.field for each in caught.value.violations]


def accepts(message: Message) -> bool:
    validate = validator_for(message.DESCRIPTOR)
    assert validate is not None
    validate(message)
    return True


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        (Chat(), ["conversation_id"]),
        (router_pb2.StreamChatRequest(), ["turn"]),
        (router_pb2.StreamChatRequest(turn=Chat(message="hi")), ["turn.conversation_id"]),
        (rag_pb2.UpsertDocumentsRequest(), ["documents"]),
        (
            rag_pb2.UpsertDocumentsRequest(documents=[rag_pb2.Document(content=b"d")]),
            ["documents[0].document_id"],
        ),
        (Chat(conversation_id="c", attachments=[common_pb2.Attachment()]), ["attachments[0].kind"]),
        (rollout_pb2.EnableHybridRequest(), ["reason"]),
    ],
)
def test_required_fields_are_named_by_their_path(message: Message, missing: list[str]) -> None:
    assert fields(message) == ("REQUIRED_FIELD", missing)


@pytest.mark.parametrize("text", ["a b", "é", "x" * 129, "a/b", "a\nb", "a\n"])
def test_ids_are_short_and_plain(text: str) -> None:
    assert fields(Chat(conversation_id=text, turn_id="t", user_id="u")) == ("INVALID_FIELD", ["conversation_id"])


def test_ids_may_hold_phone_numbers_and_addresses() -> None:
    assert accepts(Chat(conversation_id="+225:07.08@x_y-Z", user_id="x" * 128))


def test_every_id_of_a_list_is_looked_at() -> None:
    assert fields(rag_pb2.DeleteDocumentsRequest(document_ids=["ok", "not ok"])) == (
        "INVALID_FIELD",
        ["document_ids[1]"],
    )


def test_texts_are_measured_in_bytes_of_utf8() -> None:
    assert accepts(Chat(conversation_id="c", message="é" * 2048))
    assert fields(Chat(conversation_id="c", message="é" * 2048 + "a")) == ("INVALID_FIELD", ["message"])


def test_some_texts_may_be_longer() -> None:
    assert accepts(rag_pb2.ExtractFactsRequest(text="a" * 65536))
    assert fields(rag_pb2.ExtractFactsRequest(text="a" * 65537)) == ("INVALID_FIELD", ["text"])
    assert accepts(cache_pb2.StoreAnswerRequest(query="q", text="a" * 8192))


def test_attachments_are_at_most_ten_and_well_formed() -> None:
    def picture(sha256: str = "") -> common_pb2.Attachment:
        return common_pb2.Attachment(kind=common_pb2.Attachment.KIND_IMAGE, sha256=sha256)

    assert accepts(Chat(conversation_id="c", attachments=[picture("a" * 64)] * 10))
    assert fields(Chat(conversation_id="c", attachments=[picture()] * 11)) == ("INVALID_FIELD", ["attachments"])
    assert fields(Chat(conversation_id="c", attachments=[picture(), picture("A" * 64)])) == (
        "INVALID_FIELD",
        ["attachments[1].sha256"],
    )


def test_all_violations_come_at_once_and_none_quotes_what_was_sent() -> None:
    message = Chat(conversation_id="top secret!", user_id="top secret!", message="top secret!" * 1000)
    validate = validator_for(message.DESCRIPTOR)
    assert validate is not None
    with pytest.raises(InvalidRequest) as caught:
        validate(message)
    assert len(caught.value.violations) == 3
    assert "secret" not in str(caught.value) + str(caught.value.violations)


def test_a_message_that_cannot_be_wrong_costs_nothing() -> None:
    assert validator_for(cache_pb2.GetGlobalStatsRequest.DESCRIPTOR) is None
