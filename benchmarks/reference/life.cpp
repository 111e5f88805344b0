// The game of life in C++: a byte per cell, dead beyond the edges; "after" is the number alive.
//   ./life SIDE START      START: raw float64, SIDE * SIDE values, row by row
#include "serve.hpp"
#include "stencil.hpp"

using Cell = std::uint8_t;

__attribute__((noinline)) static void evolve_row(std::size_t n, const Cell* __restrict below, const Cell* __restrict here,
                                                 const Cell* __restrict above, Cell* __restrict out) {
    for (std::size_t x = 1; x <= n; ++x) {
        const Cell count = Cell(below[x - 1] + below[x] + below[x + 1] + here[x - 1] + here[x + 1] + above[x - 1] +
                                above[x] + above[x + 1]);
        out[x] = Cell((count == 3) | ((count == 2) & here[x]));
    }
}

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: %s SIDE START\n", argv[0]), 2;
    Square<Cell> square(std::strtoul(argv[1], nullptr, 10));
    std::vector<double> start(square.side * square.side);
    read_column(argv[2], start.size(), 0, start.data());
    square.read(start);
    return serve([&] {
        const std::size_t s = square.stride;
        for (std::size_t y = 1; y <= square.side; ++y)
            evolve_row(square.side, &square.old[(y - 1) * s], &square.old[y * s], &square.old[(y + 1) * s],
                       &square.next[y * s]);
        square.old.swap(square.next);
        return 0.0;
    }, [&] { return square.sum(); });
}
