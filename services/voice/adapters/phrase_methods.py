"""PregeneratePhrases of VoiceAdminService, to be mixed into its servicer."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc

from libs.common import request_context
from repartee.v1 import voice_pb2
from services.voice.audio import AudioForm, Encoding, audio_form
from services.voice.pregenerating import Pregenerating

_ENCODINGS = {voice_pb2.AUDIO_ENCODING_MULAW: Encoding.MULAW}


class PhraseMethods:
    """Serves PregeneratePhrases from `pregenerating`, which the servicer has."""

    pregenerating: Pregenerating

    async def PregeneratePhrases(  # noqa: N802 - the name is the proto's
        self,
        request: voice_pb2.PregeneratePhrasesRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the signature is the stub's
    ) -> AsyncIterator[voice_pb2.PregeneratePhrasesResponse]:
        """Makes phrases, with progress."""
        tenant = request_context.current().principal.require_tenant()
        run = self.pregenerating.run(tenant, check=request.check, form=_form(request.format), locale=request.locale)
        async with aclosing(run) as progress:
            async for each in progress:
                yield voice_pb2.PregeneratePhrasesResponse(
                    key=each.key,
                    outcome=each.outcome,
                    done_count=each.done_count,
                    total_count=each.total_count,
                    detail=each.detail,
                    audio_ms=each.audio_ms,
                )


def _form(message: voice_pb2.AudioFormat) -> AudioForm:
    return audio_form(_ENCODINGS.get(message.encoding, Encoding.PCM_S16LE), message.sample_rate_hz)
