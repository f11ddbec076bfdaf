"""docs/recipes.md and docs/dialogues.md as the tests read them: commands and tables, chapter by chapter."""

import re
import shlex
from pathlib import Path

from checkout import ROOT

PAGE = ROOT / "docs" / "recipes.md"
DIALOGUES = ROOT / "docs" / "dialogues.md"


def chapter(heading: str, page: Path = PAGE) -> str:
    """What stands under a heading, up to the next of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page.read_text(encoding="utf-8"), re.M | re.S)
    assert found, f"no chapter '{heading}'"
    return found[1]


def commands(heading: str, page: Path = PAGE) -> list[str]:
    """The lines of the chapter's bash blocks."""
    blocks = re.findall(r"^```bash\n(.*?)^```", chapter(heading, page), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def counterparts() -> list[str]:
    """The commands here that stand beside VideoTemp-o3's, in their order: SFT, GRPO, evaluation."""
    return re.findall(r"^\| .+ \| `(.+)` \|$", chapter("Commands", DIALOGUES), re.M)


def settings(heading: str) -> dict[str, list[str]]:
    """The chapter's table: what, and the settings as a shell would hand them on."""
    rows = re.findall(r"^\| ([^|]+) \| `(.+)` \|$", chapter(heading), re.M)
    assert rows, f"no table under '{heading}'"
    return {what: shlex.split(given) for what, given in rows}
