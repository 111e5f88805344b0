// The flocking app in C++, to hold Weaver's speed against: one thread, sorted cell list, structure of arrays.
//
// Build:  g++ -O3 -march=native -ffast-math -std=c++17 -o flocking flocking.cpp        (-DREAL=float: single precision)
// Run:    ./flocking N LENGTH RADIUS START, then a number of ticks per line of input; see serve.hpp
//         START: raw float64 columns x[N] y[N] vx[N] vy[N]. "checked" counts the ordered pairs (i, j), i != j, with
//         distance <= RADIUS at the first of the ticks, so that two programs can be shown to do the same work.
//
// The loop over candidates is vectorised; benchmarks/native.py counts its packed and scalar instructions.
//
// One tick: (1) counting sort of all birds by cell, the columns gathered in cell order; (2) the periodic images copied
// into the rim cells, shifted by the box length, so that the search has no seam; (3) for every bird and each of the
// three rows of three cells around it, one loop over one contiguous range of candidates, rounded up to whole vectors
// (rows past the range are masked out, so that no scalar remainder is left; it takes half the time of the plain loop).
#include "serve.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#ifndef REAL
#define REAL double
#endif
using Real = REAL;
// unsigned, no sign extension; as wide as a value, so masks of one width in the loop
using Index = std::conditional_t<sizeof(Real) == 8, std::uint64_t, std::uint32_t>;

constexpr Real kCentre = Real(0.03), kApart = Real(0.015), kMatch = Real(0.05), kClose2 = Real(1), kDt = Real(1);
#ifdef __AVX512F__
constexpr Index kWide = 64 / sizeof(Real);  // values in a vector
#else
constexpr Index kWide = 32 / sizeof(Real);
#endif

struct Birds {  // one column each; the columns of a bird share an index
    std::vector<Real> x, y, vx, vy;
    std::vector<Index> id;
    explicit Birds(std::size_t n) : x(n), y(n), vx(n), vy(n), id(n) {}
};

struct Grid {  // side * side cells of at least the radius, and one rim cell around
    Index side, stride;
    Real length, per_length;
    std::vector<Index> start;  // row of the first bird of each cell, rim included; one more at the end
    Grid(Real length, Real radius)
        : side(Index(length / radius)), stride(side + 2), length(length), per_length(Real(side) / length),
          start(std::size_t(stride) * stride + 1) {}
    Index along(Real x) const {
        const Index k = Index(x * per_length);
        return (k < side ? k : side - 1) + 1;
    }
    Index inner(Index k) const { return k == 0 ? side : (k > side ? 1 : k); }  // the cell that a rim cell mirrors
    Real shift(Index k) const { return k == 0 ? -length : (k > side ? length : Real(0)); }
};

// Sort `from` (n birds in any order) into `to` by cell, then fill the rim. Returns the rows used, images included.
static Index sort_birds(Grid& grid, Index n, const Birds& from, Birds& to, std::vector<Index>& cell,
                        std::vector<Index>& next) {
    const Index stride = grid.stride;
    std::fill(next.begin(), next.end(), 0);
    for (Index i = 0; i < n; ++i) {
        cell[i] = grid.along(from.y[i]) * stride + grid.along(from.x[i]);
        ++next[cell[i]];
    }
    Index rows = 0;
    for (Index cy = 0, c = 0; cy < stride; ++cy) {
        for (Index cx = 0; cx < stride; ++cx, ++c) {
            grid.start[c] = rows;
            rows += next[grid.inner(cy) * stride + grid.inner(cx)];
        }
    }
    grid.start[std::size_t(stride) * stride] = rows;
    if (rows + kWide > to.x.size()) {
        std::fprintf(stderr, "%zu rows with the periodic images, but room for %zu\n", std::size_t(rows), to.x.size());
        std::exit(1);
    }
    std::copy(grid.start.begin(), grid.start.end() - 1, next.begin());
    for (Index i = 0; i < n; ++i) {
        const Index row = next[cell[i]]++;
        to.x[row] = from.x[i];
        to.y[row] = from.y[i];
        to.vx[row] = from.vx[i];
        to.vy[row] = from.vy[i];
        to.id[row] = from.id[i];
    }
    for (Index cy = 0; cy < stride; ++cy) {
        const Index step = (cy == 0 || cy == stride - 1) ? 1 : stride - 1;  // whole rim rows, else the two end cells
        for (Index cx = 0; cx < stride; cx += step) {
            const Index c = cy * stride + cx, source = grid.start[grid.inner(cy) * stride + grid.inner(cx)];
            const Real dx = grid.shift(cx), dy = grid.shift(cy);
            for (Index row = grid.start[c], k = source; row < grid.start[c + 1]; ++row, ++k) {
                to.x[row] = to.x[k] + dx;
                to.y[row] = to.y[k] + dy;
                to.vx[row] = to.vx[k];
                to.vy[row] = to.vy[k];
            }
        }
    }
    return rows;
}

