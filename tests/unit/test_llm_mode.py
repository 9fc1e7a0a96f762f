"""When models may be called: what is written down, where, and how it changes while the engine runs."""

import asyncio
import logging
from pathlib import Path

import pytest

from libs.common.errors import InvalidRequest
from libs.common.settings import load_settings
from libs.common.tenants.bundle import Tier
from services.hybrid_engine.adapters.open_tiers import TierOpener, tier_of_settings
from services.hybrid_engine.llm.choosing import Cascades
from services.hybrid_engine.llm.guarded_tier import NO_KEY
from services.hybrid_engine.llm.mode import LlmMode, follow_mode_file, read_mode, read_mode_file
from services.hybrid_engine.llm.tier_file import read_tiers
from services.hybrid_engine.settings import EngineSettings
from tests.fakes.engine_parts import example_bundle
from tests.fakes.virtual_time import VirtualTimeLoop

EXAMPLE = Path(__file__).parents[2] / "examples" / "llm-tiers.yaml"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("auto", LlmMode.AUTO),
        (" Enabled\n", LlmMode.ENABLED),
        ('"disabled"', LlmMode.DISABLED),
        ("true", LlmMode.ENABLED),
        ("false", LlmMode.DISABLED),
        ("", None),
    ],
)
def test_the_words_for_a_mode(text: str, mode: LlmMode | None) -> None:
    assert read_mode(text) is mode


@pytest.mark.parametrize("variable", ["LLM_MODE", "REPARTEE_LLM_MODE"])
def test_the_mode_is_read_under_both_names(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "disabled")
    assert EngineSettings().llm_mode == "disabled"
    assert EngineSettings(llm_mode="auto").llm_mode == "auto"


@pytest.mark.parametrize("variable", ["LLM_MODE", "REPARTEE_LLM_MODE"])
def test_any_other_word_keeps_an_engine_from_starting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    monkeypatch.setenv(variable, "perhaps")
    with pytest.raises(SystemExit):
        load_settings(EngineSettings)
    assert "write auto, enabled or disabled" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("disabled", LlmMode.DISABLED),
        ("# off\nexport LLM_MODE=disabled\n", LlmMode.DISABLED),
        ("OTHER=1\nLLM_MODE=auto\nLLM_MODE=enabled\n", LlmMode.ENABLED),
        ("OTHER=1\n", None),
        ("", None),
    ],
)
def test_a_file_names_the_mode(tmp_path: Path, text: str, mode: LlmMode | None) -> None:
    file = tmp_path / "engine.env"
    file.write_text(text)
    assert read_mode_file(file) is mode
    assert read_mode_file(tmp_path / "none") is None


def test_a_file_with_another_word_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "engine.env"
    file.write_text("LLM_MODE=on-and-off")
    with pytest.raises(InvalidRequest) as raised:
        read_mode_file(file)
    assert raised.value.reason == "INVALID_SETTING"


class _ThreadFreeLoop(VirtualTimeLoop):
    """Reads files at once: a thread would wake a loop that does not wait."""

    def run_in_executor(self, executor, func, *args):  # type: ignore[no-untyped-def]
        async def at_once() -> object:
            return func(*args)

        return self.create_task(at_once())


def test_a_file_is_followed_and_a_mistake_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "engine.env"
    seen: list[LlmMode] = []

    async def play() -> None:
        following = asyncio.create_task(follow_mode_file(file, seen.append))
        for text in ("", "disabled", "disabled", "dsiabled", "dsiabled", "auto"):
            file.write_text(text)
            await asyncio.sleep(1.5)
        file.unlink()
        await asyncio.sleep(1.5)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    with asyncio.Runner(loop_factory=_ThreadFreeLoop) as runner:
        runner.run(play())
    assert seen == [LlmMode.DISABLED, LlmMode.AUTO]
    assert sum("write auto" in line for line in caplog.messages) == 1


