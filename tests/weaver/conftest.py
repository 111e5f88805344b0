"""What the tests of the language share."""

import pytest

from tests.weaver.players import Compiled, Interpreted


@pytest.fixture(params=[Interpreted, Compiled], ids=["interpreted", "compiled"])
def play(request):
    """A function that runs a simulation some ticks and gives its player."""
    players = []

    def run(sim, ticks=1):
        player = request.param(sim)
        players.append(player)
        player.step(ticks)
        return player

    yield run
    for player in players:
        player.close()
