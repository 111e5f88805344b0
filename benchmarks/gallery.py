"""Make the pictures and movies of docs/gallery, one of every bundled app: `python -m benchmarks.gallery [APP ...]`.

Each is what one `weaver render` makes; docs/gallery.md shows them with their commands. Takes some minutes, and needs
Open3D, Pillow and ffmpeg (`pip install ".[all]"`).
"""

from __future__ import annotations

import io
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from weaver.cli import app as command
from weaver.load import bundled_apps

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "gallery"
LARGEST = {".png": 200_000, ".mp4": 1_000_000}
MAP, SPACE = "840x870", "1120x640"


@dataclass(frozen=True)
class Shown:
    """A picture: what is to be seen in it, and the options of the command that makes it."""

    app: str
    says: str
    options: str
    suffix: str = ".png"

    @property
    def file(self) -> str:
        """Its name in the folder."""
        return self.app + self.suffix

    @property
    def command(self) -> str:
        """What makes it, run in the repository."""
        return f"weaver render {self.app} {self.options} --out docs/gallery/{self.file}"


PICTURES = [
    Shown("ants", "Trails of scent to the heaps of food.", f"--ticks 500 --size {MAP}"),
    Shown(
        "bottleneck",
        "People before a door, coloured by the pace that they would walk.",
        "--ticks 700 --camera 60,36,1.15 --size 1120x640",
    ),
    Shown(
        "circles",
        "A gas of circles that settles to clumps, coloured by how far each moved.",
        f"--set count=20000 --ticks 120 --size {SPACE}",
    ),
    Shown("diffusion", "A point of heat that has become a bell.", f"--set fine=4 --ticks 200 --size {MAP}"),
    Shown(
        "dla",
        "A tree of those who stuck, coloured by when they did.",
        f"--set size=240 --set density=0.03 --camera top,2.2 --ticks 6000 --size {MAP}",
    ),
    Shown("epidemic", "Rings of infection, and what they leave.", f"--set people=8000 --ticks 160 --size {MAP}"),
    Shown("flocking", "80,000 birds, coloured by where they go.", "--ticks 300 --size 720x746"),
    Shown(
        "forest_fire",
        "A fire just above the density at which it comes through.",
        f"--set size=160 --set density=0.62 --ticks 150 --size {MAP}",
    ),
    Shown("gas", "Hard discs, coloured by their speed.", f"--set side=80 --ticks 300 --size {MAP}"),
    Shown("life", "Gosper's gun and its gliders.", f"--set size=80 --ticks 200 --size {MAP}"),
    Shown("melt", "A crystal of 32,000 atoms that has melted.", f"--ticks 200 --size {SPACE}"),
    Shown("pathfinding", "Two streams cross a field of discs.", f"--set walkers=600 --ticks 600 --size {MAP}"),
    Shown(
        "rumour",
        "Sparks of a rumour on a small world.",
        f"--set rewired=0.1 --set people=2000 --ticks 130 --size {MAP}",
    ),
    Shown(
        "schelling",
        "Districts, of people who want few like themselves around.",
        f"--set size=60 --set people=2900 --set wanted=4 --ticks 60 --size {MAP}",
    ),
    Shown("slime", "Slime mould and the veins that it leaves.", f"--ticks 120 --size {MAP}"),
    Shown("sugarscape", "Foragers on the terraces of two hills of sugar.", f"--ticks 60 --size {MAP}"),
    Shown("termites", "Chips that nobody told anybody to gather.", f"--ticks 5000 --size {MAP}"),
    Shown(
        "traffic",
        "A city with lights, its cars coloured by their speed.",
        "--set length=48 --set streets=6 --set density=0.3 --ticks 200 --camera=-25,48,1.0 --size 1120x640",
    ),
    Shown("vicsek", "Order out of noise: headings below the critical noise.", f"--ticks 100 --size {MAP}"),
    Shown(
        "wolf_sheep",
        "Sheep, wolves, and grass that grows back.",
        "--set size=60 --set sheep=360 --set wolves=180 --set regrowth=10 --set lambs=0.4 --set cubs=0.2 --ticks 120 "
        f"--size {MAP}",
    ),
    Shown(
        "zombies", "Fronts of zombies, and humans who crowd before them.", f"--set scale=0.004 --ticks 40 --size {MAP}"
    ),
]
MOVIES = [
    Shown("vicsek", "", "--ticks 240 --every 2 --size 480x500 --quality 30", ".mp4"),
    Shown("slime", "", "--ticks 240 --every 2 --size 480x500 --quality 32", ".mp4"),
    Shown("traffic", PICTURES[17].says, "--set length=48 --set streets=6 --set density=0.3 --ticks 240 --camera=-25,48,1.0 "
          "--turn 40 --size 640x368 --quality 30", ".mp4"),
]  # fmt: skip


def main(names: list[str]) -> None:
    """Make those of the named apps, by default all, and the page that shows them."""
    FOLDER.mkdir(exist_ok=True)
    lacking = {name for name, _ in bundled_apps()} - {one.app for one in PICTURES}
    if lacking:
        raise SystemExit(f"no picture of {', '.join(sorted(lacking))}: add it to {__file__}")
    for one in [*PICTURES, *MOVIES]:
        if names and one.app not in names:
            continue
        out = FOLDER / one.file
        command(["render", one.app, *shlex.split(one.options), "--legend", "--out", str(out)], standalone_mode=False)
        if one.suffix == ".png":
            small(out)
        size = out.stat().st_size
        if size > LARGEST[one.suffix]:
            raise SystemExit(f"{out.name} has {size} bytes, more than {LARGEST[one.suffix]}: lower its size")
    (FOLDER.parent / "gallery.md").write_text(page(), encoding="utf-8")


def small(path: Path) -> None:
    """Keep as many colours as fit into the size that a picture may have."""
    with Image.open(path) as image:
        for colours in (256, 128, 64, 32):
            packed = io.BytesIO()
            image.quantize(colours, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
            if packed.tell() <= LARGEST[".png"]:
                break
    path.write_bytes(packed.getvalue())


def page() -> str:
    """The gallery as Markdown."""
    films = {one.app: one for one in MOVIES}
    parts = [
        "# Gallery",
        "Every bundled app at a telling tick, drawn by `weaver render` with no display. "
        "`python -m benchmarks.gallery` makes all of it, this page too.",
    ]
    for one in PICTURES:
        parts.append(f"## {one.app}\n{one.says}\n\n![{one.app}](gallery/{one.file})")
        said = f"`{one.command} --legend`"
        if one.app in films:
            said += f", and [a movie](gallery/{films[one.app].file}): `{films[one.app].command} --legend`"
        parts.append(said)
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
