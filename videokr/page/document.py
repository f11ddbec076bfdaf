"""HTML files that hold everything they show and ask the network for nothing, filled in from Jinja templates.

Templates and scripts lie beside the module that uses them, and are named `package/file`. Every value that a template
shows is escaped, since models and data sets may say anything.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

_HEAD_SHARE = 0.7  # of what is kept; the rest is the end, where the answer stands
# What no page can show: control characters but tab and newline, halves of surrogate pairs, and what is no character.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_REPLACEMENT = "\ufffd"
STYLE = "videokr.page/page.css"
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


def readable(text: str) -> str:
    """The text with every character that no page can hold replaced, and one kind of line break."""
    return _UNREADABLE.sub(_REPLACEMENT, text.replace("\r\n", "\n").replace("\r", "\n"))


def page_bytes(text: str) -> int:
    """What a text takes up in the page."""
    return len(escape(readable(text)).encode())


def fair_length(lengths: Iterable[int], total: int) -> int | None:
    """The length to cut at so that all fit in `total` together and short ones stay whole; None where all fit as is."""
    ordered = sorted(lengths)
    left = total
    for place, length in enumerate(ordered):
        fair = left // (len(ordered) - place)
        if length > fair:
            return fair
        left -= length
    return None


def excerpt(text: str, max_bytes: int | None) -> str:
    """The beginning and the end of a text, with how much is left out between; all of it where it fits."""
    if max_bytes is None:
        return text
    length = page_bytes(text)
    if length <= max_bytes:
        return text
    kept = int(len(text) * max_bytes / length)
    head = int(kept * _HEAD_SHARE)
    tail = kept - head
    return f"{text[:head]}\n[{len(text) - kept:,} characters left out]\n{text[len(text) - tail :]}"


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
    """A text of ours for inside a `style` or `script` element, which must not end that: there nothing is escaped."""
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
