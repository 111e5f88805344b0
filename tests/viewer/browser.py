"""The system's Chromium, drawing by software and able to reach this machine only."""

from __future__ import annotations

import shutil

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "no Chromium found: apt-get install chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
QUICK = [*FLAGS, "--disable-gpu-compositing"]
"""For tests: by software only what WebGL draws, which takes half of the time."""
