"""The protocol of benchmarks/served.py for a reference in Python."""

import json
import time


def serve(tick) -> None:
    """Say that all is ready, then do as many ticks as each line of the input says, and tell how long they took."""
    print(json.dumps({"ready": True}), flush=True)
    while True:
        try:
            ticks = int(input())
        except EOFError:
            return
        began, cpu = time.perf_counter(), time.process_time()
        checked = None
        for _ in range(ticks):
            checked = tick()
        taken = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
        print(json.dumps({**taken, "checked": checked}), flush=True)
