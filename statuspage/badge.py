"""A badge for other people's pages: the roll-up as a small SVG, in shape, word and colour. Pure."""

from html import escape

from statuspage.rollup import DEGRADED, MAINTENANCE, MAJOR, OPERATIONAL, PARTIAL, UNKNOWN
from statuspage.views import Board

COLOURS = {  # dark enough for white text (AA)
    OPERATIONAL: "#0f6b4e",
    DEGRADED: "#745200",
    PARTIAL: "#9a4300",
    MAJOR: "#a81d2b",
    MAINTENANCE: "#1a569c",
    UNKNOWN: "#525c6b",
}
SHAPES = {
    OPERATIONAL: "M1 5.5 4 8.5 9.5 2.5",
    DEGRADED: "M5.2 1v5M5.2 8v1.4",
    PARTIAL: "M5.2 1v5M5.2 8v1.4",
    MAJOR: "M1.5 1.5 9 9M9 1.5 1.5 9",
    MAINTENANCE: "M3 1.5v7.5M7.5 1.5v7.5",
    UNKNOWN: "M2.5 3.2a2.7 2.7 0 1 1 3.9 2.3c-.8.4-1.1.8-1.1 1.5M5.3 8.4v1.2",
}
LETTER = 6.3  # about the width of one at 11 px


def badge(board: Board) -> bytes:
    """Draw the badge."""
    title, text, tone = board.site.title, board.summary.text, board.summary.tone
    left, right = round(len(title) * LETTER) + 14, round(len(text) * LETTER) + 30
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" \
aria-label="{escape(title)}: {escape(text)}"><title>{escape(title)}: {escape(text)}</title>\
<clipPath id="c"><rect width="{left + right}" height="20" rx="4"/></clipPath><g clip-path="url(#c)">\
<path fill="#2b323c" d="M0 0h{left}v20H0z"/><path fill="{COLOURS[tone]}" d="M{left} 0h{right}v20H{left}z"/></g>\
<path transform="translate({left + 8} 4.6)" d="{SHAPES[tone]}" fill="none" stroke="#fff" stroke-width="2"/>\
<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">\
<text x="7" y="14" textLength="{left - 14}">{escape(title)}</text>\
<text x="{left + 23}" y="14" textLength="{right - 30}">{escape(text)}</text></g></svg>
""".encode()
