"""Drawings from lines, boxes and words that keep track of their size.

SVG without torch or matplotlib. Colours are CSS variables of the page with fallbacks, so a drawing also works on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from archwright.report.operation_families import colour_of, family

INK, MUTED, RULE, CARD = "var(--ink,#1a2230)", "var(--muted,#667085)", "var(--rule,#d5dae2)", "var(--card,#ffffff)"
CHARACTER = 7.0  # px: at 12 px, no sans-serif font has a wider average letter
PILL = 24.0


class Picture:
    """SVG elements, and the size that they need."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shapes: list[str] = []  # drawn over the lines
        self.width = 0.0
        self.height = 0.0

    def grow(self, x: float, y: float) -> None:
        self.width, self.height = max(self.width, x), max(self.height, y)

    def line(self, path: str, colour: str = MUTED, width: float = 1.6, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.lines.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')

    def dot(self, x: float, y: float, colour: str) -> None:
        self.lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>')

    def text(
        self, x: float, y: float, words: str, size: float = 12, anchor: str = "start", colour: str = INK, bold: bool = False
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}>'
            f"{escape(words)}</text>"
        )
        reach = {"start": 1.0, "middle": 0.5, "end": 0.0}[anchor] * len(words) * CHARACTER * size / 12
        self.grow(x + reach, y + 4)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: str = RULE,
        tint: float = 0.0,
        corner: float = 6,
        dashed: bool = False,
    ) -> None:
        """A rounded rectangle; `tint` is the opacity of its filling."""
        frame = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{corner}"'
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.shapes.append(f'<rect {frame} fill="{CARD}"/>')
        self.shapes.append(f'<rect {frame} fill="{colour}" fill-opacity="{tint}" stroke="{colour}" stroke-width="1.3"{dash}/>')
        self.grow(x + width + 1, y + height + 1)

    def pill(self, x: float, y: float, width: float, words: str, colour: str, dashed: bool = False) -> None:
        """A word in a coloured box; y is its middle."""
        self.box(x, y - PILL / 2, width, PILL, colour, 0.16, corner=7, dashed=dashed)
        self.text(x + width / 2, y + 4, words, anchor="middle")


def stacked(pictures: Sequence[Picture], label: str) -> str:
    """One <svg> with the pictures below each other."""
    width = max(picture.width for picture in pictures) + 6
    parts, top = [], 4.0
    for picture in pictures:
        parts.append(f'<g transform="translate(2 {top:.1f})">{"".join([*picture.lines, *picture.shapes])}</g>')
        top += picture.height + 26
    height = top - 22
    frame = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    font = 'font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" role="img" aria-label="{escape(label)}" {frame} {font}>'
        + "".join(parts)
        + "</svg>"
    )


def width_of(words: str, padding: float = 20) -> float:
    """The width of words at 12 px, in px."""
    return len(words) * CHARACTER + padding


def draw_legend(picture: Picture, operations: Iterable[str], y: float) -> None:
    """The families of the given operations, each with its colour."""
    x = 0.0
    for name, operation in {family(operation)[0]: operation for operation in operations}.items():
        colour = colour_of(operation)
        picture.shapes.append(f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="11" height="11" rx="3" fill="{colour}"/>')
        picture.text(x + 17, y + 1, name, colour=MUTED)
        x += 17 + width_of(name, 16)
