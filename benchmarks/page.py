"""How many frames a second the page draws in a headless browser whose WebGL is worked out by the processor.

    python -m benchmarks.page [--seconds 4] [--url URL]

Entities move from frame to frame; each frame is decoded, sent to the graphics card, drawn at 1280 x 720 and waited for.
With --url the page of a running hub is opened instead, and the frames that it draws are counted.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright

from partitions.frames import Block, Frame, encode
from tests.viewer.browser import CHROMIUM, FLAGS
from tests.viewer.stage import Stage, density, points, theatre, world

SIDE = 1000.0
FRAMES = 6
GOALS = {"10,000 entities": 30.0, "100,000 entities": 12.0, "1,000,000 by density": 10.0, "1,000,000 by points": 1.5}


def crowd(n: int, tick: int, dim: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (n, dim) in metres and headings (n, dim) of a swirling crowd; the same entities at every tick."""
    rng = np.random.default_rng(5)
    angle, far = rng.random(n) * 2 * np.pi + 0.02 * tick, SIDE * np.abs(rng.normal(0, 0.2, n))
    ahead = np.stack([-np.sin(angle), np.cos(angle), 0.3 * rng.normal(size=n)], axis=1)[:, :dim]
    places = SIDE / 2 + np.stack([far * np.cos(angle), far * np.sin(angle), rng.normal(0, 80, n)], axis=1)[:, :dim]
    return places % SIDE, ahead


def scenes() -> dict[str, tuple[dict[str, Any], list[list[Block]]]]:
    """Name -> world and the blocks of some frames."""
    flat, space = world(side=SIDE), world(3, side=SIDE, depth=SIDE)
    high = {2: (SIDE, SIDE, 0), 3: (SIDE, SIDE, SIDE)}

    def some(n: int, dim: int = 2) -> list[list[Block]]:
        return [[points(*crowd(n, k, dim), high=high[dim])] for k in range(FRAMES)]

    def grid(k: int) -> Block:
        places, _ = crowd(1_000_000, k)
        counts, _, _ = np.histogram2d(places[:, 1], places[:, 0], bins=512, range=[[0, SIDE], [0, SIDE]])
        return density(counts[None])

    def raster(k: int, *shape: int) -> Block:
        axes = np.meshgrid(*(np.linspace(0, 6, size) for size in shape), indexing="ij")
        values = np.sum([np.sin(axis + 0.2 * k) for axis in axes], axis=0)
        about = {
            "layer": 0,
            "field": "height",
            "low": (0, 0, 0),
            "high": high[2 if shape[0] == 1 else 3],
            "stride": 1,
            "range": [0, 1],
        }
        return Block("layer", about, {"values": ((values + 3) / 6).astype(np.float16)})

    layers = [{"name": "Grass", "fields": ["height"]}]
    return {
        "10,000 entities": (flat, some(10_000)),
        "100,000 entities": (flat, some(100_000)),
        "1,000,000 by density": (flat, [[grid(k)] for k in range(FRAMES)]),
        "1,000,000 by points": (flat, some(1_000_000)[:3]),
        "10,000 in space": (space, some(10_000, 3)),
        "100,000 in space": (space, some(100_000, 3)),
        "1,000,000 in space": (space, some(1_000_000, 3)[:3]),
        "layer and 10,000": (
            {**flat, "layers": layers},
            [[raster(k, 1, 500, 500), *b] for k, b in enumerate(some(10_000))],
        ),
        "volume and 1,000": (
            {**space, "layers": layers},
            [[raster(k, 64, 64, 64), *b] for k, b in enumerate(some(1_000, 3))],
        ),
    }


def alone(browser: Browser, seconds: float, only: str) -> None:
    """The scene without a hub."""
    with theatre() as (url, frames):
        for name, (meta, ticks) in scenes().items():
            if only not in name:
                continue
            stage = Stage(browser, url, frames, (1280, 720), 1)
            stage.world(meta)
            if "volume" in name:
                stage.value("S.setLayer(0, {mode: 'volume', map: 'heat'})")
            for k, blocks in enumerate(ticks):
                frames[f"{k}"] = encode(Frame(k, 0, tuple(meta["low"]), tuple(meta["high"]), tuple(blocks)))
            pace = stage.value(
                "([names, seconds]) => pace(names, seconds)", [[f"{k}" for k in range(len(ticks))], seconds]
            )
            goal = f"goal {GOALS[name]:g}" if name in GOALS else ""
            print(f"{name:24}{pace:8.1f} frames/s  {goal}", flush=True)
            stage.page.close()


def live(browser: Browser, url: str, seconds: float) -> None:
    """The page of a running hub."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(url)
    count = "() => [S.drawnFrames, performance.now()]"
    page.wait_for_timeout(3000)
    n, start = page.evaluate(count)
    page.wait_for_timeout(1000 * seconds)
    m, stop = page.evaluate(count)
    print(f"{1000 * (m - n) / (stop - start):.1f} frames/s drawn at {url.partition('#')[0]}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each is drawn")
    parser.add_argument("--only", default="", help="those whose name holds this")
    parser.add_argument("--url", help="page of a running hub")
    asked = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if asked.url:
            live(browser, asked.url, asked.seconds)
        else:
            alone(browser, asked.seconds, asked.only)
        browser.close()


if __name__ == "__main__":
    main()
