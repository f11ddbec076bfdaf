"""docs/recipes.md as the tests read it: its commands and its tables of settings, chapter by chapter."""

import re
import shlex

from checkout import ROOT

PAGE = ROOT / "docs" / "recipes.md"


def chapter(heading: str) -> str:
    """What stands under a heading, up to the next of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found, f"no chapter '{heading}'"
    return found[1]


def commands(heading: str) -> list[str]:
    """The lines of the chapter's bash blocks."""
    blocks = re.findall(r"^```bash\n(.*?)^```", chapter(heading), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def settings(heading: str) -> dict[str, list[str]]:
    """The chapter's table: what, and the settings as a shell would hand them on."""
    rows = re.findall(r"^\| ([^|]+) \| `(.+)` \|$", chapter(heading), re.M)
    assert rows, f"no table under '{heading}'"
    return {what: shlex.split(given) for what, given in rows}
