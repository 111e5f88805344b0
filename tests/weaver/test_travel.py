"""Every tick of a run can be had again, and every run can branch."""

import shutil

import numpy as np
import pytest

import weaver as wv
from tests.weaver.travelled import loaded

LAST = 30


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("app"))


def command(run, module):
    """What comes from outside at some ticks."""
    if run.tick == 5:
        run.set(push=0.3)
        run.add(module.Bird, position=[(3.0, 3.0)], velocity=[(1.0, 0.0)])
    if run.tick == 12:
        run.update(module.Bird, [0, 1], energy=0.8)
        run.remove([2], at=17)
        run.send([3, 4], module.Hit(damage=0.1), at=15)


def played(run, module, last=LAST):
    """Tick -> digest, before commands."""
    digests = {}
    while run.tick < last:
        digests[run.tick] = run.digest()
        command(run, module)
        run.step()
    digests[run.tick] = run.digest()
    return digests


@pytest.fixture(scope="module")
def kept(app, tmp_path_factory):
    """(folder, tick -> digest) of a run with an archive."""
    module, sim = app
    folder = tmp_path_factory.mktemp("kept") / "run"
    with sim.start(snapshots=folder, snapshot_every=10) as run:
        digests = played(run, module)
    return folder, digests


def test_a_run_that_is_kept_can_be_had_at_every_tick(app, tmp_path):
    module, sim = app
    with sim.start(snapshots=tmp_path / "run", snapshot_every=10) as run:
        digests = played(run, module)
        for tick in (0, 5, 6, 10, 12, 13, 17, 21, 30):
            with run.seek(tick) as then:
                assert (then.tick, then.digest()) == (tick, digests[tick])
        assert run.digest() == digests[30]


def test_what_is_sought_goes_on_to_the_same_bits(app, kept):
    module, sim = app
    folder, digests = kept
    with sim.restore(folder, at=18, partitions=4) as run:
        assert played(run, module) == {tick: d for tick, d in digests.items() if tick >= 18}


def test_pending_commands_are_pending_at_a_tick_that_is_sought(app, kept):
    module, sim = app
    folder, digests = kept
    with sim.restore(folder, at=13) as run:
        assert played(run, module)[LAST] == digests[LAST]


def test_a_run_that_was_sought_can_be_sought_again(app, kept):
    _, sim = app
    folder, digests = kept
    with sim.restore(folder, at=16) as run, run.seek(14) as earlier, earlier.seek(11) as first:
        assert [earlier.digest(), first.digest()] == [digests[14], digests[11]]


def test_observations_lead_up_to_the_tick_that_is_sought(app, kept):
    _, sim = app
    folder, _ = kept
    with sim.restore(folder, at=13) as run:
        assert run.observations()["tick"].to_pylist() == list(range(14))


def test_a_run_that_is_not_kept_and_was_let_alone_can_be_sought():
    sim = quiet()
    with sim.start() as run:
        run.step(4)
        digest = run.digest()
        run.step(3)
        with run.seek(4) as then:
            assert then.digest() == digest


def test_a_run_that_is_not_kept_and_had_commands_says_so():
    sim = quiet()
    with sim.start() as run:
        run.set(pace=0.2)
        run.step(3)
        with pytest.raises(wv.RunError, match="it has had commands, and they were not kept"):
            run.seek(1)


@pytest.mark.parametrize("tick", [-1, 31, 2.5])
def test_a_tick_that_has_not_been_is_refused(app, kept, tick):
    with pytest.raises(wv.RunError, match="it is known from tick 0 to 30"):
        app[1].restore(kept[0], at=tick)


def test_a_tick_before_the_oldest_snapshot_is_refused(app, kept, tmp_path):
    _, sim = app
    with sim.restore(kept[0], at=20, snapshots=tmp_path / "branch") as run:
        run.step(2)
        with pytest.raises(wv.RunError, match="its oldest snapshot is of tick 20"):
            run.seek(19)


def test_a_fork_without_changes_has_the_same_bits(app):
    _, sim = app
    with sim.start() as run:
        run.step(13)
        with run.fork() as branch:
            run.step(10)
            branch.step(10)
            assert branch.digest() == run.digest()
            assert branch.parameters == run.parameters


def test_a_fork_goes_its_own_way_and_knows_its_parent(app, kept, tmp_path):
    from partitions.folder import folder_at
    from partitions.manifest import read_manifest

    _, sim = app
    with sim.start(snapshots=tmp_path / "run") as run:
        run.step(8)
        with run.fork(changes={"push": 0.9}, snapshots=tmp_path / "branch") as branch:
            assert branch.digest() == run.digest()
            assert (branch.parameters["push"], run.parameters["push"]) == (0.9, 0.1)
            branch.step(5)
            run.step(5)
            assert branch.digest() != run.digest()
            there = branch.digest()
            branch.snapshot(tmp_path / "there")
    manifest = read_manifest(folder_at(tmp_path / "there"))
    assert manifest.driver["parent"] == {"path": str(tmp_path / "run"), "tick": 8, "identity": run.identity}
    with sim.restore(tmp_path / "branch", at=13) as again:
        assert again.digest() == there