def test_the_example_cascade_is_the_one_that_is_documented() -> None:
    tiers = read_tiers(EXAMPLE)
    assert [tier.name for tier in tiers] == ["lm_studio", "openai", "openrouter", "groq"]
    assert (tiers[0].base_url, tiers[0].timeout_seconds) == ("http://localhost:1234/v1", 10.0)
    assert (tiers[3].model, tiers[3].temperature) == ("llama-3.3-70b-versatile", 0.7)
    assert len(tiers[2].more_models) == 2


def test_a_wrong_file_of_tiers_names_every_place(tmp_path: Path) -> None:
    file = tmp_path / "tiers.yaml"
    file.write_text(
        "tiers:\n"
        "  - {name: a, base_url: 'http://u:p@host/v1', model: m, more_models: [m]}\n"
        "  - {name: a, base_url: 'http://host:99999/v1', model: m, gap_seconds: 9}\n"
    )
    with pytest.raises(InvalidRequest) as raised:
        read_tiers(file)
    fields = [each.field for each in raised.value.violations]
    assert fields == [
        "tiers.yaml:2 tiers[0].more_models[0]",
        "tiers.yaml:2 tiers[0].base_url",
        "tiers.yaml:3 tiers[1].gap_seconds",
        "tiers.yaml:3 tiers[1].base_url",
        "tiers.yaml:3 tiers[1].name",
    ]
    with pytest.raises(InvalidRequest):
        read_tiers(tmp_path / "none.yaml")


def test_a_missing_key_switches_its_tier_off_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    opener = TierOpener(EngineSettings(), environment={"GROQ_API_KEY": "k"})
    cascades = Cascades(read_tiers(EXAMPLE), open_tier=opener.open)
    refusals = {tier.name: tier.refusal for tier in cascades.of_process.tiers}
    assert refusals == {"lm_studio": "", "openai": NO_KEY, "openrouter": NO_KEY, "groq": ""}
    assert caplog.messages == [
        "[MODEL] ⚠️ Pas de clé OpenAI configurée",
        "[MODEL] ⚠️ Pas de clé OpenRouter configurée",
    ]


def test_a_key_that_cannot_be_sent_is_none_and_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    opener = TierOpener(EngineSettings(), environment={"OPENAI_API_KEY": "sk-clé", "GROQ_API_KEY": "k\n"})
    cascades = Cascades(read_tiers(EXAMPLE), open_tier=opener.open)
    refusals = {tier.name: tier.refusal for tier in cascades.of_process.tiers}
    assert refusals == {"lm_studio": "", "openai": NO_KEY, "openrouter": NO_KEY, "groq": ""}
    assert "[MODEL] ⚠️ OPENAI_API_KEY: characters that no key has" in caplog.messages
    assert not any("sk-" in line for line in caplog.messages)


async def test_tenants_share_what_is_known_of_a_tier_and_what_is_idle_is_closed() -> None:
    now = 0.0
    opener = TierOpener(EngineSettings(), environment={})
    own = Tier(name="own", base_url="http://localhost:9/v1", model="m")
    bundle = example_bundle()
    mine = bundle.model_copy(update={"llm": bundle.llm.model_copy(update={"tiers": (own,)})})
    cascades = Cascades([], open_tier=opener.open, now=lambda: now)
    other = mine.model_copy(update={"id": "another-shop"})
    tier = cascades.of(mine).tiers[0]
    assert cascades.of(other).tiers[0] is tier
    assert not cascades.of(bundle).configured
    now = 3601.0
    await cascades.close_idle()
    assert not cascades.tiers()
    assert cascades.of(mine).tiers[0] is not tier
    await cascades.aclose()


def test_the_mode_holds_for_every_cascade_from_the_next_request_on() -> None:
    settings = EngineSettings(llm_base_url="http://localhost:9/v1", llm_model="m", llm_seconds=3.0)
    cascades = Cascades([tier_of_settings(settings)], open_tier=TierOpener(settings).open)
    assert cascades.of(example_bundle()).configured
    assert cascades.set_mode(LlmMode.DISABLED) is LlmMode.AUTO
    assert not cascades.of(example_bundle()).configured
    assert cascades.of_process.tiers[0].traits.limits.whole_seconds == 3.0
