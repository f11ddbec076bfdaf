"""HTML in which everything that comes from a model or a dataset is escaped, because nothing else can be built.

A text becomes part of a page as the child or the attribute of an `element`, which escapes it. What `element` gives is
`Markup`, and is taken as it is. The operations of `str` give plain text back, which is escaped again.
"""

import base64
import hashlib
import html
import re

_VOID = frozenset({"br", "input", "meta"})
# What no page can show: control characters but tab and newline, halves of surrogate pairs, and what is no character.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_REPLACEMENT = "\ufffd"


class Markup(str):
    """Text that is HTML already; only this module makes it."""

    __slots__ = ()


def element(tag: str, /, *children: str | None, **attributes: str | float | None) -> Markup:
    """One element, with its children in order.

    Args:
        children: texts, which are escaped, and elements; None is left out.
        attributes: `class_` is class, `data_run` is data-run; True stands alone, None and False are left out.
    """
    opened = f"<{tag}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(opened if tag in _VOID else f"{opened}{joined(*children)}</{tag}>")


def joined(*children: str | None) -> Markup:
    """The children without an element around them."""
    return Markup("".join(escape(child) for child in children if child is not None))


def escape(text: str) -> Markup:
    """Text as HTML between tags; markup stays as it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(readable(text), quote=False))


def readable(text: str) -> str:
    """The text with every character that no page can hold replaced, and one kind of line break."""
    return _UNREADABLE.sub(_REPLACEMENT, text.replace("\r\n", "\n").replace("\r", "\n"))


def raw(name: str, text: str) -> Markup:
    """A `style` or `script` element around text of ours.

    Raises:
        ValueError: the text would end the element.
    """
    if "</" in text or "<!--" in text:
        raise ValueError(f"a text with '</' or '<!--' cannot stand in <{name}>")
    return Markup(f"<{name}>{text}</{name}>")


def source_digest(text: str) -> str:
    """What a Content-Security-Policy allows a `raw` element by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _attribute(key: str, value: str | float | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = readable(value) if isinstance(value, str) else f"{value:g}"
    return f' {name}="{html.escape(text)}"'
