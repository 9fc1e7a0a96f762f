"""Phrases on disk: shared, whole or not at all, and damaged files made again."""

import asyncio
import logging
import os
from pathlib import Path

import numpy as np
import pytest

from libs.common.errors import NotFound, Unavailable
from libs.common.request_context import TenantId
from services.voice.adapters.disk_phrases import DiskPhrases
from services.voice.audio import AudioForm
from services.voice.narration import Narration
from services.voice.phrase_store import PhraseAudio, phrase_key
from services.voice.phrases import PhraseMemory, default_phrases
from services.voice.pregenerating import PhraseProgress, Pregenerating
from services.voice.speaking import TenantVoice
from services.voice.speech_figures import SpeechFigures
from services.voice.voices import Plan, Voices
from tests.fakes.scripted_voice import ScriptedVoice

TENANT = TenantId("rue-du-gros")
AUDIO = PhraseAudio(np.arange(-400, 400, dtype=np.int16), 8_000, "pico:fr-FR")
KEY = "ab" * 32


class OneTenant:
    def __init__(self) -> None:
        self.phrases = {"greet": "Bienvenue à la boutique."}

    async def of(self, tenant: TenantId) -> TenantVoice:
        if tenant != TENANT:
            raise NotFound("TENANT_NOT_FOUND", "No such tenant.")
        return TenantVoice("fr-CI", phrases=self.phrases)


class Booth:
    """A paid and a local voice, and memories on one folder."""

    def __init__(self, folder: Path) -> None:
        self.paid, self.local = ScriptedVoice("paid", is_paid=True), ScriptedVoice("local")
        self.voices = Voices([self.paid, self.local])
        self.tenants = OneTenant()
        self.folder = folder
        self.store = DiskPhrases(folder)
        self.figures = SpeechFigures()

    def memory(self) -> PhraseMemory:
        return PhraseMemory(self.voices, store=self.store, figures=self.figures)

    async def pregenerate(self, memory: PhraseMemory | None = None, *, check: bool = False) -> list[PhraseProgress]:
        making = Pregenerating(tenants=self.tenants, voices=self.voices, phrases=memory or self.memory())
        return [each async for each in making.run(TENANT, check=check, form=AudioForm())]

    def plan(self) -> Plan:
        return self.voices.plan(locale="fr-CI")


