// Explicit diffusion in C++, five points, nothing flows over the edges; "after" is the sum of all cells.
//   ./diffusion SIDE RATE START      RATE: D dt / h^2; START: raw float64, SIDE * SIDE values, row by row
#include "serve.hpp"
#include "stencil.hpp"

#ifndef REAL
#define REAL float
#endif
using Cell = REAL;

__attribute__((noinline)) static void spread_row(std::size_t n, Cell rate, const Cell* __restrict below,
                                                 const Cell* __restrict here, const Cell* __restrict above,
                                                 Cell* __restrict out) {
    for (std::size_t x = 1; x <= n; ++x)
        out[x] = here[x] + rate * (below[x] + here[x - 1] + here[x + 1] + above[x] - 4 * here[x]);
}

int main(int argc, char** argv) {
    if (argc != 4) return std::fprintf(stderr, "usage: %s SIDE RATE START\n", argv[0]), 2;
    Square<Cell> square(std::strtoul(argv[1], nullptr, 10));
    const Cell rate = Cell(std::atof(argv[2]));
    std::vector<double> start(square.side * square.side);
    read_column(argv[3], start.size(), 0, start.data());
    square.read(start);
    return serve([&] {
        const std::size_t s = square.stride, n = square.side;
        auto& old = square.old;
        std::copy(&old[s], &old[2 * s], &old[0]);
        std::copy(&old[n * s], &old[(n + 1) * s], &old[(n + 1) * s]);
        for (std::size_t y = 1; y <= n; ++y) {
            old[y * s] = old[y * s + 1];
            old[y * s + n + 1] = old[y * s + n];
            spread_row(n, rate, &old[(y - 1) * s], &old[y * s], &old[(y + 1) * s], &square.next[y * s]);
        }
        old.swap(square.next);
        return 0.0;
    }, [&] { return square.sum(); });
}
