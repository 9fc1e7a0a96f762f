"""The `repartee` command: every verb, and what it says of itself."""

import typer

from tools.cache import cache
from tools.chat import chat
from tools.demo import demo
from tools.drill import drill
from tools.ingest import ingest
from tools.learn import learn, patterns
from tools.load.command import load
from tools.manifests.command import check_manifests
from tools.migrate import HELP as MIGRATE_HELP
from tools.migrate import migrate
from tools.ops import ops
from tools.preflight import preflight
from tools.quicktest import quicktest
from tools.replay import replays
from tools.report import report
from tools.say import say
from tools.support_bundle import support_bundle
from tools.tenants import tenants
from tools.up import up
from tools.voice import voice
from tools.weekly import weekly

app = typer.Typer(
    help="""Run and operate Repartee, a multi-tenant conversation backend of gRPC services.

    Begin with `repartee up`, then `repartee tenants apply examples/tenants` and `repartee chat -t rue-du-gros`.
    """,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(up)
app.command()(chat)
app.command()(say)
app.command()(ingest)
app.command()(learn)
app.add_typer(tenants, name="tenants")
app.add_typer(patterns, name="patterns")
app.add_typer(cache, name="cache")
app.add_typer(voice, name="voice")
app.add_typer(ops, name="ops")
app.add_typer(replays, name="replay")
app.add_typer(drill, name="drill")
report.command()(weekly)
app.add_typer(report, name="report")
app.command()(demo)
app.command()(quicktest)
app.command()(load)
app.command()(preflight)
app.command()(support_bundle)
app.command()(check_manifests)
app.command(help=MIGRATE_HELP)(migrate)


def main() -> None:
    """Runs the command."""
    app()


if __name__ == "__main__":
    main()
