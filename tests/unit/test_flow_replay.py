"""The same events give the same state, whichever engine answers each of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.hybrid_engine.adapters.messages import read_state, write_state
from services.hybrid_engine.classic.answering import ClassicAnswering
from services.hybrid_engine.flow.fold import fold, replay
from services.hybrid_engine.flow.state import Attached, Event, FlowState
from services.hybrid_engine.hybrid.answering import HybridAnswering
from services.hybrid_engine.llm.tiers import Cascade
from services.hybrid_engine.turn import Turn
from tests.fakes.engine_parts import FakeModel, FakePassages, example_bundle, example_rules

RULES = example_rules()
TEXTS = st.sampled_from(
    ["", "bonjour", "je veux commander", "à Cocody", "non, c'est Yopougon pas Cocody", "07 07 07 07 07", "oui", "non",
     "+225 0101020304", "07 07 07", "annule", "Livrez-vous le dimanche ?", "Abidjan nord", "un conseiller", "Yop, 0505"]
) | st.text(max_size=40)  # fmt: skip
IMAGES = st.builds(
    Attached,
    kind=st.sampled_from(["image", "audio", "location"]),
    uri=st.just("media://x"),
    digest=st.sampled_from(["", "a" * 64, "b" * 64, "c" * 64]),
    caption=st.sampled_from(["", "le colis", "capture du paiement", "à Abobo"]),
)
EVENTS = st.lists(
    st.builds(
        Event,
        turn_id=st.just("t"),
        conversation_id=st.just("c"),
        text=TEXTS,
        attachments=st.tuples() | st.tuples(IMAGES),
    ),
    max_size=12,
)


def wire(state: FlowState) -> bytes:
    return write_state(state).SerializeToString(deterministic=True)


@settings(deadline=None, max_examples=150)
@given(EVENTS)
def test_replaying_a_conversation_gives_the_same_state_bit_for_bit(events: list[Event]) -> None:
    assert wire(replay(events, RULES)) == wire(replay(events, RULES))


CALLS = st.lists(
    st.sampled_from(
        ["allô", "plus d'internet", "c'est lent", "mon wifi est faible", "il est rouge", "non, vert", "oui", "non",
         "fait",
         "c'est quoi le voyant orange ?", "un technicien", "annule", "une panne", "0612345678", "non le 0699887766",
         "le matin", "euh", "ça marche", "j'y arrive pas", ""]
    ),
    max_size=14,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(CALLS, st.integers(min_value=0, max_value=16383))
def test_a_call_in_phases_may_restart_anywhere(messages: list[str], restarts: int) -> None:
    """Each set bit of `restarts` is an engine that ends, and another that goes on from the state on the wire."""
    rules = example_rules("sav-internet")
    events = [Event(f"t{at}", "c", message) for at, message in enumerate(messages)]
    state = FlowState(flow_id=rules.flow_id)
    for at, event in enumerate(events):
        if (restarts >> at) & 1:
            state = read_state(type(write_state(state)).FromString(wire(state)))
        state = fold(state, event, rules)
    assert wire(state) == wire(replay(events, rules))


@settings(deadline=None, max_examples=100)
@given(EVENTS)
def test_a_state_survives_its_way_over_the_wire_between_turns(events: list[Event]) -> None:
    state = FlowState(flow_id=RULES.flow_id)
    for at in range(len(events)):
        state = read_state(write_state(state))
        state = fold(state, events[at], RULES)
    assert state == replay(events, RULES)


@settings(deadline=None, max_examples=60)
@given(EVENTS, st.integers(min_value=0, max_value=4095))
async def test_any_interleaving_of_the_engines_gives_the_same_slots(events: list[Event], switches: int) -> None:
    async def bundle():
        return example_bundle()

    model = FakeModel(*["Bien reçu."] * (2 * len(events)))
    cascade = Cascade([model])
    passages = FakePassages("Nous livrons du lundi au samedi.")
    engines = (
        HybridAnswering(bundles=bundle, passages=passages, cascade_of=lambda _: Cascade()),
        ClassicAnswering(bundles=bundle, passages=passages, cascade_of=lambda _: cascade),
    )
    state = FlowState()
    for at, event in enumerate(events):
        answer = await engines[(switches >> at) & 1].answer(Turn(event, state))
        assert answer.text
        state = answer.state
    assert wire(state) == wire(replay(events, RULES)) if events else state == FlowState()
