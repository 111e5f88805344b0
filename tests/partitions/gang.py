"""Workers in threads that talk through queues: many workers without processes or sockets."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from partitions.grid import make_layout
from partitions.program import Program
from partitions.worker import Worker


class Mailbox:
    """One side of a set of queues; `posts[a, b]` leads from a to b."""

    def __init__(self, rank: int, posts: dict[tuple[int, int], queue.Queue[Any]]) -> None:
        self.rank, self.posts, self.calls = rank, posts, 0

    def exchange(self, epoch: int, number: int, batches: dict[int, list[np.ndarray]]) -> dict[int, list[np.ndarray]]:
        self.calls += 1
        for w, batch in batches.items():
            assert all(a.ndim == 1 and a.flags.c_contiguous for a in batch)
            self.posts[self.rank, w].put((epoch, number, batch))
        answers = {}
        for w in batches:
            e, k, batch = self.posts[w, self.rank].get(timeout=60)
            assert (e, k) == (epoch, number)
            answers[w] = batch
        return answers


class Gang:
    """W workers of one program; every call is made by all at once and returns what each returned or raised."""

    def __init__(self, program: Program, partitions: int, workers: int, threads: int = 1) -> None:
        self.layout = make_layout(program.grid, partitions)
        n = len(self.layout.parts)
        workers = min(workers, n)
        of = [p * workers // n for p in range(n)]
        posts: dict[tuple[int, int], queue.Queue[Any]] = {
            (a, b): queue.Queue() for a in range(workers) for b in range(workers)
        }
        self.boxes = [Mailbox(w, posts) for w in range(workers)]
        self.workers = [
            Worker(program, self.layout, [p for p in range(n) if of[p] == w], of, w, threads, self.boxes[w])
            for w in range(workers)
        ]

    def __enter__(self) -> Gang:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.close()

    def all(self, call: Callable[[Worker], Any]) -> list[Any]:
        results: list[Any] = [None] * len(self.workers)

        def run(w: int) -> None:
            try:
                results[w] = call(self.workers[w])
            except Exception as error:
                results[w] = error

        threads = [threading.Thread(target=run, args=(w,)) for w in range(len(self.workers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def done(self, call: Callable[[Worker], Any]) -> list[Any]:
        """`all`, and nothing may be raised."""
        results = self.all(call)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def tables(self, type: int) -> Sequence[Any]:
        return [(part.number, part.tables[type]) for worker in self.workers for part in worker.parts]
