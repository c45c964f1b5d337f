"""Wall times as bars, for the README: an SVG of its own, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

ROW, BAR, LABELS, BARS, MARGIN = 30, 18, 330, 400, 12
"""Pixels: heights of a row and of its bar, widths of the labels and of the longest bar, room around."""
OURS, THEIRS, TEXT = "#2f81f7", "#8b949e", "#6e7781"


def bars(title: str, seconds: Sequence[tuple[str, float]], ours: str) -> str:
    """One bar for each name, the longest as long as there is room; those whose name begins with `ours` stand out."""
    longest = max(value for _, value in seconds)
    width, height = LABELS + BARS + 5 * MARGIN + 40, ROW * (len(seconds) + 1) + 2 * MARGIN
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    style = f'font-family="sans-serif" font-size="14" fill="{TEXT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style} role="img">',
        f"<title>{escape(title)}</title>",
        f'<text x="{MARGIN}" y="{MARGIN + 14}" font-weight="bold">{escape(title)}</text>',
    ]
    for nth, (name, value) in enumerate(seconds, 1):
        top = MARGIN + nth * ROW
        length = BARS * value / longest
        colour = OURS if name.startswith(ours) else THEIRS
        parts += [
            f'<text x="{MARGIN + LABELS}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LABELS + 2 * MARGIN}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
            f'<text x="{LABELS + 3 * MARGIN + length:.1f}" y="{top + 14}">{value:.1f} s</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
