"""Turns that wait on the disk: none that was said to be held is lost by a killed process, and none is kept twice."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from libs.common.errors import Unavailable
from libs.common.request_context import Principal, TenantId
from services.router.adapters import file_outbox
from services.router.adapters.file_outbox import FileOutbox
from services.router.adapters.open_conversations import OpenConversations
from services.router.adapters.outbox_frames import read_frames, write_frame
from services.router.conversations import Commit, ConversationRef
from services.router.outbox import Waiting
from services.router.steady_conversations import SteadyConversations
from services.router.turn import CacheOutcome, FlowState, Message, Reply, Rung, SlotValue, Stored, Variant
from tests.fakes.engines import FragileConversations, Trouble
from tests.fakes.router_world import RouterWorld


def ref(conversation: str = "c1", tenant: str = "shop") -> ConversationRef:
    return ConversationRef(Principal("dev:shop", TenantId(tenant)), conversation)


def waiting(number: int = 1, conversation: str = "c1", *, base: int | None = 0) -> Waiting:
    turn_id = f"t{number}"
    state = FlowState("commande", "collecting", {"photo": SlotValue("sha", turn_id, True)}, {"tel": 2}, "tel", number)
    reply = Reply("Votre numéro ?", turn_id, Variant.HYBRID, Rung.ASSIGNED, state, CacheOutcome(), Variant.CLASSIC)
    messages = (
        Message(turn_id, "customer", f"message {number}", (), 1000.5),
        Message(turn_id, "bot", "Votre numéro ?", (), 1001.0, "ask_phone", "d" * 64),
    )
    commit = Commit(base, messages, reply, True, "awa", 86_400, Variant.HYBRID, 1000.25)
    return Waiting(ref(conversation), commit, 2000.0 + number)


@asynccontextmanager
async def opened(folder: Path, *, max_bytes: int = 1 << 20) -> AsyncIterator[tuple[FileOutbox, Sequence[Waiting]]]:
    outbox, left = FileOutbox.open(folder, max_bytes=max_bytes, clock=lambda: 5.0)
    try:
        yield outbox, left
    finally:
        await outbox.aclose()


@pytest.mark.parametrize("turn", [waiting(), waiting(base=None), waiting(base=7)])
def test_everything_of_a_turn_comes_back_from_its_frame(turn: Waiting) -> None:
    assert read_frames(write_frame(turn)).turns == [turn]


def test_what_a_crash_cut_short_is_told_from_damage() -> None:
    whole = write_frame(waiting(1)) + write_frame(waiting(2))
    first = len(write_frame(waiting(1)))
    for end in range(first + 1, len(whole)):
        found = read_frames(whole[:end])
        assert (list(found.turns), found.is_cut, found.damage) == ([waiting(1)], True, "")
    assert read_frames(whole + bytes(4096)).is_cut
    for at in range(len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 0x40
        found = read_frames(bytes(broken))
        # Never a turn that differs from the one written; the last one's damage looks as if it were cut.
        assert list(found.turns) == ([] if at < first else [waiting(1)])
        assert bool(found.damage) != found.is_cut
        assert not found.is_cut or at >= first


async def test_turns_are_there_after_a_restart_in_their_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as (outbox, left):
        assert list(left) == []
        assert await asyncio.gather(*(outbox.append(waiting(number)) for number in range(20))) == [True] * 20
    async with opened(tmp_path) as (outbox, left):
        assert [turn.commit.reply.turn_id for turn in left] == [f"t{number}" for number in range(20)]
        assert await outbox.keep_only(left[18:])
        assert await outbox.append(waiting(20))
    async with opened(tmp_path) as (outbox, left):
        assert [turn.commit.reply.turn_id for turn in left] == ["t18", "t19", "t20"]
        assert await outbox.keep_only(())
    async with opened(tmp_path) as (_, left):
        assert list(left) == []


async def test_turns_at_the_same_time_are_synced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0
    fsync = os.fsync

    def counted(file: int) -> None:
        nonlocal syncs
        syncs += 1
        fsync(file)

    async with opened(tmp_path) as (outbox, _):
        monkeypatch.setattr(os, "fsync", counted)
        await asyncio.gather(*(outbox.append(waiting(number)) for number in range(100)))
    assert syncs <= 2


async def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "outbox") as (outbox, _):
        await outbox.append(waiting())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "outbox").iterdir()}
    assert modes == {"0.journal": 0o600, "0.lock": 0o600}
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700


async def test_two_processes_of_one_folder_never_mix_and_the_last_one_takes_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as (first, _):
        await first.append(waiting(1))
        async with opened(tmp_path) as (second, left):
            assert list(left) == []
            await second.append(waiting(2, "c2"))
            await first.append(waiting(3))
    async with opened(tmp_path) as (_, left):
        assert [turn.commit.reply.turn_id for turn in left] == ["t1", "t2", "t3"]
        assert not (tmp_path / "1.journal").exists()


async def test_cut_file_is_read_up_to_the_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as (outbox, _):
        await outbox.append(waiting(1))
        await outbox.append(waiting(2))
    journal = tmp_path / "0.journal"
    journal.write_bytes(journal.read_bytes()[:-3])
    async with opened(tmp_path) as (outbox, left):
        assert list(left) == [waiting(1)]
        await outbox.append(waiting(3))
    async with opened(tmp_path) as (_, left):
        assert list(left) == [waiting(1), waiting(3)]
    assert caplog.text.count("cut short") == 1
    assert "message 2" not in caplog.text


async def test_damaged_file_is_set_aside_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as (outbox, _):
        for number in range(3):
            await outbox.append(waiting(number))
    journal = tmp_path / "0.journal"
    content = bytearray(journal.read_bytes())
    content[len(write_frame(waiting(0))) + 100] ^= 1
    journal.write_bytes(content)
    async with opened(tmp_path) as (_, left):
        assert list(left) == [waiting(0)]
    assert "is damaged" in caplog.text
    aside = tmp_path / "0.damaged-5"
    assert aside.read_bytes() == content
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    caplog.clear()
    async with opened(tmp_path) as (_, left):
        assert (list(left), caplog.text) == ([waiting(0)], "")


async def test_full_file_takes_no_more_until_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=2 * len(write_frame(waiting(1)))) as (outbox, _):
        assert [await outbox.append(waiting(number)) for number in range(3)] == [True, True, False]
        assert await outbox.keep_only((waiting(1),))
        assert await outbox.append(waiting(2))


async def test_disk_that_is_full_is_said_once_and_leaves_no_half_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = os.write

    def full(file: int, content: bytes) -> int:
        write(file, bytes(content)[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    async with opened(tmp_path) as (outbox, _):
        await outbox.append(waiting(1))
        with monkeypatch.context() as broken:
            broken.setattr(file_outbox.os, "write", full)
            assert [await outbox.append(waiting(2)), await outbox.append(waiting(3))] == [False, False]
            assert not outbox.outlives_process
        assert await outbox.append(waiting(4))
        assert outbox.outlives_process
    assert caplog.text.count("No space left on device") == 1
    async with opened(tmp_path) as (_, left):
        assert [turn.commit.reply.turn_id for turn in left] == ["t1", "t4"]


def steady_on(world: RouterWorld, outbox: FileOutbox, left: Sequence[Waiting] = ()) -> SteadyConversations:
    steady = SteadyConversations(
        world.store,
        is_back=world.store.is_back,
        outbox=outbox,
        left=left,
        timeout_seconds=0.03,
        outbox_timeout_seconds=10.0,
    )
    world.steady = world.conversations = steady
    world.chat = world.make_chat()
    return steady


async def customer_texts(store: FragileConversations, conversation: str = "c1") -> list[str]:
    page = await store.page(ref(conversation), size=200, token="")
    return [message.text for message in page.messages if message.author == "customer"] if page else []


async def test_waiting_turns_outlive_their_process(tmp_path: Path) -> None:
    world = RouterWorld()
    async with opened(tmp_path) as (outbox, _):
        steady_on(world, outbox)
        await world.say("un", turn_id="t1")
        world.store.trouble = Trouble("error")
        stored = [(await world.say(text, turn_id=text)).stored for text in ("deux", "trois")]
        assert stored == [Stored.PENDING] * 2
    # The process ends here, with the store still away; the next one does not know the conversation.
    async with opened(tmp_path) as (outbox, left):
        steady = steady_on(world, outbox, left)
        assert (steady.is_down, steady.waiting) == (True, 2)
        assert (await world.say("deux", turn_id="deux")).replayed
        assert (await world.say("quatre")).reply.state.event_count == 4
        world.store.trouble = Trouble()
        assert await steady.replay()
        assert (await world.say("cinq")).reply.state.event_count == 5
        assert await customer_texts(world.store) == ["un", "deux", "trois", "quatre", "cinq"]
    async with opened(tmp_path) as (_, left):
        assert list(left) == []


async def test_process_killed_while_it_replays_keeps_no_turn_twice(tmp_path: Path) -> None:
    world = RouterWorld()
    async with opened(tmp_path) as (outbox, _):
        steady = steady_on(world, outbox)
        world.store.trouble = Trouble("error")
        for number in range(6):
            await world.say(f"message {number}", conversation=f"c{number % 2}")
        world.store.trouble = Trouble()
        # All is in the store, and the process ends before its file says so.
        kept = (tmp_path / "0.journal").read_bytes()
        assert await steady.replay()
    (tmp_path / "0.journal").write_bytes(kept)
    async with opened(tmp_path) as (outbox, left):
        assert len(left) == 6
        assert await steady_on(world, outbox, left).replay()
    assert await customer_texts(world.store, "c0") == ["message 0", "message 2", "message 4"]
    assert await customer_texts(world.store, "c1") == ["message 1", "message 3", "message 5"]


async def test_store_that_goes_away_again_leaves_in_the_file_only_what_still_waits(tmp_path: Path) -> None:
    world = RouterWorld()
    async with opened(tmp_path) as (outbox, _):
        steady = steady_on(world, outbox)
        world.store.trouble = Trouble("error")
        for number in range(6):
            await world.say(f"message {number}", conversation=f"c{number}", turn_id=f"t{number}")
        world.store.trouble = Trouble()
        # Four turns of one conversation each are kept, and then it answers no more.
        world.store.away_after = 4
        assert not await steady.replay()
        assert steady.waiting == 2
        held = read_frames((tmp_path / "0.journal").read_bytes()).turns
        assert [turn.commit.reply.turn_id for turn in held] == ["t4", "t5"]
        world.store.away_after = None
        world.store.trouble = Trouble()
        assert await steady.replay()
    assert [await customer_texts(world.store, f"c{n}") for n in range(6)] == [[f"message {n}"] for n in range(6)]


async def test_what_a_conversation_began_with_is_known_through_an_outage() -> None:
    world = RouterWorld()
    steady, change = world.steady, waiting(1).commit
    await steady.commit(ref(), change)
    world.store.trouble = Trouble("error")
    away = await steady.load(ref(), "")
    assert (away.began_with, away.began_at) == (Variant.HYBRID, 1000.25)
    later = replace(waiting(2, base=away.version).commit, began_with=Variant.CLASSIC, began_at=3000.0)
    await steady.commit(ref(), later)
    await steady.commit(ref("new"), replace(later, base_version=None))
    assert (await steady.load(ref("new"), "")).began_with is Variant.CLASSIC
    world.store.trouble = Trouble()
    assert await steady.replay()
    assert (await steady.load(ref(), "")).began_at == 1000.25
    assert (await steady.load(ref("new"), "")).began_at == 3000.0


async def test_turn_that_the_disk_does_not_take_is_not_called_held(tmp_path: Path) -> None:
    world = RouterWorld()
    async with opened(tmp_path, max_bytes=10) as (outbox, _):
        steady = steady_on(world, outbox)
        world.store.trouble = Trouble("error")
        assert [(await world.say("un", turn_id="t1")).stored for _ in range(2)] == [Stored.NOT_KEPT] * 2
        # It waits in memory all the same.
        world.store.trouble = Trouble()
        assert await steady.replay()
        assert await customer_texts(world.store) == ["un"]


async def test_delete_is_refused_by_name_while_turns_wait(tmp_path: Path) -> None:
    world = RouterWorld()
    async with opened(tmp_path) as (outbox, _):
        steady = steady_on(world, outbox)
        world.store.trouble = Trouble("error")
        await world.say("un", user_id="awa")
        for refused in (steady.delete(ref()), steady.conversations_of(ref().principal, "awa")):
            with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
                await refused
        world.store.trouble = Trouble()
        await steady.replay()
        assert list(await steady.conversations_of(ref().principal, "awa")) == ["c1"]
        assert await steady.delete(ref())
        assert (tmp_path / "0.journal").read_bytes() == b""


async def test_conversation_that_another_replica_deleted_is_not_brought_back() -> None:
    """The first replica served it, lost the store, and had turns waiting before and after the deletion."""
    seconds = iter(range(1000, 2000))
    world = RouterWorld()
    world.store._clock = lambda: float(next(seconds))
    steady = SteadyConversations(
        world.store, is_back=world.store.is_back, timeout_seconds=0.03, clock=lambda: float(next(seconds))
    )
    world.conversations = steady
    world.chat = world.make_chat()
    await world.say("secret un")
    world.store.trouble = Trouble("error")
    await world.say("secret deux")
    world.store.trouble = Trouble()
    assert await world.store.delete(ref())
    world.store.trouble = Trouble("error")
    await world.say("bonjour")
    world.store.trouble = Trouble()
    assert await steady.replay()
    assert await customer_texts(world.store) == ["bonjour"]
    # Neither a slot nor a count of what was deleted.
    snapshot = await world.store.load(ref(), "")
    assert (snapshot.state.slots, snapshot.state.event_count) == ({}, 0)


async def test_other_replicas_forget_a_deleted_conversation() -> None:
    world, other = RouterWorld(), RouterWorld()
    other.steady._store = world.store
    await world.say("secret")
    assert await other.steady.delete(ref())
    assert await world.steady.replay()
    world.store.trouble = Trouble("error")
    away = await world.say("bonjour")
    assert (away.stored, away.reply.state.event_count) == (Stored.PENDING, 1)


async def test_order_goes_on_through_a_second_outage() -> None:
    world = RouterWorld()
    await world.say("un")
    for text in ("deux", "trois"):
        world.store.trouble = Trouble("error")
        await world.say(text)
        world.store.trouble = Trouble()
        assert await world.steady.replay()
    world.store.trouble = Trouble("error")
    assert (await world.say("quatre")).reply.state.event_count == 4


def test_frames_of_two_tenants_do_not_open_for_each_other() -> None:
    frame = write_frame(waiting())
    assert read_frames(frame.replace(b"\x04shop", b"\x04spot")).turns == []
    other = replace(waiting(), ref=ref(tenant="other"))
    assert read_frames(write_frame(other)).turns[0].ref.principal.tenant == "other"


async def test_two_replays_at_once_lose_no_turn() -> None:
    world = RouterWorld()
    world.store.trouble = Trouble("error")
    for number in range(4):
        await world.say(f"message {number}", turn_id=f"t{number}")
    world.store.trouble = Trouble()
    assert await asyncio.gather(world.steady.replay(), world.steady.replay()) == [True, True]
    assert await customer_texts(world.store) == [f"message {number}" for number in range(4)]


async def test_an_outage_remembers_no_more_conversations_than_turns_that_wait() -> None:
    """However many customers come while it lasts."""
    store = FragileConversations()
    store.trouble = Trouble("error")
    steady = SteadyConversations(store, is_back=store.is_back, max_waiting=3)
    world = RouterWorld(conversations=steady)
    replies = [await world.say("bonjour", conversation=f"c{number}") for number in range(20)]
    assert [each.stored for each in replies].count(Stored.PENDING) == 3
    assert len(steady._memory._away) == 3
    assert OpenConversations(steady, steady).dependency().detail == (
        "3 turns wait in memory only to be kept. 17 turns were not kept since this process began."
    )
