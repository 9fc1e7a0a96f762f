"""VoiceAdminService: the phrases of a tenant, for operators."""

import grpc

from libs.common import request_context
from repartee.v1 import voice_pb2, voice_pb2_grpc
from services.voice.adapters.phrase_methods import PhraseMethods
from services.voice.pregenerating import Pregenerating
from services.voice.speaking import ListedPhrase, Speaking


class VoiceAdminServicer(PhraseMethods, voice_pb2_grpc.VoiceAdminServiceServicer):
    """Serves ListPhrases and PregeneratePhrases."""

    def __init__(self, speaking: Speaking, pregenerating: Pregenerating) -> None:
        self._speaking = speaking
        self.pregenerating = pregenerating

    async def ListPhrases(  # noqa: N802 - the name is the proto's
        self,
        request: voice_pb2.ListPhrasesRequest,  # noqa: ARG002 - its tenant is in the context
        context: grpc.ServicerContext,  # noqa: ARG002 - the signature is the stub's
    ) -> voice_pb2.ListPhrasesResponse:
        """Lists phrases by key."""
        listed = await self._speaking.list_phrases(request_context.current().principal.require_tenant())
        return voice_pb2.ListPhrasesResponse(phrases=[_phrase(phrase) for phrase in listed])


def _phrase(phrase: ListedPhrase) -> voice_pb2.Phrase:
    return voice_pb2.Phrase(key=phrase.key, text=phrase.text, audio_ms=phrase.audio_ms, ready=phrase.audio_ms > 0)
