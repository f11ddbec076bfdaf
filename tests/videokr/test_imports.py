"""Which folder may import which, read from the sources."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

PACKAGES = ("videokr", "llamafactory_plugin", "verl_plugin", "lmms_eval_tasks", "data_prep")
CONTRACT = {"videokr", "videokr.typed"}  # videokr alone: the modules that lie in it, not its folders
RESULTS = CONTRACT | {"videokr.video", "videokr.evaluation", "videokr.page"}
ADAPTED = CONTRACT | {"videokr.video", "videokr.evaluation", "videokr.capture"}
# What each folder may import besides itself. Nothing imports videokr.analysis or the command.
MAY_IMPORT = {
    "videokr": CONTRACT,
    "videokr.typed": CONTRACT,
    "videokr.video": CONTRACT,
    "videokr.capture": CONTRACT | {"videokr.video"},
    "videokr.evaluation": CONTRACT | {"videokr.video"},
    "videokr.page": CONTRACT | {"videokr.video"},
    "videokr.analysis": RESULTS | {"videokr.capture"},
    "llamafactory_plugin": ADAPTED | {"llamafactory"},
    "verl_plugin": ADAPTED | {"verl", "vllm"},
    "lmms_eval_tasks": ADAPTED | {"lmms_eval", "vllm"},
    # A host's row shapes and its division of batches, free of the host, are all of an adapter that data_prep calls.
    "data_prep": RESULTS | {"llamafactory_plugin.rows", "verl_plugin.rows", "verl_plugin.batches"},
}
HOSTS = {"llamafactory", "verl", "lmms_eval", "vllm"}
ROW_MODULES = ("llamafactory_plugin.rows", "verl_plugin.rows", "verl_plugin.batches")
HEAVY = ("torch", "transformers", "vllm", "verl", "llamafactory", "lmms_eval", "rouge_score", "av", "numpy", "openai")
MODULE_NAME = re.compile(rf"(?:{'|'.join(PACKAGES)})\.[\w.]+(?::\w+)?")
FACADE = "videokr/__init__.py"  # the names that people import, from the folders that they are in


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a source names: in an import, wherever in it, or in a text that is the name of a module here.

    `from a import b` counts as a.b.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join((*package, *([node.module] if node.module else [])))
            names |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and MODULE_NAME.fullmatch(str(node.value)):
            names.add(str(node.value).partition(":")[0])
    return names


def folder_of(name: str) -> str:
    """The folder of MAY_IMPORT that holds a module, a host by its own name."""
    first, _, rest = name.partition(".")
    inner = f"{first}.{rest.split('.')[0]}"
    return inner if inner in MAY_IMPORT or inner == "videokr.analysis" else first


def forbidden(path: Path) -> list[str]:
    here = folder_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    allowed = MAY_IMPORT[here] | {here}

    def is_allowed(name: str) -> bool:
        folder = folder_of(name)
        if folder not in MAY_IMPORT and folder not in HOSTS:
            return True
        is_row_module = any(name == module or name.startswith(f"{module}.") for module in allowed & set(ROW_MODULES))
        return (folder in allowed and name != "videokr.__main__") or is_row_module

    return sorted(name for name in imported(path) if not is_allowed(name))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_imports_what_lies_below_it_alone(path):
    if str(path.relative_to(ROOT)) != FACADE:
        assert not forbidden(path)


@pytest.mark.parametrize("module", ROW_MODULES)
def test_row_modules_are_free_of_hosts(module):
    names = {name.split(".")[0] for name in imported(ROOT / f"{module.replace('.', '/')}.py")}
    assert not names & (set(HEAVY) - {"numpy"})


@pytest.mark.parametrize(
    ("place", "text", "found"),
    [
        ("videokr/x.py", "import verl.a", ["verl.a"]),
        ("videokr/x.py", "def f():\n  from verl_plugin import rows", ["verl_plugin.rows"]),
        ("videokr/x.py", "from videokr.video.reader import read_frames", ["videokr.video.reader.read_frames"]),
        ("videokr/video/x.py", "from ..evaluation import verdict", ["videokr.evaluation.verdict"]),
        ("videokr/video/x.py", "name = 'videokr.analysis.report'", ["videokr.analysis.report"]),
        ("verl_plugin/x.py", "load = 'lmms_eval_tasks.models:MANIFESTS'", ["lmms_eval_tasks.models"]),
        ("data_prep/x.py", "from verl_plugin.reward import compute_score", ["verl_plugin.reward.compute_score"]),
        ("data_prep/x.py", "import videokr.__main__", ["videokr.__main__"]),
        ("data_prep/x.py", "from verl_plugin.rows import build_row\nimport json\nfrom . import y", []),
        ("videokr/analysis/a/x.py", "from videokr.evaluation import run\nfrom ..b import c\ntext = 'videokr.'", []),
    ],
)
def test_the_check_sees_through_every_form(place, text, found, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert forbidden(path) == found


def test_importing_videokr_is_light_and_does_nothing():
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
