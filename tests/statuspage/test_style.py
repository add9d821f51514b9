"""The style sheet's promises that a machine can check."""

import re
from importlib.resources import files

import pytest

CSS = files("statuspage").joinpath("static", "tocsin.css").read_text()
LIGHT, DARK = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block)) for block in re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)[:2])  # fmt: skip
TONES = ("ok", "degraded", "partial", "major", "maintenance", "unknown")
PAIRS = [(f"{tone}-ink", ground) for tone in TONES for ground in ("card", "paper", f"{tone}-wash")]
PAIRS += [(f"{text}", ground) for text in ("ink", "ink-2", "link") for ground in ("card", "paper", "sunk")]
PAIRS += [("ink-2", f"{tone}-wash") for tone in TONES] + [("on-primary", "primary")]


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    channels = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_the_contrast_that_aa_asks(scheme, text, ground):
    assert contrast(scheme[text], scheme[ground]) >= 4.5


def test_dark_has_every_colour_that_light_has():
    assert set(LIGHT) == set(DARK)


def test_every_state_has_a_shape_of_its_own():
    shapes = re.findall(r"--shape: url\(\"([^\"]+)\"\)", CSS)
    assert len(shapes) == len(set(shapes)) >= 7


def test_the_sheet_asks_nothing_from_elsewhere():
    assert not re.search(r'@import|url\((?!"data:)', CSS)
    assert {"prefers-color-scheme", "prefers-reduced-motion", "print", "forced-colors"} <= set(
        re.findall(r"[a-z-]{5,}", CSS)
    )
