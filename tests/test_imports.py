"""The rooms: who may import whom, read from the sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ADAPTERS = ("llamafactory_plugin", "verl_plugin", "lmms_eval_tasks")
ROOMS = ("videokr", *ADAPTERS, "data_prep")
HOSTS = {
    "llamafactory": {"llamafactory_plugin"},
    "verl": {"verl_plugin"},
    "lmms_eval": {"lmms_eval_tasks"},
    "vllm": {"verl_plugin", "lmms_eval_tasks"},
}
# The row shapes of a host, free of the host itself: the only modules of an adapter that data_prep calls.
ROW_MODULES = ("llamafactory_plugin.rows", "verl_plugin.rows")
HEAVY = ("torch", "transformers", "vllm", "verl", "llamafactory", "lmms_eval", "rouge_score", "av", "numpy", "openai")


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every absolute module name that a source imports, wherever in it; `from a import b` counts as a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join((*package, *([node.module] if node.module else [])))
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def is_within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def may_import(room: str, name: str) -> bool:
    target = name.split(".")[0]
    if target in HOSTS:
        return room in HOSTS[target]
    if target not in ROOMS or target in (room, "videokr"):
        return True
    return room == "data_prep" and any(is_within(name, module) for module in ROW_MODULES)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms(path):
    room = path.relative_to(ROOT).parts[0]
    assert not sorted(name for name in imported(path) if not may_import(room, name))


@pytest.mark.parametrize("module", ROW_MODULES)
def test_row_modules_are_free_of_hosts(module):
    names = {name.split(".")[0] for name in imported(ROOT / f"{module.replace('.', '/')}.py")}
    assert not names & (set(HEAVY) - {"numpy"})


def test_the_check_sees_through_every_form(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "videokr" / "deep" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text("import verl.a\ndef f():\n  from verl_plugin import rows\nfrom ..b import c\nfrom . import d\n")
    assert imported(path) == {"verl.a", "verl_plugin.rows", "videokr.b.c", "videokr.deep.d"}
    assert not may_import("videokr", "verl.a")
    assert not may_import("lmms_eval_tasks", "verl_plugin.rows")
    assert not may_import("data_prep", "verl_plugin.reward")
    assert may_import("data_prep", "verl_plugin.rows.to_row")


def test_importing_the_contract_does_nothing():
    paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "videokr").rglob("*.py")]
    modules = sorted(".".join(path.parts) for path in paths if path.stem != "__init__")
    code = (
        "import importlib, os, sys, socket\n"
        "before = dict(os.environ)\n"
        "def refuse(*args, **kwargs): raise AssertionError('a connection at import')\n"
        "socket.socket.connect = refuse\n"
        f"[importlib.import_module(name) for name in {modules!r}]\n"
        "assert dict(os.environ) == before\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
