"""`repartee voice`: have phrases made before anybody calls, and hear what that is worth."""

import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from libs.common.errors import PreconditionFailed
from repartee.v1 import common_pb2, voice_pb2, voice_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, TenantOption, console, run
from tools.stack import StackOptions, free_port_base, running_stack

if TYPE_CHECKING:
    from tools.voice_scenes import Played

voice = typer.Typer(help="The voice of a tenant: its phrases, and how it sounds to a caller.", no_args_is_help=True)

_SPEECH = voice_pb2.DESCRIPTOR.services_by_name["VoiceService"]
_ADMIN = voice_pb2.DESCRIPTOR.services_by_name["VoiceAdminService"]
_STATUS = common_pb2.DESCRIPTOR.services_by_name["StatusService"]
_MARKS = {
    "present": "[dim]present[/]",
    "made": "[green]made[/]",
    "missing": "[yellow]missing[/]",
    "failed": "[red]failed[/]",
}


@voice.command()
def pregenerate(
    tenant: TenantOption = "rue-du-gros",
    check: Annotated[bool, typer.Option("--check", help="Say what is missing, make nothing, exit with 1.")] = False,
    rate: Annotated[int, typer.Option(help="Samples a second: 8000, 16000 or 24000.")] = 8000,
    locale: Annotated[str, typer.Option(help="Language, such as fr-FR; the tenant's when empty.")] = "",
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Make the phrases of a tenant that are missing or stale; the rest stays as it is."""
    connection = Connection.for_operator(host=host, port_base=port_base)
    outcomes = run(lambda: make_phrases(connection, tenant, check=check, rate=rate, locale=locale))
    if "failed" in outcomes or (check and "missing" in outcomes):
        raise typer.Exit(1)


async def make_phrases(
    connection: Connection, tenant: str, *, check: bool = False, rate: int = 8000, locale: str = "", quiet: bool = False
) -> list[str]:
    """Prints each phrase when it is done and returns the outcomes."""
    request = voice_pb2.PregeneratePhrasesRequest(
        tenant_id=tenant, check=check, format=voice_pb2.AudioFormat(sample_rate_hz=rate), locale=locale
    )
    outcomes: list[str] = []
    async with connection.open("voice", _ADMIN) as channel:
        async for done in voice_pb2_grpc.VoiceAdminServiceStub(channel).PregeneratePhrases(request):
            outcomes.append(done.outcome)
            if not quiet:
                length = f"{done.audio_ms / 1000:.1f} s" if done.audio_ms else ""
                console.print(
                    f"{done.done_count:3d}/{done.total_count}  {_MARKS.get(done.outcome, done.outcome):<18}  "
                    f"{done.key:<24} {length:>6}  {escape(done.detail)}".rstrip()
                )
    return outcomes


@voice.command()
def bench(
    tenant: TenantOption = "rue-du-gros",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pictures.")] = Path("out/voice"),
    examples: Annotated[Path, typer.Option(help="Where the example tenants are.")] = Path("examples/tenants"),
    running: Annotated[
        bool, typer.Option("--running", help="On the stack that runs, instead of one of its own.")
    ] = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Play three scenes before and after, print what a caller heard, and draw sound and silence as one SVG per scene.

    Before: one step after the other, nothing kept. After: this service. Its own stack speaks with a double of the
    paid voice that is as slow as the real one; models take recorded times.
    """
    if running:
        run(lambda: play_scenes(host, port_base, tenant, output))
    else:
        run(lambda: _on_its_own(tenant, examples, output))


async def play_scenes(host: str, port_base: int, tenant: str, output: Path) -> dict[str, "tuple[Played, Played]"]:
    """Plays every scene on a running stack; returns it by name as it was before and after."""
    # Only this verb draws.
    from tools.voice_scenes import SCENES, Stage  # noqa: PLC0415  # see above
    from tools.voice_timeline import timeline  # noqa: PLC0415  # see above

    caller = Connection.for_tenant(tenant, host=host, port_base=port_base)
    operator = Connection.for_operator(host=host, port_base=port_base)
    await make_phrases(operator, tenant, quiet=True)
    played: dict[str, tuple[Played, Played]] = {}
    async with (
        caller.open("voice", _SPEECH) as speech,
        operator.open("voice", _ADMIN) as admin,
        operator.open("voice", _STATUS) as status,
    ):
        listed = await voice_pb2_grpc.VoiceAdminServiceStub(admin).ListPhrases(
            voice_pb2.ListPhrasesRequest(tenant_id=tenant), timeout=10
        )
        stage = Stage(speech, status, wording={phrase.key: phrase.text for phrase in listed.phrases})
        output.mkdir(parents=True, exist_ok=True)
        for scene in SCENES:
            played[scene.name] = before, after = await stage.before(scene), await stage.after(scene)
            (output / f"{scene.name}.svg").write_text(timeline(scene, before, after), encoding="utf-8")
    console.print(_table(played))
    console.print(f"Pictures of sound and silence: {output}")
    return played


async def _on_its_own(tenant: str, examples: Path, output: Path) -> None:
    async with own_stack(tenant, examples) as port_base:
        await play_scenes("127.0.0.1", port_base, tenant, output)


@asynccontextmanager
async def own_stack(tenant: str, examples: Path) -> AsyncGenerator[int, None]:
    """Runs a voice service with a double of the paid voice within the block; yields the port base."""
    # An HTTP server takes a quarter of a second to import, which no other command has to wait for.
    from tools.fake_speech import API_KEY, FakeSpeech  # noqa: PLC0415  # see above

    source = examples / tenant / "tenant.yaml"
    if not source.exists():
        raise PreconditionFailed("EXAMPLE_MISSING", f"There is no {source}; name the folder with --examples.")
    with tempfile.TemporaryDirectory(prefix="repartee-voice-") as folder:
        state = Path(folder)
        (state / "tenants" / tenant).mkdir(parents=True)
        shutil.copy(source, state / "tenants" / tenant / "tenant.yaml")
        async with FakeSpeech() as double:
            environment = {
                # Tenants from the folder: no store is needed to speak.
                "REPARTEE_REDIS_URL": "",
                "REPARTEE_ELEVENLABS_BASE_URL": double.base_url,
                "REPARTEE_ELEVENLABS_API_KEY": API_KEY,
                "REPARTEE_ELEVENLABS_FIRST_BYTE_SECONDS": "2",
            }
            options = StackOptions(state, free_port_base(), only=("voice",), traces=False, environment=environment)
            async with running_stack(options):
                yield options.port_base


def _table(played: "dict[str, tuple[Played, Played]]") -> Table:
    table = Table("scene", "", "first sound", "largest gap", "reply begins", "voice calls", box=None)
    for name, both in played.items():
        for label, each in zip(("before", "after"), both, strict=True):
            table.add_row(
                name if label == "before" else "",
                label,
                f"{each.worst(lambda turn: turn.first_audio_ms):.0f} ms",
                f"{each.worst(lambda turn: turn.largest_gap_ms):.0f} ms",
                f"{each.worst(lambda turn: turn.content_ms):.0f} ms",
                str(each.provider_calls),
            )
    return table
