"""The `repartee` command reaches a stack that speaks TLS, and its preflight says until when that holds."""

from pathlib import Path

import pytest
import trustme

from libs.common.settings import ServiceSettings
from tests.fakes.common_services import running
from tests.fakes.preflight_world import OneServer
from tools.connection import Connection
from tools.preflight import find
from tools.preflight_installation import INSTALLATION_CHECKS
from tools.preflight_site import Site


async def test_a_stack_with_tls_is_reached_by_its_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roots, cert, key = (tmp_path / f"{name}.pem" for name in ("roots", "cert", "key"))
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(roots))
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    settings = ServiceSettings(port=0, tls_cert_file=cert, tls_key_file=key, drain_seconds=0)
    async with running(settings=settings) as run:
        plain = Site(Connection.for_operator(port_base=run.server.port))
        monkeypatch.setenv("REPARTEE_UPSTREAM_CA_FILE", str(roots))
        operator = Connection.for_operator(port_base=run.server.port)
        encrypted = Site(OneServer(operator.host, operator.port_base, operator.authorization, operator.tls))
        check = INSTALLATION_CHECKS["encryption"]
        assert (await find("encryption", check, plain)).result == "warn"
        finding = await find("encryption", check, encrypted)
    assert finding.result == "pass", finding
    assert finding.found.startswith("TLS; ")
