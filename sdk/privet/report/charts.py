"""Bars with whiskers, lines, and points, drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from privet.report.svg import drawing, label, number

Point = tuple[float, float]
LEFT, RIGHT, TOP, BOTTOM = 60.0, 580.0, 20.0, 220.0


def bars(title: str, values: Mapping[str, Mapping[str, Any]], key: str) -> str:
    """One bar for each name, with its interval where both bounds exist."""
    bounds = [number(v.get(k)) or 0.0 for v in values.values() for k in (key, f"{key}_high")]
    scale = 300 / (max(bounds, default=0.0) or 1.0)
    parts = []
    for at, (name, found) in enumerate(values.items()):
        y = 10 + at * 28
        parts.append(label(190, y + 15, name, "end"))
        value = number(found.get(key))
        parts.append(label(590, y + 15, value, "end"))
        if value is None:
            continue
        parts.append(
            f'<rect x="200" y="{y}" width="{max(value, 0) * scale:.1f}" height="20" class="bar"/>'
        )
        low, high = number(found.get(f"{key}_low")), number(found.get(f"{key}_high"))
        if low is not None and high is not None:
            a, b = 200 + low * scale, 200 + high * scale
            parts.append(
                f'<path class="axis" d="M{a:.1f} {y + 10}H{b:.1f}'
                f'M{a:.1f} {y + 5}v10M{b:.1f} {y + 5}v10"/>'
            )
    return drawing(title, 20 + len(values) * 28, "".join(parts))


def plot(
    title: str, groups: Mapping[str, Sequence[Point]], axes: tuple[str, str], *, joined: bool
) -> str:
    """Points by group, joined by lines or each named; empty where there is none."""
    every = [point for points in groups.values() for point in points]
    if not every:
        return ""
    spans = [(min(p[i] for p in every), max(p[i] for p in every)) for i in (0, 1)]

    def put(point: Point) -> Point:
        share = [
            (v - a) / (b - a) if b > a else 0.5 for v, (a, b) in zip(point, spans, strict=True)
        ]
        return LEFT + share[0] * (RIGHT - LEFT), BOTTOM - share[1] * (BOTTOM - TOP)

    (left, right), (low, high) = spans
    parts = [
        f'<path class="axis" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>',
        label(LEFT, 240, left),
        label(RIGHT, 240, right, "end"),
        label(320, 258, axes[0], "middle"),
        label(LEFT - 4, BOTTOM, low, "end"),
        label(LEFT - 4, TOP + 5, high, "end"),
        label(4, 10, axes[1]),
    ]
    taken: list[Point] = []
    for at, (name, points) in enumerate(groups.items()):
        placed = [put(point) for point in sorted(points)]
        dash = f"{4 + 4 * at} {3 * at}"
        if joined and placed:
            d = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
            parts.append(f'<path class="line" stroke-dasharray="{dash}" d="M{d}"/>')
        parts += [f'<circle class="bar" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in placed]
        if placed:
            x, y = _free(placed[-1], taken)
            parts.append(label(min(x, 570), y - 8, name, "end" if x > 320 else "start"))
    return drawing(title, 264, "".join(parts))


def _free(point: Point, taken: list[Point]) -> Point:
    """The point, or the nearest above it where a name covers no other; it is taken then."""
    x, y = point
    while any(abs(x - a) < 150 and abs(y - b) < 14 for a, b in taken):
        y -= 1
    taken.append((x, y))
    return x, y
