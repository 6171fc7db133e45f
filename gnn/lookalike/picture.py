"""The curve of reach and similarity as a picture: SVG, from the figures alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gnn.lookalike.quality import SeedQuality

__all__ = ["curve_svg"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 420, 64, 64, 72, 56
_LIFT, _SIMILARITY, _TEXT, _GRID = "#1f5fa8", "#b3541e", "#222", "#ddd"


def curve_svg(found: SeedQuality) -> str:
    """Expected lift with its interval (left axis, from 0) and similarity of the last person (right axis, 0 to 1) by ratio."""
    curve = found.curve
    most = max(1.0, *(point.lift.high for point in curve)) * 1.05
    inner = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    xs = [_LEFT + inner[0] * i / (len(curve) - 1) for i in range(len(curve))]

    def height(share: float) -> float:
        return _TOP + inner[1] * (1 - share)

    def line(values: Sequence[float], colour: str, dash: str = "") -> str:
        points = " ".join(f"{x:.1f},{height(v):.1f}" for x, v in zip(xs, values, strict=True))
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>'

    band = [f"{x:.1f},{height(p.lift.high / most):.1f}" for x, p in zip(xs, curve, strict=True)]
    band += [f"{x:.1f},{height(p.lift.low / most):.1f}" for x, p in reversed(list(zip(xs, curve, strict=True)))]
    parts = [f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>']
    for step in range(5):
        y, share = height(step / 4), step / 4
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{most * share:.1f}", "end", _LIFT))
        parts.append(_text(_WIDTH - _RIGHT + 8, y + 4, f"{share:.2f}", "start", _SIMILARITY))
    parts += [_text(x, _HEIGHT - _BOTTOM + 20, f"{p.ratio:.0%}", "middle", _TEXT) for x, p in zip(xs, curve, strict=True)]
    parts.append(f'<polygon points="{" ".join(band)}" fill="{_LIFT}" fill-opacity="0.15"/>')
    parts.append(line([p.lift.value / most for p in curve], _LIFT))
    parts.append(line([p.similarity for p in curve], _SIMILARITY, ' stroke-dasharray="6 4"'))
    told = f"{found.usable:,} usable seeds, {found.method}, AUC {found.auc.value:.3f}, homogeneity {found.homogeneity.value:.2f}"
    parts.append(_text(_LEFT, 24, told, "start", _TEXT))
    parts.append(_text(_LEFT, 50, "expected lift, 95 % interval", "start", _LIFT))
    parts.append(_text(_WIDTH - _RIGHT, 50, "similarity of the last person", "end", _SIMILARITY))
    parts.append(_text(_WIDTH / 2, _HEIGHT - 12, "share of everybody", "middle", _TEXT))
    label = f"Expected lift falls from {curve[0].lift.value:.1f} to {curve[-1].lift.value:.1f} as reach grows from 1 % to 10 %"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
    return "\n".join([head, f"<title>{escape(label)}</title>", *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    font = 'font-family="sans-serif" font-size="13"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {font} text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
