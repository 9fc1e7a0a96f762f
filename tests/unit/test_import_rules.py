"""Transport and vendors stay at the edges; the import contracts of pyproject.toml cannot say this one."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EDGES = {"app.py", "servicer.py", "llm_servicer.py", "admin.py", "__main__.py"}
EDGE_FOLDERS = {"adapters", "admin"}
OUTSIDE = {
    "grpc",
    "grpc_health",
    "repartee",
    "redis",
    "qdrant_client",
    "qdrant_edge",
    "openai",
    "cohere",
    "elevenlabs",
    "opentelemetry",
    "aiohttp",
    "httpx",
    "google",
}


def imported(path: Path) -> set[str]:
    """Returns the top-level packages that a module imports, also within its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_use_cases_and_pure_modules_know_no_transport_and_no_vendor() -> None:
    inner = [
        path
        for path in (ROOT / "services").rglob("*.py")
        if path.name not in EDGES and not EDGE_FOLDERS & set(path.relative_to(ROOT).parts)
    ]
    assert len(inner) > 60
    assert {str(path.relative_to(ROOT)): seen for path in inner if (seen := imported(path) & OUTSIDE)} == {}