// Steer and move the birds of one row of cells; results go to rows out, out + 1, ... Returns the pairs found.
__attribute__((noinline)) static Real flock_row(
    const Index cy, const Index side, const Index* __restrict start, const Real* __restrict x, const Real* __restrict y,
    const Real* __restrict vx, const Real* __restrict vy, const Index* __restrict id, const Real radius2,
    const Real length, Index out, Real* __restrict out_x, Real* __restrict out_y, Real* __restrict out_vx,
    Real* __restrict out_vy, Index* __restrict out_id) {
    const Index stride = side + 2;
    Real pairs = 0;
    for (Index cx = 1; cx <= side; ++cx) {
        const Index here = cy * stride + cx;
        for (Index i = start[here]; i < start[here + 1]; ++i, ++out) {
            const Real xi = x[i], yi = y[i];
            Real n = 0, heading_x = 0, heading_y = 0, centre_x = 0, centre_y = 0, close_x = 0, close_y = 0;
            for (Index row = here - stride; row <= here + stride; row += stride) {
                const Index low = start[row - 1], high = start[row + 2];
                const Index whole = low + (high - low + kWide - 1) / kWide * kWide;
                for (Index j = low; j < whole; ++j) {
                    const Real dx = x[j] - xi, dy = y[j] - yi, d2 = dx * dx + dy * dy;
                    const Real near = (d2 <= radius2) & (j < high) & (j != i) ? Real(1) : Real(0);
                    const Real close = d2 < kClose2 ? near : Real(0);
                    n += near;
                    heading_x += near * vx[j];
                    heading_y += near * vy[j];
                    centre_x += near * dx;
                    centre_y += near * dy;
                    close_x += close * dx;
                    close_y += close * dy;
                }
            }
            const Real per_n = n > 0 ? 1 / n : Real(0);
            const Real wx = vx[i] + (kCentre * centre_x - kApart * close_x + kMatch * heading_x) * per_n;
            const Real wy = vy[i] + (kCentre * centre_y - kApart * close_y + kMatch * heading_y) * per_n;
            const Real speed2 = wx * wx + wy * wy;
            const Real per_speed = speed2 > 0 ? 1 / std::sqrt(speed2) : Real(0);
            out_vx[out] = wx * per_speed;
            out_vy[out] = wy * per_speed;
            Real px = xi + out_vx[out] * kDt, py = yi + out_vy[out] * kDt;
            px += px < 0 ? length : Real(0);
            py += py < 0 ? length : Real(0);
            px -= px >= length ? length : Real(0);
            py -= py >= length ? length : Real(0);
            out_x[out] = px;
            out_y[out] = py;
            out_id[out] = id[i];
            pairs += n;
        }
    }
    return pairs;
}

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fprintf(stderr, "usage: %s N LENGTH RADIUS START\n", argv[0]);
        return 2;
    }
    const Index n = Index(std::strtoul(argv[1], nullptr, 10));
    const Real length = Real(std::atof(argv[2])), radius = Real(std::atof(argv[3]));
    if (n == 0 || radius <= 0 || length < 3 * radius) {
        std::fprintf(stderr, "N must be above 0 and LENGTH at least three times RADIUS\n");
        return 2;
    }
    Birds birds(n);
    std::vector<double> column(n);
    std::size_t number = 0;
    for (auto* target : {&birds.x, &birds.y, &birds.vx, &birds.vy}) {
        read_column(argv[4], n, number++, column.data());
        std::copy(column.begin(), column.end(), target->begin());
    }
    for (Index i = 0; i < n; ++i) birds.id[i] = i;
    Grid grid(length, radius);
    std::vector<Index> cell(n), next(std::size_t(grid.stride) * grid.stride);
    Birds sorted(2 * std::size_t(n) + 64);  // room for the images, and for the last vector
    return serve([&] {
        sort_birds(grid, n, birds, sorted, cell, next);
        double pairs = 0;
        Index out = 0;
        for (Index cy = 1; cy <= grid.side; ++cy) {
            const Index row = cy * grid.stride;
            pairs += double(flock_row(cy, grid.side, grid.start.data(), sorted.x.data(), sorted.y.data(), sorted.vx.data(),
                                      sorted.vy.data(), sorted.id.data(), radius * radius, length, out, birds.x.data(),
                                      birds.y.data(), birds.vx.data(), birds.vy.data(), birds.id.data()));
            out += grid.start[row + grid.side + 1] - grid.start[row + 1];
        }
        return pairs;
    });
}
