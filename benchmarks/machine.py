"""What the numbers were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

from benchmarks.native import compilers


def machine() -> dict[str, str]:
    """Processor, its widest vectors, cores, load, system and versions."""
    model, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        text = info.read_text(encoding="utf-8")
        found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
        model = found[1] if found else model
        found = re.search(r"^flags\s*: (.*)$", text, re.MULTILINE)
        flags = found[1] if found else ""
    vectors = next((name for name in ("avx512f", "avx2", "avx", "sse4_2") if name in flags.split()), "unknown")
    facts = {
        "processor": model,
        "vectors": vectors,
        "cores": str(len(os.sched_getaffinity(0))),
        "load": f"{os.getloadavg()[0]:.1f}",
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    for name in ("numpy", "numba", "llvmlite", "ray", "pyarrow"):
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = "absent"
    for name in compilers():
        lines = subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")
        facts[name] = lines[0]
    return facts
