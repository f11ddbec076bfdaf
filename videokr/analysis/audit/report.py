"""An audit, for people and for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from videokr.analysis.audit.audit import Audit, Row, Share

_SHOWN = 48  # characters of an answer
_SHOWN_ROWS = 8


def as_text(audits: Sequence[Audit], unread: Sequence[str]) -> str:
    """Tables with one column for each accuracy, then the worst rows."""
    first = audits[0]
    lines = [f"{sum(first.types.values())} rows: " + ", ".join(f"{n} {name}" for name, n in first.types.most_common())]
    if unread:
        lines += [f"{len(unread)} records cannot be read, the first: {unread[0]}"]
    names = [str(audit.accuracy) for audit in audits]
    lines += ["", "Ceiling: the gold answer against itself, mean accuracy (rows that cannot reach 1.0)", _head(names)]
    lines += [_line(kind, [a.ceiling[kind] for a in audits], _mean_and_faulty) for kind in sorted(first.types)]
    lines += [_line("all", [_sum(a.ceiling) for a in audits], _mean_and_faulty)]
    for audit in audits:
        lines += [f"  {audit.accuracy}: {number} {cause}" for cause, number in audit.causes.most_common()]
    lines += [
        "",
        "Floor: the gold answer against another row's, mean accuracy (share that earns anything)",
        _head(names),
    ]
    lines += [_line(kind, [a.floor[kind] for a in audits], _mean_and_share) for kind in sorted(first.types)]
    lines += [
        "",
        "Copies that stay right: share wrongly punished, so that they earn less than the gold answer",
        _head(names),
    ]
    lines += [_line(change, [a.right[change] for a in audits], _share) for change in first.right]
    lines += ["", "Copies that are wrong: share wrongly rewarded, above another row's answer", _head(names)]
    lines += [_line(change, [a.wrong[change] for a in audits], _share) for change in first.wrong]
    for audit in audits:
        lines += ["", f"The worst rows in {audit.accuracy}:", *_worst(audit)]
    return "\n".join(lines) + "\n"


def as_json(audits: Sequence[Audit], unread: Sequence[str]) -> dict[str, Any]:
    """Everything that was counted; rows as far as they were kept."""
    return {
        "rows": sum(audits[0].types.values()),
        "types": dict(sorted(audits[0].types.items())),
        "unread": list(unread),
        "accuracy": {
            str(audit.accuracy): {
                "ceiling": {"mean": _sum(audit.ceiling).mean, "by_type": _shares(audit.ceiling)},
                "causes": dict(audit.causes.most_common()),
                "floor": {"mean": _sum(audit.floor).mean, "by_type": _shares(audit.floor)},
                "wrongly_punished": _shares(audit.right),
                "wrongly_rewarded": _shares(audit.wrong),
            }
            for audit in audits
        },
    }


def _shares(shares: Mapping[str, Share]) -> dict[str, Any]:
    return {
        name: {
            "count": share.count,
            "faulty": share.faulty,
            "mean_accuracy": share.mean,
            "rows": [asdict(row) for row in share.rows],
        }
        for name, share in shares.items()
    }


def _sum(shares: Mapping[str, Share]) -> Share:
    return Share(
        sum(share.count for share in shares.values()),
        sum(share.faulty for share in shares.values()),
        sum(share.total for share in shares.values()),
    )


def _head(names: Sequence[str]) -> str:
    return f"  {'':<22}{'':>8}" + "".join(f"{name:>18}" for name in names)


def _line(name: str, shares: Sequence[Share], cell: Any) -> str:
    return f"  {name:<22}{shares[0].count:>8}" + "".join(f"{cell(share):>18}" for share in shares)


def _mean_and_faulty(share: Share) -> str:
    return f"{share.mean:.3f} ({share.faulty})"


def _mean_and_share(share: Share) -> str:
    return f"{share.mean:.3f} ({_share(share)})" if share.count else "-"


def _share(share: Share) -> str:
    return f"{share.faulty / share.count:.1%}" if share.count else "-"


def _worst(audit: Audit) -> list[str]:
    """The rows below the ceiling, then wrong copies that earn most, then right ones that earn least."""
    below = [("against itself", row) for share in audit.ceiling.values() for row in share.rows]
    rewarded = [(name, row) for name, share in audit.wrong.items() for row in share.rows]
    punished = [(name, row) for name, share in audit.right.items() for row in share.rows]
    rows = (
        sorted(below, key=lambda entry: entry[1].accuracy)[:_SHOWN_ROWS]
        + sorted(rewarded, key=lambda entry: -entry[1].accuracy)[:_SHOWN_ROWS]
        + sorted(punished, key=lambda entry: entry[1].accuracy)[:_SHOWN_ROWS]
    )
    return [_row(name, row) for name, row in rows] or ["  none"]


def _row(name: str, row: Row) -> str:
    shown = [text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..." for text in (row.gold, row.answer)]
    return f"  {row.accuracy:.3f} {row.reason:<16} {name:<20} {row.id}: gold {shown[0]!r}, answer {shown[1]!r}"
