"""A check says every fault of a model at once, where a run would stop at the first."""

import weaver as wv


class Hit(wv.Message):
    damage: float


class Bird(wv.Entity):
    energy: float


def sim_of(*behaviors):
    sim = wv.Simulation(wv.Box(40, 40), seed=1)
    for behavior in behaviors:
        sim.behavior(behavior)
    sim.scatter(Bird, 5)
    return sim


def misspelt(bird: Bird, world: wv.World):
    bird.enrgy = 1.0


def unset(bird: Bird, world: wv.World):
    if bird.energy > 1.0:
        change = 2.0
    bird.energy += change


def mixed(bird: Bird, world: wv.World):
    bird.energy = bird.position + 1.0


def sends(bird: Bird, world: wv.World):
    world.send(bird, Hit(1.0))


def reads(bird: Bird, world: wv.World):
    for hit in world.inbox(bird, Hit):
        bird.energy -= hit.damge


def fine(bird: Bird, world: wv.World):
    bird.energy += 1.0


def test_nothing_is_said_of_a_model_that_can_run():
    assert sim_of(fine).check() == []


def test_every_fault_is_said_at_once_with_its_line():
    sim = sim_of(misspelt, fine, unset, mixed, sends, reads)
    faults = sim.check()
    texts = [str(fault).splitlines()[0] for fault in faults]
    assert len(faults) == 4, texts
    assert "enrgy" in texts[0] and "'change' is possibly unset" in texts[1]
    assert any("does not fit together" in text for text in texts) and any("'damge'" in text for text in texts)
    assert all("test_check.py:" in text for text in texts)
    assert len(sim.behaviors) == 6, "a check changes nothing"


def test_a_message_that_nobody_reads_is_a_fault():
    (fault,) = sim_of(sends).check()
    assert "'sends' sends Hit, which no behavior reads" in str(fault)
