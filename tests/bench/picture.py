"""The growth study as a picture, where matplotlib is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

Lines = Mapping[str, Sequence[tuple[int, float]]]
"""By command: how far the lake has grown, and CPU seconds."""


def draw(panels: Mapping[str, Lines], path: Path) -> None:
    """Draw one panel for each thing that grows; each step of the upright axis is twice as much."""
    if not importlib.util.find_spec("matplotlib"):
        print("no picture: `pip install matplotlib` (make growth does so)", file=sys.stderr)
        return
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "nomad", "font.size": 9})
    from matplotlib import pyplot as plt
    from matplotlib import ticker

    figure, places = plt.subplots(1, len(panels), figsize=(9, 3.6), sharey=True)
    for place, (title, lines) in zip(places, panels.items(), strict=True):
        for command, points in lines.items():
            place.plot(*zip(*points, strict=True), marker="o", markersize=3, label=command)
            sizes = [size for size, _ in points]
        place.set(xscale="log", xlabel=title)
        place.set_yscale("log", base=2)
        place.set_xticks(sizes, [f"{size:,}" for size in sizes])
        place.xaxis.set_minor_locator(ticker.NullLocator())
        place.yaxis.set_major_formatter("{x:g}")
        place.grid(which="major", linewidth=0.3)
    places[0].set_ylabel("CPU seconds")
    places[-1].legend(fontsize=8, frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
