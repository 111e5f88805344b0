"""Errors of a run on Ray and of ids: told in three sentences, the same ones wherever the entities are."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import weaver as wv
from partitions.cluster import Cluster
from partitions.compiled import CacheError
from partitions.errors import TickFault, WorkerLost
from partitions.surviving import Surviving
from tests.partitions.test_cluster import until
from weaver.run import Run

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(180)


class Deer(wv.Entity):
    velocity: wv.Vec2
    herd: int


class Lynx(wv.Entity):
    seen: int


def make(boundary: str = "periodic", at: int = 10**9, by: float = 0.0) -> wv.Simulation:
    """Deer and lynxes on 40 x 20; from tick `at` on, deer of ids above 4 move by velocity / `by`."""
    sim = wv.Simulation(wv.Box(40, 20, boundary=boundary), seed=5, name="forest")

    @sim.behavior
    def look(me: Lynx, world: wv.World):
        me.seen = world.count(me, Deer, radius=2.0)

    @sim.behavior
    def roam(me: Deer, world: wv.World):
        step = 0.1 * me.velocity
        if world.tick >= at and me.id > 4:
            step = me.velocity / by
        me.position += step

    sim.scatter(Deer, 200, velocity=lambda rng: rng.unit2())
    sim.scatter(Lynx, 30)
    return sim


def three_sentences(error: Exception) -> bool:
    """What was asked and is allowed; what would go wrong; what to change."""
    lines = str(error).splitlines()
    return len(lines) == 3 and all(line.endswith(".") for line in lines)


# ---- In a run, on any number of workers ----


BROKEN = {
    "not finite": (lambda: make(at=3), r"position (NaN|-?inf) at tick 3: Deer 5 \(behavior 'roam'\) set x from"),
    "reach": (lambda: make(at=3, by=0.1), r"moved beyond the reach at tick 3: Deer \d+ \(behavior 'roam'\) went from"),
    "strict": (
        lambda: make("strict", 0, 0.6), r"left a strict boundary at tick \d+: Deer \d+ \(behavior 'roam'\) went from",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "rule", ["reach", *(pytest.param(rule, marks=pytest.mark.slow) for rule in ("not finite", "strict"))]
)
def test_a_broken_rule_is_told_the_same_by_all_partitions(rule: str) -> None:
    told_the_same(*BROKEN[rule], {"partitions": 7})


@pytest.mark.slow
@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_told_the_same_by_workers(ray_cluster: str, rule: str) -> None:
    told_the_same(*BROKEN[rule], {"workers": 2})


def told_the_same(sim: Callable[[], wv.Simulation], said: str, split: dict[str, int]) -> None:
    told = []
    for options in ({}, split):
        with sim().start(**options) as run, pytest.raises(wv.RunError, match=said) as caught:  # type: ignore[arg-type]
            run.step(60)
        assert three_sentences(caught.value)
        assert isinstance(caught.value.__cause__, TickFault)
        told.append(str(caught.value))
    assert told[0] == told[1]


def inner(run: Run) -> Cluster:
    """The runtime of a run on Ray that works now."""
    runtime = run._runtime
    assert isinstance(runtime, Surviving)
    assert isinstance(runtime.inner, Cluster)
    return runtime.inner


def test_a_worker_killed_in_mid_tick_is_made_good_and_the_bits_are_the_same(
    ray_cluster: str, caplog: pytest.LogCaptureFixture
) -> None:
    with make().start() as calm:
        calm.step(400)
        expected = calm.digest()
    with make().start(workers=2) as run:
        lost = inner(run).places[1]
        run.rate(200)
        run.resume(400)
        until(lambda: run.tick >= 3)
        os.kill(lost.pid, signal.SIGKILL)
        until(lambda: not run.running, 60)
        assert (run.pause(), run.digest(), run.lost) == (400, expected, 1)
    said = caplog.messages[-1]
    assert f"worker 1 of 2 (process {lost.pid} on node {lost.host}" in said
    assert "The run goes on after" in said


def test_a_loss_that_comes_again_and_again_ends_the_run_which_answers_with_what_happened(
    ray_cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partitions.surviving.PATIENCE", 0)
    run = make().start(workers=2)
    os.kill(inner(run).places[0].pid, signal.SIGKILL)
    with pytest.raises(wv.RunError, match="worker 0 of 2") as caught:
        run.step(1000)
    assert isinstance(caught.value.__cause__, WorkerLost)
    for ask in (run.digest, run.step, lambda: run.entities(Deer), lambda: run.rate(3)):
        with pytest.raises(wv.RunError, match="the run failed: worker 0 of 2"):
            ask()
    run.stop()
    run.stop()


# ---- Before a run ----


def test_more_workers_than_can_be_placed_are_refused_with_numbers(ray_cluster: str) -> None:
    with pytest.raises(
        wv.RunError, match=r"6 workers with 1 CPU each were asked for; .* has 4 CPU on 1 node"
    ) as caught:
        make().start(workers=6)
    assert "Use workers=4" in str(caught.value)
    assert three_sentences(caught.value)


@pytest.mark.slow  # test_cluster has the same, without a run around it
def test_workers_of_another_cpu_target_are_refused(ray_cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = Cluster._start

    def other(self: Cluster, env: object, timeout: float, resumed: None) -> None:
        fewer = ",".join(f for f in self.program.cpu[1].split(",") if not f.endswith("fma"))
        started(self, {1: {"NUMBA_CPU_FEATURES": fewer}}, timeout, resumed)

    monkeypatch.setattr(Cluster, "_start", other)
    with pytest.raises(wv.RunError, match=r"worker 0 on node .* and worker 1 on node .* must compute the same bits"):
        make().start(workers=2)


def test_the_client_of_ray_and_a_cluster_that_is_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # whatever other tests have left
    with pytest.raises(wv.RunError, match="ray://there:10001 was asked for") as refused:
        make().start(workers=2, cluster="ray://there:10001")
    with pytest.raises(wv.RunError, match=r"the Ray cluster 127\.0\.0\.1:1 was to be joined") as missing:
        make().start(workers=2, cluster="127.0.0.1:1")
    assert three_sentences(refused.value)
    assert three_sentences(missing.value)


def test_a_cache_that_others_can_write_to_is_refused_as_an_error_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("WEAVER_CACHE", str(tmp_path))
    sim = make(by=0.987654)  # a text that this process has not loaded yet
    with pytest.raises(wv.RunError, match="mode 700") as caught:
        sim.start()
    assert isinstance(caught.value.__cause__, CacheError)


def test_a_bad_csv_is_named_by_row_and_column_where_the_app_adds_it(tmp_path: Path) -> None:
    file = tmp_path / "deer.csv"
    file.write_text("x,y,herd\n1,2,3\n4,5,many\n")
    sim = make()
    with pytest.raises(
        wv.ModelError, match=r"deer\.csv, row 3 \(the header is row 1\), column 'herd': 'many'"
    ) as caught:
        sim.add(Deer, file)
    assert len(str(caught.value).splitlines()) >= 3


# ---- Ids ----


def test_ids_are_unique_over_all_types() -> None:
    sim = make()  # 230 drawn ones, from 0 on
    sim.add(Lynx, position=[[1, 1], [2, 2]], id=[500, 300])
    sim.add(Deer, position=[[3, 3]])
    with sim.start(partitions=3) as run:
        ids = run.entities(Deer)["id"].to_pylist() + run.entities(Lynx)["id"].to_pylist()
    assert sorted(ids) == [*range(230), 300, 500, 501]
    for taken in (0, 229):
        again = make()
        again.add(Lynx, position=[[1, 1]], id=[taken])
        with pytest.raises(
            wv.ModelError, match=rf"id {taken} was given to two entities; ids are unique over all types"
        ):
            again.start()


def test_two_given_columns_must_not_share_an_id() -> None:
    sim = make()
    sim.add(Deer, position=[[1, 1], [2, 2]], id=[1000, 1001])
    sim.add(Lynx, position=[[1, 1]], id=[1001])
    with pytest.raises(wv.ModelError, match=r"id 1001 was given to two entities") as caught:
        sim.start()
    assert three_sentences(caught.value)


def test_the_bit_of_those_born_in_a_run_is_kept_free() -> None:
    sim = make()
    with pytest.raises(wv.ModelError, match=r"ids are whole numbers from 0 to 2\^62 - 1") as caught:
        sim.add(Deer, position=[[1, 1]], id=[2**62])
    assert "born in a run" in str(caught.value)
    sim.add(Deer, position=[[1, 1]], id=[2**62 - 1])  # the last one there is
    with sim.start() as run:
        assert run.entities(Deer)["id"].to_pylist()[-1] == 2**62 - 1
    sim.scatter(Deer, 2)
    with pytest.raises(wv.ModelError, match=r"ids from 4611686018427387904 on .* from 0 to 2\^62 - 1") as counted:
        sim.start()
    assert three_sentences(counted.value)


# ---- What a worker loads ----


def test_a_worker_of_an_app_loads_neither_a_view_nor_the_command(ray_cluster: str) -> None:
    with make().start(workers=1) as run:
        run.step(2)
        look = inner(run)._actors[0].__ray_call__
        names = ray.get(look.remote(lambda self: sorted(__import__("sys").modules)))
    assert any(name.startswith("weaver.vector") for name in names)
    assert not {n.split(".")[0] for n in names} & {
        "open3d",
        "viewer",
        "apps",
        "tests",
        "typer",
        "rich",
        "libusb_package",
    }
