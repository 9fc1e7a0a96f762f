"""The remote embedder's failures have one name, and its limits hold."""

import asyncio

import numpy as np
import pytest
from pydantic import SecretStr

from libs.common.embedding.choose import EmbeddingSettings, open_embedder
from libs.common.embedding.local import LocalEmbedder, fold_for_embedding
from libs.common.embedding.openai import OpenAIEmbedder
from libs.common.errors import PreconditionFailed, Unavailable
from tests.fakes.embedder import HashEmbedder
from tests.fakes.openai_double import OpenAIDouble, Scripted


def _embedder(double: OpenAIDouble, *, timeout_seconds: float = 5.0) -> OpenAIEmbedder:
    return OpenAIEmbedder(base_url=double.base_url, api_key="k", dimensions=8, timeout_seconds=timeout_seconds)


async def _failure(embedder: OpenAIEmbedder) -> Unavailable:
    try:
        with pytest.raises(Unavailable) as failed:
            await embedder.embed(["mon numéro secret"])
    finally:
        await embedder.aclose()
    assert failed.value.reason == "EMBEDDER_UNAVAILABLE"
    assert "secret" not in failed.value.message
    return failed.value


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_an_error_is_named_and_never_retried(openai_double: OpenAIDouble, status: int) -> None:
    openai_double.script(Scripted(status=status))
    assert str(status) in (await _failure(_embedder(openai_double))).message
    assert len(openai_double.requests) == 1


async def test_a_refused_key_names_the_setting(openai_double: OpenAIDouble) -> None:
    openai_double.api_key = "another"
    assert "REPARTEE_OPENAI_API_KEY" in (await _failure(_embedder(openai_double))).message


async def test_a_server_that_hangs_costs_the_time_out_only(openai_double: OpenAIDouble) -> None:
    openai_double.script(Scripted(gate=asyncio.Event()))
    assert "APITimeoutError" in (await _failure(_embedder(openai_double, timeout_seconds=0.1))).message
    await openai_double.client_left.wait()


async def test_a_server_that_is_gone_is_unavailable(openai_double: OpenAIDouble) -> None:
    await openai_double.stop()
    await _failure(_embedder(openai_double))


def _answer(*rows: list[float]) -> dict[str, object]:
    data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)]
    return {"object": "list", "model": "m", "data": data}


@pytest.mark.parametrize(
    "body",
    [
        _answer([1.0, 0.0]),
        _answer([0.0] * 8),
        _answer([1.0] * 8, [1.0] * 8),
        _answer(),
        {"error": "ok"},
        "a page of somebody else",
        b"{half a",
    ],
    ids=["other_length", "zero", "too_many", "none", "other_object", "text", "no_json"],
)
async def test_an_answer_that_makes_no_sense_is_unavailable(openai_double: OpenAIDouble, body: object) -> None:
    openai_double.script(Scripted(body=body))
    await _failure(_embedder(openai_double))


async def test_another_length_names_the_setting(openai_double: OpenAIDouble) -> None:
    openai_double.script(Scripted(body=_answer([1.0, 0.0])))
    assert "REPARTEE_OPENAI_EMBEDDING_DIMENSIONS" in (await _failure(_embedder(openai_double))).message


async def test_long_lists_are_sent_in_batches_and_counted_as_billed(openai_double: OpenAIDouble) -> None:
    embedder = _embedder(openai_double)
    rows = await embedder.embed([f"texte {n}" for n in range(130)])
    assert rows.shape == (130, 8)
    assert [len(request["input"]) for request in openai_double.requests] == [64, 64, 2]
    assert embedder.tokens == openai_double.tokens == 260
    await embedder.aclose()


async def test_a_cancelled_call_does_not_harm_the_next(openai_double: OpenAIDouble) -> None:
    embedder = _embedder(openai_double)
    for _ in range(3):
        openai_double.script(Scripted(gate=asyncio.Event()))
        openai_double.arrived.clear()
        openai_double.client_left.clear()
        call = asyncio.create_task(embedder.embed(["a"]))
        await openai_double.arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await openai_double.client_left.wait()
    assert (await embedder.embed(["a"])).shape == (1, 8)
    await embedder.aclose()


def test_the_settings_choose_the_embedder() -> None:
    assert isinstance(open_embedder(EmbeddingSettings()), LocalEmbedder)
    remote = open_embedder(EmbeddingSettings(embedder="openai", openai_api_key=SecretStr("k")))
    assert remote.embedder_id == "openai:text-embedding-3-small:1536"
    with pytest.raises(PreconditionFailed, match="REPARTEE_OPENAI_API_KEY"):
        open_embedder(EmbeddingSettings(embedder="openai"))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("OÙ ÊTES-VOUS ?", "où êtes vous"),
        ("  L\u2019adresse, c'est\nlaquelle_? ", "l adresse c est laquelle"),
        ("e\u0301te\u0301 à 25.000 F / 10 €", "été à 25 000 f 10 €"),
        ("???", "???"),
        ("", ""),
    ],
)
def test_folding_keeps_accents_and_money(text: str, folded: str) -> None:
    assert fold_for_embedding(text) == folded


async def test_the_fake_fails_as_often_as_told() -> None:
    fake = HashEmbedder(fail_times=1)
    with pytest.raises(Unavailable):
        await fake.embed(["a"])
    assert np.allclose(np.linalg.norm(await fake.embed(["a"]), axis=1), 1.0)
