"""One rival of the cache, run by `cache_rivals` in an environment of its own: it fills itself, then times lookups.

`python cache_rival.py redisvl|gptcache SETUP.json`; then each line on stdin is a JSON list of [tenant, question]
numbers, and its answer a JSON list of seconds. Stands alone: it imports nothing of the product.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# (tenant, question) to whether a right answer came.
Ask = Callable[[int, int], bool]


def open_redisvl(setup: dict, vectors: np.ndarray, kept: int) -> Ask:
    """RedisVL's SemanticCache on the query engine, with a tag for the tenant and a filter on it, as its guide shows."""
    from redisvl.extensions.cache.llm import SemanticCache  # noqa: PLC0415  # each rival has its own imports
    from redisvl.query.filter import Tag  # noqa: PLC0415
    from redisvl.utils.vectorize import CustomVectorizer  # noqa: PLC0415

    cache = SemanticCache(
        name="rival",
        redis_url=setup["redis_url"],
        vectorizer=CustomVectorizer(embed=lambda *_, **__: [0.0] * vectors.shape[1]),
        distance_threshold=1 - setup["threshold"],
        filterable_fields=[{"name": "tenant", "type": "tag"}],
        overwrite=True,
    )
    lists = vectors.tolist()
    for tenant in range(setup["tenants"]):
        for number in range(kept):
            question = setup["questions"][number]
            cache.store(question, setup["text"], vector=lists[number], filters={"tenant": f"tenant{tenant:05}"})

    def ask(tenant: int, number: int) -> bool:
        found = cache.check(vector=lists[number], filter_expression=Tag("tenant") == f"tenant{tenant:05}")
        return bool(found) and found[0]["prompt"] == setup["questions"][number % kept]

    return ask


def open_gptcache(setup: dict, vectors: np.ndarray, kept: int) -> Ask:
    """GPTCache with its default managers, SQLite and FAISS, and a cache object and folder for each tenant.

    Its sessions do the reverse of isolation (they keep a session from hitting its own entries), and its index knows no
    filter; one cache object each is the way to keep tenants apart, and the quickest for it: ten rows in each index.
    """
    from gptcache import Cache  # noqa: PLC0415
    from gptcache.adapter.api import get  # noqa: PLC0415
    from gptcache.manager import manager_factory  # noqa: PLC0415
    from gptcache.processor.pre import get_prompt  # noqa: PLC0415
    from gptcache.similarity_evaluation import SearchDistanceEvaluation  # noqa: PLC0415

    rows = dict(zip(setup["questions"], vectors, strict=True))
    caches = []
    for tenant in range(setup["tenants"]):
        folder = str(Path(setup["folder"]) / f"tenant{tenant:05}")
        manager = manager_factory("sqlite,faiss", data_dir=folder, vector_params={"dimension": vectors.shape[1]})
        cache = Cache()
        cache.init(
            pre_embedding_func=get_prompt,
            embedding_func=lambda text, **_: rows[text],
            data_manager=manager,
            similarity_evaluation=SearchDistanceEvaluation(),
        )
        texts = [f"{number} {setup['text']}" for number in range(kept)]
        manager.import_data(setup["questions"][:kept], texts, list(vectors[:kept]), [None] * kept)
        caches.append(cache)

    def ask(tenant: int, number: int) -> bool:
        answer = get(setup["questions"][number], cache_obj=caches[tenant])
        return answer is not None and answer.startswith(f"{number % kept} ")

    return ask


def main() -> None:
    """Fills, says `ready`, then times one block of lookups for each line."""
    # What the rivals themselves print must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    rival, setup = sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    vectors = np.load(setup["vectors"])
    opened = {"redisvl": open_redisvl, "gptcache": open_gptcache}[rival]
    ask = opened(setup, vectors, len(setup["questions"]) // 2)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        took: list[float] = []
        for tenant, number in json.loads(line):
            begun = time.perf_counter()
            is_right = ask(tenant, number)
            took.append(time.perf_counter() - begun)
            if not is_right:
                raise RuntimeError(f"{rival} gave no right answer, so its time says nothing")
        print(json.dumps(took), file=answers, flush=True)


if __name__ == "__main__":
    main()
