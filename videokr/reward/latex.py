"""LaTeX as plain text: `$\\frac{1}{2}$` is `1/2`, `10^{3}` is `10^3`, `\\mu` is `μ`."""

import re
import unicodedata

_ANY = re.compile(r"[\\$]|[\^_]\{")
_MATHS = re.compile(r"\$\$?(\S(?:[^$]{0,2000}\S)?)\$\$?(?!\d)")
_FRACTION = re.compile(r"\\[dt]?frac\s{0,2}\{([^{}]{1,200})\}\s{0,2}\{([^{}]{1,200})\}")
_WRAPPED = re.compile(
    r"\\(?:boxed|text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|operatorname|emph|ce|fbox)\s{0,2}"
    r"\{([^{}]{0,2000})\}"
)
_SCRIPT = re.compile(r"([\^_])\s{0,2}\{([^{}]{1,200})\}")
_SPACE = re.compile(r"\\[,;:! ]|\\q?quad\b|(?<!\\)~(?=[A-Za-z\\])")
_COMMAND = re.compile(r"\\([A-Za-z]{1,30})\s?")
_SYMBOLS = {
    "times": "\u00d7",
    "cdot": "\u00b7",
    "circ": "\u00b0",
    "degree": "\u00b0",
    "pm": "\u00b1",
    "approx": "~",
    "sim": "~",
    "le": "<=",
    "leq": "<=",
    "ge": ">=",
    "geq": ">=",
    "lt": "<",
    "gt": ">",
    "to": "\u2192",
    "rightarrow": "\u2192",
    "longrightarrow": "\u2192",
    "leftarrow": "\u2190",
    "infty": "\u221e",
    "sqrt": "\u221a",
    "div": "/",
    "left": "",
    "right": "",
    "displaystyle": "",
    "varepsilon": "\u03b5",
    "varphi": "\u03c6",
    "neq": "\u2260",
    "ne": "\u2260",
}
_GREEK = {
    unicodedata.name(letter).split()[-1].lower(): letter
    for letter in map(chr, (*range(0x3B1, 0x3C2), *range(0x3C3, 0x3CA)))
} | {"lambda": "\u03bb"}


def without_latex(text: str) -> str:
    """The text without markup; what is no LaTeX stays as it is."""
    if not _ANY.search(text):
        return text
    text = text.replace("\\(", " ").replace("\\)", " ").replace("\\[", " ").replace("\\]", " ").replace("\\%", "%")
    text = text.replace("\\$", "$") if "\\$" in text else _MATHS.sub(r" \1 ", text)
    text = _SPACE.sub(" ", text)
    for _ in range(4):  # as deep as an answer nests
        text = _SCRIPT.sub(_script, text)
        text = _WRAPPED.sub(r" \1", text)
        text = _FRACTION.sub(r" \1/\2 ", text)
        if "{" not in text:
            break
    text = _COMMAND.sub(_command, text)
    return text.replace("^\u00b0", "\u00b0").replace("^+", "+").replace("{", "").replace("}", "").replace("\\", " ")


def _script(match: re.Match[str]) -> str:
    return match[2] if match[1] == "_" else f"^{match[2]}"


def _command(match: re.Match[str]) -> str:
    name = match[1]
    greek = _GREEK.get(name.lower())
    if greek:
        return greek.upper() if name[0].isupper() else greek
    return _SYMBOLS.get(name, f" {name} ")