def test_a_fork_refuses_what_is_no_parameter(app):
    with app[1].start() as run, pytest.raises(wv.ModelError, match="pull"):
        run.fork(changes={"pull": 1.0})


def quiet():
    """One that nothing acts on between ticks."""
    sim = wv.Simulation(wv.Box(10, 10), seed=1)
    pace = sim.parameter("pace", 0.1, low=0.0, high=1.0)

    class Walker(wv.Entity):
        way: float = 0.0

    sim.add(Walker, position=np.array([[1.0, 1.0], [5.0, 5.0]]))

    @sim.behavior
    def walk(me: Walker, world: wv.World):
        me.position += pace * world.unit2()
        me.way += pace

    return sim


def weaver(*arguments, code=0):
    from typer.testing import CliRunner

    from weaver.cli import app as command

    result = CliRunner().invoke(command, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_replay_goes_to_a_tick(kept):
    folder, digests = kept
    assert "flock: 13 ticks, 43 Bird, 1 worker" in weaver("replay", folder, "--at", 13)
    assert f"digest {digests[13]}" in weaver("replay", folder, "--at", 13, "--partitions", 4)
    assert f"digest {digests[LAST]}" in weaver("replay", folder)


def test_replay_verifies_what_is_kept(kept, tmp_path):
    folder, digests = kept
    lines = weaver("replay", folder, "--verify").splitlines()
    assert [line for line in lines if line.startswith("tick 20")] == [f"tick 20: {digests[20]}, as it was"]
    assert len(lines) >= 3


def test_replay_verifies_a_recording(app, tmp_path):
    module, sim = app
    with sim.start(snapshots=tmp_path / "run", snapshot_every=10, record=tmp_path / "out", record_every=4) as run:
        digests = played(run, module, 14)
    lines = weaver("replay", tmp_path / "out", "--verify", "--run", tmp_path / "run").splitlines()
    assert lines == [f"tick {tick}: {digests[tick]}, as it was" for tick in (0, 4, 8, 12)]
    text = weaver("replay", tmp_path / "out", "--verify", "--app", sim.file, code=1)
    assert f"and {digests[8]} was kept" in text  # without the commands it is another run


def test_a_snapshot_that_is_not_what_is_computed_is_found(app, kept, tmp_path):
    folder = shutil.copytree(kept[0], tmp_path / "run")
    place = folder / "tick-0000000000020"
    shutil.rmtree(place)
    with app[1].restore(kept[0], at=13) as run:
        run.set(push=0.9)
        run.step(7)
        run.snapshot(place)
    assert f"and {run.digest()} was kept" in weaver("replay", folder, "--verify", code=1)
    (place / "entity-Bird-0.arrow").write_bytes(b"")
    assert "entity-Bird-0.arrow cannot be used" in weaver("replay", folder, "--verify", code=1)


def test_a_branch_of_the_command_parts_where_it_was_made(kept, tmp_path):
    folder, digests = kept
    text = weaver("fork", folder, "--at", 13, "--set", "push=0.9", "--snapshots", tmp_path / "b", "--ticks", 20)
    assert digests[20] not in text and "flock: 20 ticks" in text
    assert f"branch of   {folder} at tick 13" in weaver("snapshot", "info", tmp_path / "b")
    lines = weaver("diff", folder, tmp_path / "b", code=1).splitlines()
    assert lines[:2] == ["tick 14: first difference; the same at tick 13", "parameters: push 0.3 and 0.9"]
    assert lines[2].startswith("Bird ") and "velocity.x" in lines[2]


def test_a_run_does_not_differ_from_itself(kept):
    assert weaver("diff", kept[0], kept[0]).splitlines() == ["no difference from tick 0 to 30"]


def test_an_app_that_is_gone_is_asked_for(tmp_path):
    _, sim = loaded(tmp_path)
    with sim.start(snapshots=tmp_path / "run") as run:
        run.step(1)
    (tmp_path / "flock.py").rename(tmp_path / "moved.py")
    assert "Say where it is: --app PATH" in weaver("replay", tmp_path / "run", code=2)


@pytest.mark.slow
def test_a_run_on_ray_workers_is_sought_and_forked(app, ray_cluster):
    module, sim = app
    with sim.start(workers=2, cluster=ray_cluster) as run:
        digests = played(run, module, 14)
        with run.seek(13, workers=2, partitions=3, cluster=ray_cluster) as then, run.seek(4) as here:
            assert [then.digest(), here.digest()] == [digests[13], digests[4]]
        with run.fork(workers=1, cluster=ray_cluster) as branch, run.fork() as other:
            for one in (run, branch, other):
                one.step(4)
            assert branch.digest() == run.digest() == other.digest()