@pytest.fixture
def booth(tmp_path: Path) -> Booth:
    return Booth(tmp_path / "phrases")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_saved_is_loaded_by_another_process(tmp_path: Path) -> None:
    DiskPhrases(tmp_path).save(KEY, AUDIO)
    loaded = DiskPhrases(tmp_path).load(KEY)
    assert loaded is not None
    assert (loaded.sample_rate_hz, loaded.voice) == (8_000, "pico:fr-FR")
    assert np.array_equal(loaded.samples, AUDIO.samples)
    assert [path.suffix for path in files(tmp_path)] == [".raw"]
    assert DiskPhrases(tmp_path).load("cd" * 32) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-2],
        lambda content: content[:40],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"\xff" * len(content),
        lambda content: content.replace(b"8000", b"many"),
        lambda content: content.replace(b"\n", b"", 1),
    ],
)
def test_a_damaged_file_is_named_taken_away_and_never_played(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(damage)
    store = DiskPhrases(tmp_path)
    store.save(KEY, AUDIO)
    (path,) = files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert store.load(KEY) is None
    assert str(path) in caplog.text
    assert files(tmp_path) == []
    store.save(KEY, AUDIO)
    assert store.load(KEY) is not None


def test_a_writer_that_dies_leaves_no_half_phrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DiskPhrases(tmp_path)

    def die(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", die)
    with pytest.raises(Unavailable, match="PHRASES_NOT_WRITABLE"):
        store.save(KEY, AUDIO)
    assert files(tmp_path) == []


def test_the_newest_that_fit_come_first(tmp_path: Path) -> None:
    store = DiskPhrases(tmp_path)
    for index in range(4):
        key = f"{index:02d}" * 32
        store.save(key, AUDIO)
        path = next(path for path in files(tmp_path) if path.stem == key)
        os.utime(path, (index, index))
    size = files(tmp_path)[0].stat().st_size
    assert [key[:2] for key, _ in store.newest(2 * size)] == ["03", "02"]


def test_the_key_tells_apart_all_that_changes_the_sound(booth: Booth) -> None:
    candidate = booth.plan().candidates[0]
    keys = {
        phrase_key("Oui.", candidate, locale="fr", sample_rate_hz=8_000),
        phrase_key("Non.", candidate, locale="fr", sample_rate_hz=8_000),
        phrase_key("Oui.", candidate, locale="en", sample_rate_hz=8_000),
        phrase_key("Oui.", candidate, locale="fr", sample_rate_hz=16_000),
        phrase_key("Oui.", booth.plan().candidates[1], locale="fr", sample_rate_hz=8_000),
    }
    booth.paid.model = "scripted-2"
    changed = Voices([booth.paid]).plan(locale="fr").candidates[0]
    keys.add(phrase_key("Oui.", changed, locale="fr", sample_rate_hz=8_000))
    assert len(keys) == 6
    assert phrase_key("Oui.", candidate, locale="fr", sample_rate_hz=8_000) in keys
    same = phrase_key("2 km", candidate, locale="fr", sample_rate_hz=8_000)
    assert phrase_key("deux kilomètres", candidate, locale="fr-CI", sample_rate_hz=8_000) == same


async def test_only_what_is_missing_is_made_and_check_makes_nothing(booth: Booth) -> None:
    checked = await booth.pregenerate(check=True)
    assert {each.outcome for each in checked} == {"missing"}
    assert booth.paid.asked == []
    made = await booth.pregenerate()
    total = len({**default_phrases("fr"), **booth.tenants.phrases})
    assert [each.done_count for each in made] == list(range(1, total + 1))
    assert {each.total_count for each in made} == {total}
    assert {each.outcome for each in made} == {"made"}
    assert all(each.audio_ms > 0 for each in made)
    asked = len(booth.paid.asked)
    again = await booth.pregenerate()
    assert ({each.outcome for each in again}, len(booth.paid.asked)) == ({"present"}, asked)
    booth.tenants.phrases["greet"] = "Bonsoir."
    changed = {each.key: each.outcome for each in await booth.pregenerate()}
    assert [key for key, outcome in changed.items() if outcome == "made"] == ["greet"]
    assert booth.paid.asked[asked:] == ["Bonsoir."]


async def test_another_process_plays_them_without_a_call_to_any_voice(booth: Booth) -> None:
    await booth.pregenerate()
    booth.paid.asked.clear()
    memory = booth.memory()
    await memory.load()
    for text in (booth.tenants.phrases["greet"], default_phrases("fr")["welcome"]):
        assert memory.peek(text, plan=booth.plan(), sample_rate_hz=8_000) is not None
        assert await memory.get(text, plan=booth.plan(), sample_rate_hz=8_000, narration=Narration([]))
    assert (booth.paid.asked, booth.local.asked) == ([], [])
    assert booth.figures.summary().phrase_hit_rate == pytest.approx(2 / (2 + len(default_phrases("fr"))))


async def test_a_phrase_that_another_process_made_is_read_when_it_is_asked_for(booth: Booth) -> None:
    late = booth.memory()
    await booth.pregenerate()
    booth.paid.asked.clear()
    text = booth.tenants.phrases["greet"]
    assert late.peek(text, plan=booth.plan(), sample_rate_hz=8_000) is None
    assert await late.get(text, plan=booth.plan(), sample_rate_hz=8_000, narration=Narration([]))
    assert booth.paid.asked == []


async def test_a_damaged_phrase_is_made_again_and_by_the_next_voice_when_it_must(
    booth: Booth, caplog: pytest.LogCaptureFixture
) -> None:
    await booth.pregenerate()
    for path in files(booth.folder):
        path.write_bytes(b"noise")
    booth.paid.fail_after_pieces = [0]
    narration = Narration([])
    with caplog.at_level(logging.WARNING):
        audio = await booth.memory().get("Bonjour !", plan=booth.plan(), sample_rate_hz=8_000, narration=narration)
    assert audio is not None
    assert audio.voice == "local:one"
    assert narration.reasons == ["PAID_FAILED"]


async def test_a_voice_that_fails_is_told_with_what_is_kept_meanwhile(booth: Booth) -> None:
    booth.paid.fail_after_pieces = [0] * 50
    outcomes = await booth.pregenerate()
    assert outcomes[0].outcome == "failed"
    assert "paid:one failed (PAID_FAILED); local:one is kept meanwhile." in outcomes[0].detail


async def test_a_folder_that_cannot_be_written_costs_the_file_and_not_the_sound(tmp_path: Path) -> None:
    (tmp_path / "phrases").write_text("in the way")
    booth = Booth(tmp_path / "phrases")
    outcome = (await booth.pregenerate())[0]
    assert outcome.outcome == "failed"
    assert "PHRASES_NOT_WRITABLE" in outcome.detail
    assert outcome.audio_ms > 0


async def test_memory_forgets_the_phrase_that_was_used_longest_ago(booth: Booth) -> None:
    memory = PhraseMemory(booth.voices, max_bytes=40_000)
    for text in ("Un deux trois.", "Quatre cinq six.", "Sept huit neuf."):
        await memory.get(text, plan=booth.plan(), sample_rate_hz=8_000, narration=Narration([]))
    assert len(memory) == 2
    assert memory.peek("Un deux trois.", plan=booth.plan(), sample_rate_hz=8_000) is None


async def test_two_processes_that_make_one_phrase_at_once_leave_one_whole_file(booth: Booth) -> None:
    await asyncio.gather(booth.pregenerate(), booth.pregenerate())
    keys = [path.stem for path in files(booth.folder)]
    assert len(keys) == len(set(keys))
    assert all(booth.store.load(key) for key in keys)
