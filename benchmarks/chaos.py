"""Chaos: kill workers, raylets and the driver at random instants of runs with live commands, and compare the end.

    python -m benchmarks.chaos --kills 200 --workers 2 --apps flocking,wolf_sheep,slime

Each life of a run is a process of its own (`benchmarks/chaos_run.py`) that resumes from a folder, gives commands, and
writes every acknowledgement to a file. This one kills: SIGKILL to a worker, to Ray's raylet, or to the driver,
after a random time, so that kills fall into ticks, exchanges, snapshots, commands, start-up and recovery alike. When
a run has come to its last tick its digest must be that of the run that nobody disturbed, whose commands are the
acknowledged ones, each at the tick at which it was acknowledged; so each has acted exactly once. All lives of a
run write one recording, which must be that of the undisturbed run, row for row.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EARLY = 0.15
"""How many kills may come before a life has begun to run."""
VICTIMS = ("worker", "worker", "raylet", "driver", "driver")


def descendants(pid: int) -> dict[int, str]:
    """Process -> name of all that a process has started, and they."""
    children: dict[int, list[int]] = {}
    names = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                names[int(entry.name)] = (entry / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found[child] = names.get(child, "")
            waiting.append(child)
    return found


def victims(pid: int, kind: str) -> list[int]:
    """Processes of a kind below the driver."""
    if kind == "driver":
        return [pid]
    word = "ray::WorkerActor" if kind == "worker" else "raylet"
    return [
        child for child, name in descendants(pid).items() if word in os.path.basename(name) or name.startswith(word)
    ]


class Trial:
    """One app's run, disturbed until enough kills have hit."""

    def __init__(self, app: str, workers: int, ticks: int, rng: random.Random) -> None:
        self.app, self.workers, self.ticks, self.rng = app, workers, ticks, rng
        self.folder = Path(tempfile.mkdtemp(prefix=f"chaos-{app}-"))
        self.kills: Counter[str] = Counter()
        self.last = ""
        self.lives = 0
        self.slowest = 0.0
        self.agents: dict[int, str] = {}

    def start(self) -> subprocess.Popen[str]:
        """The next life."""
        self.lives += 1
        self.last = ""
        (self.folder / "up").unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "benchmarks.chaos_run", self.app, str(self.folder), str(self.workers),
            str(self.ticks), str(self.rng.randrange(1 << 30)),
        ]  # fmt: skip
        environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
        environment["PYTHONPATH"] = str(ROOT)
        with open(self.folder / "log.txt", "a") as log:
            return subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, text=True, start_new_session=True, cwd=ROOT
            )

    def disturb(self, process: subprocess.Popen[str], wanted: int) -> None:
        """Kill now and then until the process has ended, or enough has been killed."""
        while process.poll() is None and sum(self.kills.values()) < wanted:
            early = self.rng.random() < EARLY
            while not (early or (self.folder / "up").exists() or process.poll() is not None):
                time.sleep(0.05)
            end = time.monotonic() + self.rng.uniform(0.5, 9.0)
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
            kind = self.rng.choice(VICTIMS)
            found = victims(process.pid, kind)
            if process.poll() is None and found:
                before = descendants(process.pid)
                try:
                    os.kill(self.rng.choice(found), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.kills[kind] += 1
                self.last = kind
                if kind == "driver":
                    process.wait()
                    self.gone(before)

    def gone(self, before: dict[int, str]) -> None:
        """All workers that the driver had started end within ten seconds; Ray's own agents take a minute."""
        died = time.monotonic()
        while any("WorkerActor" in name for pid, name in before.items() if not zombie(pid)):
            if time.monotonic() - died > 10.0:
                raise SystemExit(f"{self.app}: workers live 10 s after the driver's death: {before}")
            time.sleep(0.05)
        self.slowest = max(self.slowest, time.monotonic() - died)
        self.agents |= {pid: name for pid, name in before.items() if not zombie(pid)}

    def left(self) -> dict[int, str]:
        """What drivers have started and is there two minutes after the last death."""
        end = time.monotonic() + 120.0
        while time.monotonic() < end and any(not zombie(pid) for pid in self.agents):
            time.sleep(0.2)
        return {pid: name for pid, name in self.agents.items() if not zombie(pid)}

    def run(self, kills: int) -> dict[str, object]:
        """Disturb, let it come to its end, and compare."""
        began = time.monotonic()
        while True:
            process = self.start()
            self.disturb(process, kills)
            if process.wait() == 0:
                break
            # Ray itself ends a driver that uses the object store at the moment at which its raylet dies.
            enough = sum(self.kills.values()) >= kills
            if enough and self.last != "raylet" and process.returncode != -signal.SIGKILL:
                raise SystemExit(f"ended with {process.returncode}\n" + (self.folder / "log.txt").read_text()[-4000:])
        told = json.loads((self.folder / "end.json").read_text())
        command = [sys.executable, "-m", "benchmarks.chaos_run", self.app, str(self.folder), "0", str(self.ticks)]
        calm = subprocess.run(
            [*command, "-1"], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
            text=True, cwd=ROOT, check=True,
        )  # fmt: skip
        expected = json.loads(calm.stdout.splitlines()[-1])
        same = told["digest"] == expected["digest"] and told["acknowledged"] == expected["acknowledged"]
        same &= expected["recorded"]
        result = {
            "app": self.app, "same": same, "kills": dict(self.kills), "lives": self.lives, "ticks": self.ticks,
            "commands": told["acknowledged"], "digest": told["digest"], "recorded": expected["recorded"],
            "left": self.left(), "slowest_end": round(self.slowest, 1), "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
        if same and not result["left"]:
            shutil.rmtree(self.folder)
        else:
            result["expected"], result["folder"] = expected, str(self.folder)
        return result


def zombie(pid: int) -> bool:
    """A process that has ended may wait to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--apps", default="flocking,wolf_sheep,slime")
    parser.add_argument("--per-run", type=int, default=10, help="kills in one run, before it may come to its end")
    parser.add_argument("--ticks", type=int, default=0, help="0: as many as last for the kills")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    rng, apps = random.Random(options.seed), options.apps.split(",")
    print(f"seed {options.seed}", flush=True)
    done, wrong, k = 0, 0, 0
    while done < options.kills:
        kills = min(options.per_run, options.kills - done)
        trial = Trial(apps[k % len(apps)], options.workers, options.ticks or 1500, rng)
        result = trial.run(kills)
        k += 1
        done += sum(trial.kills.values())
        wrong += not result["same"] or bool(result["left"])
        print(json.dumps(result), flush=True)
    print(f"{done} kills in {k} runs, {wrong} of them with another end", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
