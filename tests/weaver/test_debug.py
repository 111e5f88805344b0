"""One entity's behavior in one tick, in the interpreter, among its true neighbours."""

import re

import pytest
from typer.testing import CliRunner

from tests.weaver.travelled import loaded
from weaver.cli import app as command

TICK = 9


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(path of the app, entities at the tick and at the next one, by id, as the compiled run has them)."""
    folder = tmp_path_factory.mktemp("debug")
    module, sim = loaded(folder)
    rows = []
    with sim.start(snapshots=folder / "run", snapshot_every=5) as run:
        run.step(TICK)
        rows.append({row["id"]: row for row in run.entities(module.Bird).to_pylist()})
        run.step(1)
        rows.append({row["id"]: row for row in run.entities(module.Bird).to_pylist()})
    return folder / "flock.py", *rows


def weaver(*arguments, typed="", code=0):
    result = CliRunner().invoke(command, [str(one) for one in arguments], input=typed)
    assert result.exit_code == code, result.output
    return result.output


def vector(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text.partition("(")[2])]


def seen(world):
    """Somebody with a neighbour, who is there for the whole tick."""
    _, before, after = world

    def near(a, b):
        return sum((p - q) ** 2 for p, q in zip(a["position"], b["position"], strict=True)) < 9

    return next(
        id for id, one in before.items()
        if id in after and any(near(one, two) for other, two in before.items() if other != id)
    )  # fmt: skip


def test_print_shows_what_becomes_of_an_entity(world):
    app, before, after = world
    id = seen(world)
    lines = weaver("debug", app, "--tick", TICK, "--entity", id, "--print").splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == [f"tick {TICK}, {name}, Bird {id}" for name in ("cohere", "move", "hit")]
    changes = [line.partition(" -> ") for line in lines if re.match(r"  (position|velocity) .* -> ", line)]
    assert vector(changes[-1][0]) == before[id]["position"]
    assert vector(changes[-1][2]) == after[id]["position"]


def test_print_shows_neighbours_draws_and_acts(world):
    app, _, _ = world
    id = seen(world)
    text = weaver("debug", app, "--tick", TICK, "--entity", id, "--behavior", "hit", "--print")
    assert re.search(r"nearest +Bird within 5: Bird \d+ \(\S+ away\)", text)
    assert re.search(r"random +-> 0\.\d+", text)
    assert re.search(r"send +Hit to \d+: damage 0\.00\d+", text)


def test_a_kept_run_is_looked_at_with_what_came_from_outside(world):
    app, _, _ = world
    text = weaver(
        "debug", app, "--resume", app.parent / "run", "--tick", 7, "--entity", 30, "--behavior", "move", "--print"
    )
    assert vector(text.partition("position")[2].partition("\n")[0]) == [1.0, 2.0]


def test_pdb_stops_in_the_behavior_of_the_entity(world):
    app, before, _ = world
    id = seen(world)
    text = weaver(
        "debug", app, "--tick", TICK, "--entity", id, "--behavior", "cohere",
        typed="p bird.id, bird.energy\nn\np (n, push)\np len(list(world.near(bird, type(bird), 5.0)))\nc\n", code=0,
    )  # fmt: skip
    assert f"({id}, {before[id]['energy']})" in text
    assert "flock.py" in text and "-> n, centre = 0, wv.Vec2()" in text and "cohere()" in text
    assert "(0, 0.1)" in text
    assert " -> " in text.rpartition("(Pdb)")[2]


def test_pdb_can_be_left(world):
    app, _, _ = world
    weaver("debug", app, "--tick", TICK, "--entity", seen(world), typed="q\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--entity", "9999"], "there is none at tick 9"),
        (["--entity", "bird"], "allowed is an id"),
        (["--entity", "5", "--behavior", "fly"], "there is no such behavior"),
    ],
)
def test_what_is_not_there_is_refused(world, arguments, said):
    assert said in weaver("debug", world[0], "--tick", TICK, *arguments, "--print", code=1)


def test_a_cell_is_looked_at_by_the_name_of_its_layer(world):
    lines = weaver("debug", world[0], "--tick", TICK, "--entity", "Grass:5", "--print").splitlines()
    assert [line for line in lines if line[0] != " "] == [
        f"tick {TICK}, {name}, Grass 5" for name in ("cohere", "move", "hit")
    ]
    assert any(re.match(r"  height +\S+ -> \S+$", line) for line in lines)  # what birds have deposited
