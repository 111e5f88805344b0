// The forest fire in C++: a byte per square (0 empty, 1 green, 2 burning, 3 burnt), nothing beyond the edges;
// "after" is the sum of all squares.
//   ./forest_fire SIDE START      START: raw float64, SIDE * SIDE values, row by row
#include "serve.hpp"
#include "stencil.hpp"

using Cell = std::uint8_t;

__attribute__((noinline)) static void burn_row(std::size_t n, const Cell* __restrict below, const Cell* __restrict here,
                                               const Cell* __restrict above, Cell* __restrict out) {
    for (std::size_t x = 1; x <= n; ++x) {
        const Cell c = here[x];
        const Cell fire = Cell((below[x] == 2) | (here[x - 1] == 2) | (here[x + 1] == 2) | (above[x] == 2));
        out[x] = Cell(c + Cell((c == 2) | ((c == 1) & fire)));
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
            burn_row(square.side, &square.old[(y - 1) * s], &square.old[y * s], &square.old[(y + 1) * s],
                     &square.next[y * s]);
        square.old.swap(square.next);
        return 0.0;
    }, [&] { return square.sum(); });
}
