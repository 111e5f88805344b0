"""Birds that flock (Reynolds 1987)."""
import weaver as wv

class Bird(wv.Entity):                 # `position` and `id` are built in
    velocity: wv.Vec2

sim = wv.Simulation(wv.Box(400, 400, boundary="periodic"), seed=7, dt=1.0)
match = sim.parameter("match", 0.05, low=0, high=1)          # can be changed while it runs

@sim.behavior
def flock(bird: Bird, world: wv.World):
    n, heading, centre, apart = 0, wv.Vec2(), wv.Vec2(), wv.Vec2()
    for other in world.near(bird, Bird, radius=5.0):          # exact: distance <= radius, never `bird` itself
        offset = other.position - bird.position               # nearest image; no wrap code
        n += 1
        heading += other.velocity
        centre += offset
        if offset.length() < 1.0:
            apart -= offset
    if n:
        bird.velocity += (0.03 * centre + 0.015 * apart + match * heading) / n
    bird.velocity = bird.velocity.normalized()
    bird.position += bird.velocity * world.dt

sim.scatter(Bird, 80_000, velocity=lambda rng: rng.unit2())

if __name__ == "__main__":
    sim.run(ticks=100)
