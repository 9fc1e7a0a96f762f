"""Which expressions are let in, and how a shelf and a teacher keep patterns fresh."""

import asyncio
import logging

import pytest

from libs.common.errors import InvalidRequest, Unavailable
from libs.common.facts import extract_facts
from libs.common.request_context import Principal
from services.rag.adapters.memory_patterns import MemoryPatterns
from services.rag.fact_reading import FactReading
from services.rag.patterns.generic import GENERIC
from services.rag.patterns.safety import HOSTILE_CHARACTERS, compiled, hostile_texts, timed
from services.rag.patterns.shelf import FRESH_SECONDS, MAX_TENANTS, Shelf
from services.rag.patterns.store import Held
from services.rag.patterns.teacher import Teacher
from tests.fakes.pattern_world import SHOP, Clock, Texts, World
from tests.fakes.rag_parts import principal
from tests.fakes.virtual_time import run_in_virtual_time

OWNER = principal("MpfnlSbXYZ")
PRICE = r"\bprix : (?P<entier>\d{3,5})(?P<en_xof>)"


@pytest.mark.parametrize(
    ("field", "expression", "problem"),
    [
        ("prix", r"\bprix (?P<entier>\d+)(?P<en_xof>)", "upper bound"),
        ("prix", r"\bprix (?P<entier>\d*)(?P<en_xof>)", "upper bound"),
        ("prix", r"(?P<entier>(?:\d{1,3}){1,9})(?P<en_xof>)", "within a repeat"),
        ("prix", r"(?P<entier>\d{1,99})(?P<en_xof>)", "more than 64"),
        ("prix", r"(?P<entier>\d{3,})(?P<en_xof>)", "upper bound"),
        ("prix", r"(?P<entier>\d{3,5})", "currency"),
        ("prix", r"(?P<autre>\d{3,5})(?P<en_xof>)", "groups of prix"),
        ("prix", r"(?i)(?P<entier>\d)(?P<en_xof>)", "groups are"),
        ("prix", r"(?P<entier>\d)(?P<en_xof>))", "not opened"),
        ("prix", r"((?P<entier>\d)(?P<en_xof>)", "groups are"),
        ("prix", "\x07" + PRICE, "control"),
        ("prix", PRICE + "x" * 200, "characters"),
        ("prix", "^" + PRICE, "beginning"),
        ("zone", r"(?P<zone>a?)", "empty"),
        ("telephone", r"\btel \d{10}", "one of the groups"),
        ("autre", PRICE, "no field"),
        ("prix", "", "characters"),
    ],
)
def test_an_unsafe_expression_is_refused_by_name(field: str, expression: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        compiled(field, expression)
    assert refused.value.reason == "PATTERN_UNSAFE"
    assert refused.value.violations[0].field.startswith(f"patterns[{field}: ")
    assert problem in refused.value.violations[0].description


def test_a_slow_expression_is_refused() -> None:
    ticks = iter(range(0, 10_000, 1))
    with pytest.raises(InvalidRequest) as refused:
        timed("prix", PRICE, clock=lambda: next(ticks))
    assert "5 ms" in refused.value.violations[0].description
    assert all(len(text) == HOSTILE_CHARACTERS for text in hostile_texts(PRICE))


def test_generic_patterns_are_those_that_facts_are_read_with() -> None:
    kinds = {
        "prix": "money",
        "quantite": "quantity",
        "telephone": "phone",
        "horaires": "time",
        "pourcentage": "percent",
    }
    for pattern in GENERIC:
        (fact,) = extract_facts(pattern.examples[0].text, country="CI")
        assert fact.kind == kinds.get(pattern.field, pattern.field)


class Down:
    """A store that does not answer."""

    async def read(self, owner: Principal, *, whole: bool = False) -> Held:
        raise Unavailable("STORE_UNAVAILABLE", "The fake store is down.")


async def world() -> World:
    clock = Clock()
    made = World(MemoryPatterns(now=clock), Texts(**{OWNER.require_tenant(): dict(SHOP)}), clock)
    await made.teacher.learn(OWNER)
    return made


async def test_old_patterns_serve_and_are_due(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = await world()
    fresh = await made.shelf.get(OWNER)
    made.clock.seconds += 7 * 86_400 + 1
    old = await made.shelf.get(OWNER)
    assert (fresh.is_due, old.is_due) == (False, True)
    assert old.patterns == fresh.patterns
    count = len(fresh.reader)
    assert f"[REGEX] Utilisation de {count} patterns pour company MpfnlSb..." in caplog.messages
    assert "[REGEX] prix_quantite: 6 paquets - 25.000 FCFA" in caplog.messages


async def test_a_store_that_is_down_leaves_what_is_there() -> None:
    made = await world()
    before = await made.shelf.get(OWNER)
    made.shelf._store = Down()  # pyright: ignore
    made.clock.seconds += FRESH_SECONDS + 1
    assert await made.shelf.get(OWNER) is before
    assert made.shelf.failure == "STORE_UNAVAILABLE"
    assert len((await made.shelf.get(principal("other"))).reader) == 0


async def test_the_shelf_holds_the_last_thousand_tenants() -> None:
    shelf = Shelf(MemoryPatterns())
    for number in range(MAX_TENANTS + 5):
        await shelf.get(principal(f"t{number}"))
    assert len(shelf._shelved) == MAX_TENANTS


class Bundles:
    """A bundle of no zones, in Ivory Coast."""

    country = "CI"

    async def get(self, tenant: str) -> "Bundles":
        return self

    def places(self) -> None:
        return None


def test_the_first_reading_has_it_learned_in_the_background() -> None:
    async def scenario() -> None:
        clock = Clock()
        store = MemoryPatterns(now=clock)
        texts = Texts(**{OWNER.require_tenant(): dict(SHOP)})
        shelf = Shelf(store, wall=clock, now=clock)
        done = asyncio.Event()

        put = store.put

        async def noted(*arguments: object, **named: object) -> bool:
            kept = await put(*arguments, **named)
            done.set()
            return kept

        store.put = noted
        async with Teacher(store, texts, shelf, wall=clock, wait=lambda _: asyncio.sleep(0)) as teacher:
            reading = FactReading(Bundles(), shelf=shelf, keeper=teacher)
            first = await reading.read(OWNER, "Prix : 12.500")
            await asyncio.wait_for(done.wait(), 20)
            clock.seconds += FRESH_SECONDS + 1
            second = await reading.read(OWNER, "Prix : 12.500")
        assert [fact.kind for fact in first] == ["number"]
        assert [fact.kind for fact in second] == ["money"]

    asyncio.run(scenario())


def test_changes_are_learned_once_after_a_quiet_moment() -> None:
    class Inline(Teacher):
        """Learns nothing, and counts."""

        learned = 0

        async def learn(self, owner: Principal, *, dry_run: bool = False) -> object:
            self.learned += 1
            return None

    async def scenario() -> int:
        clock = Clock()
        store = MemoryPatterns(now=clock)
        async with Inline(store, Texts(), Shelf(store, wall=clock, now=clock), wall=clock) as teacher:
            for _ in range(5):
                teacher.documents_changed(OWNER)
                await asyncio.sleep(0.5)
            await asyncio.sleep(10)
            return teacher.learned

    assert run_in_virtual_time(scenario()) == 1
