"""HTML files that hold everything they show and ask the network for nothing, filled in from Jinja templates.

Templates and scripts lie beside the module that uses them, and are named `package/file`. Every value that a template
shows is escaped, since models and data sets may say anything.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from videokr.page.text import excerpt, readable

STYLE = "videokr.page/page.css"
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


def document(template: str, title: str, script: str | None = None, pictures: str = "", **values: Any) -> Iterator[str]:
    """The text of one page, in pieces, so that a large one is never held as a whole.

    Its Content-Security-Policy allows the styles and the script that it holds, and nothing else.

    Args:
        template: extends `videokr.page/document.jinja`.
        pictures: a style sheet with images, see `sheet_style`. It stands at the end, so that the text comes first.
        values: what the template shows.
    """
    style, script_text = _resource(STYLE), _resource(script) if script else None
    allowed = f"{_digest(style)} {_digest(pictures)}" if pictures else _digest(style)
    scripts = f"script-src {_digest(script_text)}; " if script_text else ""
    policy = f"default-src 'none'; {scripts}style-src {allowed}; img-src data:; base-uri 'none'; form-action 'none'"
    return ENVIRONMENT.get_template(template).generate(
        title=title, policy=policy, style=style, script=script_text, pictures=pictures, **values
    )


def raw(text: str) -> Markup:
    """A text of ours for inside a `style` or `script` element, where nothing is escaped.

    Raises:
        ValueError: the text would end the element.
    """
    if "</" in text or "<!--" in text:
        raise ValueError("a text with '</' or '<!--' cannot stand in a style or script element")
    return Markup(text)


def _resource(name: str) -> str:
    package, _, file = name.rpartition("/")
    return files(package).joinpath(file).read_text("utf-8")


def _template(name: str) -> str:
    """Without its indentation, which is for the template's reader and would make up much of a large page."""
    return _INDENTATION.sub("", _resource(name))


def _digest(text: str) -> str:
    """What a Content-Security-Policy allows a `style` or `script` element by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _file_name(path: str) -> str:
    """Without the folders of the machine that it was read on: a page is for others."""
    return Path(path).name


def _shown(value: object) -> object:
    return readable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


ENVIRONMENT = Environment(
    loader=FunctionLoader(_template),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters |= {"excerpt": excerpt, "file_name": _file_name, "raw": raw, "thousands": "{:,}".format}
