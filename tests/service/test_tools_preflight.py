"""`repartee preflight` and `repartee support-bundle` on a real stack."""

import json
import os
import tarfile
from pathlib import Path

from tests.e2e.test_stack import ROOT, repartee
from tools.stack import StackOptions, free_port_base, running_stack
from tools.support_bundle import shown_settings, without_secrets


async def test_a_stack_and_a_tenant_are_checked_and_what_is_missing_is_named(tmp_path: Path) -> None:
    options = StackOptions(state=tmp_path / "state", port_base=free_port_base(), fake_llm=True, traces=False)
    async with running_stack(options) as stack:
        at = ("--port-base", str(stack.options.port_base))
        code, printed = await repartee("preflight", *at)
        assert code == 1
        assert "FAIL  tenants: no tenant is in force" in printed
        code, printed = await repartee("tenants", "apply", str(ROOT / "examples/tenants/rue-du-gros"), *at)
        assert code == 0, printed
        code, printed = await repartee("preflight", *at)
        assert (code, printed.count("pass  ")) == (0, 11), printed
        assert "PRÊT POUR PRODUCTION" in printed
        code, printed = await repartee("preflight", "-t", "rue-du-gros", *at)
        assert (code, printed.count("pass  ")) == (0, 7), printed
        code, printed = await repartee("preflight", "-t", "nobody", *at)
        assert code == 1
        assert "FAIL  bundle in force: TENANT_NOT_FOUND" in printed
        # A dead service is a finding, and the bundle says so instead of failing.
        await stack.kill("voice")
        bundle = tmp_path / "support.tar.gz"
        code, printed = await repartee("support-bundle", "-o", str(bundle), "--state", str(tmp_path / "state"), *at)
        assert code == 0, printed
    with tarfile.open(bundle) as archive:
        parts = {each.name.removeprefix("repartee-support/"): archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]
    assert {"logs/router.log", "settings.json", "switch/audit.json", "status/router.json"} <= set(parts)
    assert json.loads(parts["status/router.json"])["service"] == "router"
    assert json.loads(parts["status/voice.json"])["unanswered"] == "UNAVAILABLE"
    assert bundle.stat().st_mode & 0o077 == 0


def test_settings_are_shown_and_secrets_are_not() -> None:
    shown = shown_settings(
        {
            "REPARTEE_PORT": "50051",
            "REPARTEE_LLM_API_KEY": "sk-aaaaaaaaaaaaaaaa",
            "REPARTEE_REDIS_URL": "redis://:hunter2@redis:6379",
            "REPARTEE_TOKEN": "operator-token",
            "REPARTEE_QDRANT_URL": "http://me:hunter2@qdrant:6333",
            "HOME": os.sep,
        }
    )
    assert shown == {
        "REPARTEE_LLM_API_KEY": "[removed]",
        "REPARTEE_PORT": "50051",
        "REPARTEE_QDRANT_URL": "http://[removed]@qdrant:6333",
        "REPARTEE_REDIS_URL": "[removed]",
        "REPARTEE_TOKEN": "[removed]",
    }


def test_secrets_in_logs_are_removed() -> None:
    text = (
        "GET redis://u:hunter2@h:1 authorization: Bearer hunter2.x key sk-hunter2hunter2hunter2 "
        'api_key="hunter2" {"password": "hunter2"} token=hunter2\n'
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"
    )
    cleaned = without_secrets(text)
    assert "hunter2" not in cleaned
    assert cleaned.startswith("GET redis://[removed]@h:1 authorization: Bearer [removed]")
