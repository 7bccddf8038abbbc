#!/usr/bin/env python3
"""Cost of a step by size, as an SVG: both axes logarithmic.

    bench/plot.py DATA.json OUT.svg              DATA.json as bench.py leaves it in BUILD/bench/growth.json"""
import argparse
import json
import math

WIDTH, HEIGHT, LEFT, TOP, GAP = 460, 300, 60, 40, 60
# Key of a curve -> its title and colour.
CURVES = {"instances": ("instances", "#1f5f8b"), "agents": ("agents of one slot each", "#b5482a"),
          "message": ("agents that share all slots", "#4a7a3a")}


def axis_y(values):
    low = 10 ** math.floor(math.log10(min(values)))
    return low, max(low * 100, 10 ** math.ceil(math.log10(max(values))))


def panel(at, title, points, low, high, colour):
    left, bottom = LEFT + at * (WIDTH + GAP), TOP + HEIGHT
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])

    def place(x, y):
        return (left + (math.log10(x) - first) / max(last - first, 1e-9) * WIDTH,
                bottom - (math.log10(y) - math.log10(low)) / (math.log10(high) - math.log10(low)) * HEIGHT)

    out = [f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>',
           f'<text x="{left + WIDTH / 2}" y="{TOP - 14}" text-anchor="middle">microseconds a step, by {title}</text>']
    y = low
    while y <= high:
        _, py = place(points[0][0], y)
        out.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{py:.1f}" y2="{py:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{py + 4:.1f}" text-anchor="end">{y:g}</text>')
        y *= 10
    path = " ".join(f"{'L' if i else 'M'}{px:.1f} {py:.1f}" for i, (px, py) in enumerate(place(*p) for p in points))
    out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for x, value in points:
        px, py = place(x, value)
        out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{colour}"/>')
        out.append(f'<text x="{px:.1f}" y="{py - 9:.1f}" text-anchor="middle">{value:.1f}</text>')
        out.append(f'<text x="{px:.1f}" y="{bottom + 18}" text-anchor="middle">{x:,}</text>')
    return out


def write(path, by):
    """by: key of a curve -> (size, µs, …) of each point; the panels share their vertical axis."""
    low, high = axis_y([row[1] for rows in by.values() for row in rows])
    width, height = LEFT + len(by) * (WIDTH + GAP), TOP + HEIGHT + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for i, (key, rows) in enumerate(by.items()):
        title, colour = CURVES[key]
        out += panel(i, title, [(row[0], row[1]) for row in rows], low, high, colour)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out + ["</svg>", ""]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="DATA.json", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("out", metavar="OUT.svg")
    args = parser.parse_args()
    with args.data:
        write(args.out, json.load(args.data))


if __name__ == "__main__":
    main()
