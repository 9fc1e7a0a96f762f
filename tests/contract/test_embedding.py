"""What every embedder promises, on the fake, on the local model, and on the remote adapter with a real HTTP server."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from libs.common.embedding.choose import ReadyEmbedder
from libs.common.embedding.local import LocalEmbedder
from libs.common.embedding.openai import OpenAIEmbedder
from tests.fakes.embedder import HashEmbedder
from tests.fakes.openai_double import OpenAIDouble

_QUESTION = "Combien coûte la livraison à Cocody ?"


@pytest.fixture(scope="module")
def local_model() -> LocalEmbedder:
    """One model for the module: it takes a second to load."""
    return LocalEmbedder()


@pytest.fixture(params=["hash", "local", "openai"])
async def embedder(
    request: pytest.FixtureRequest, local_model: LocalEmbedder, openai_double: OpenAIDouble
) -> AsyncIterator[ReadyEmbedder]:
    if request.param == "openai":
        remote = OpenAIEmbedder(base_url=openai_double.base_url, api_key="k", dimensions=128)
        yield remote
        await remote.aclose()
    else:
        yield local_model if request.param == "local" else HashEmbedder(128)


async def test_rows_are_unit_vectors_of_the_promised_shape(embedder: ReadyEmbedder) -> None:
    texts = [_QUESTION, "", "???", "😀", "x" * 20_000, "Où êtes-vous ?\n\n\tMerci."]
    rows = await embedder.embed(texts)
    assert rows.shape == (len(texts), embedder.dimensions)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


async def test_no_texts_give_no_rows(embedder: ReadyEmbedder) -> None:
    assert (await embedder.embed([])).shape == (0, embedder.dimensions)


async def test_a_text_has_the_same_vector_alone_and_in_a_batch(embedder: ReadyEmbedder) -> None:
    texts = [f"question {n} sur la livraison" for n in range(150)]
    rows = await embedder.embed(texts)
    for n in (0, 77, 149):
        assert np.allclose((await embedder.embed([texts[n]]))[0], rows[n], atol=1e-4)


async def test_callers_may_change_what_they_got(embedder: ReadyEmbedder) -> None:
    first = await embedder.embed([_QUESTION])
    kept = first.copy()
    first *= 0
    assert np.allclose(await embedder.embed([_QUESTION]), kept, atol=1e-5)


async def test_case_and_punctuation_hardly_count(embedder: ReadyEmbedder) -> None:
    plain, shouted = await embedder.embed(["où êtes-vous situés", "OÙ ÊTES-VOUS SITUÉS ?!"])
    assert plain @ shouted > 0.95


async def test_a_paraphrase_is_nearer_than_another_question(embedder: ReadyEmbedder) -> None:
    asked, paraphrase, other = await embedder.embed(
        [_QUESTION, "Quel est le prix de la livraison à Cocody ?", "Ouvrez-vous dimanche ?"]
    )
    assert asked @ paraphrase > asked @ other + 0.2


async def test_the_id_names_the_model(embedder: ReadyEmbedder) -> None:
    assert embedder.embedder_id
    await embedder.warm_up()


async def test_the_local_model_understands_across_languages(local_model: LocalEmbedder) -> None:
    asked, english, other = await local_model.embed(
        [_QUESTION, "How much is the delivery to Cocody?", "Ouvrez-vous dimanche ?"]
    )
    assert asked @ english > 0.6 > asked @ other
