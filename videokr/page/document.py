"""One HTML file that holds everything it shows, and asks the network for nothing."""

from collections.abc import Sequence

from videokr.page.markup import Markup, element, raw, source_digest


def document(
    title: str,
    body: Sequence[Markup | None],
    styles: Sequence[str],
    late: Sequence[str] = (),
    script: str | None = None,
) -> str:
    """The page, with a Content-Security-Policy that allows what it holds and nothing else.

    Args:
        body: what stands in it.
        styles: style sheets, for its head.
        late: style sheets for its end, so that pictures do not keep the text waiting.
        script: for the end as well.
    """
    allowed = " ".join(source_digest(style) for style in (*styles, *late))
    scripts = f"script-src {source_digest(script)}; " if script else ""
    policy = f"default-src 'none'; {scripts}style-src {allowed}; img-src data:; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        *(raw("style", style) for style in styles),
    )
    last = raw("script", script) if script else None
    shown = element("body", *body, *(raw("style", style) for style in late), last)
    return f"<!doctype html>\n{element('html', head, shown, lang='en')}\n"
