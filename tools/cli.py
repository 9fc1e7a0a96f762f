"""The `repartee` command: every verb, and what it says of itself."""

import typer

from tools.chat import chat
from tools.demo import demo
from tools.ingest import ingest
from tools.quicktest import quicktest
from tools.say import say
from tools.tenants import tenants
from tools.up import up

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
app.add_typer(tenants, name="tenants")
app.command()(demo)
app.command()(quicktest)


def main() -> None:
    """Runs the command."""
    app()


if __name__ == "__main__":
    main()
