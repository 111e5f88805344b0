// The circles app in C++: 3-D, one thread, sorted cell list, structure of arrays, a polynomial sine.
//   ./circles N SIDE RADIUS START      START: raw float64 columns x[N] y[N] z[N]
// "checked" counts ordered pairs (i, j), i != j, within the radius at the first of the ticks.
//
// One tick: counting sort by cell; then for every circle each of the nine rows of three cells around it, one loop over
// one contiguous range, rounded up to whole vectors. Walls hold who would leave, so rim cells are empty.
#include "serve.hpp"

#include <algorithm>
#include <cmath>

using Real = float;
using Index = std::uint32_t;
#ifdef __AVX512F__
constexpr Index kWide = 16;
#else
constexpr Index kWide = 8;
#endif

// sin(pi t) for |t| <= 1, Taylor in reduced argument: error below 4e-7.
static inline Real sine_pi(Real t) {
    const Real u = std::fabs(t) > Real(0.5) ? std::copysign(Real(1), t) - t : t;
    const Real s = u * u;
    return u * (3.14159265f + s * (-5.16771278f + s * (2.55016404f + s * (-0.599264529f + s * (0.0821458866f - s * 0.00737043f)))));
}

struct Circles {
    std::vector<Real> x, y, z;
    std::vector<Index> id;
    explicit Circles(std::size_t n) : x(n), y(n), z(n), id(n) {}
};

__attribute__((noinline)) static Real move_row(Index here0, Index side, Index ex, Index exy, const Index* __restrict start,
                                               const Real* __restrict x, const Real* __restrict y,
                                               const Real* __restrict z, const Index* __restrict id, Real radius,
                                               Real length, Index out, Real* __restrict ox, Real* __restrict oy,
                                               Real* __restrict oz, Index* __restrict oid) {
    const Real r2 = radius * radius, per_r = 1 / radius;
    Real pairs = 0;
    for (Index here = here0; here < here0 + side; ++here) {
        for (Index i = start[here]; i < start[here + 1]; ++i, ++out) {
            const Real xi = x[i], yi = y[i], zi = z[i];
            Real n = 0, fx = 0, fy = 0, fz = 0;
            for (int dz = -1; dz <= 1; ++dz) {
                for (int dy = -1; dy <= 1; ++dy) {
                    const Index row = here + Index(dz) * exy + Index(dy) * ex;
                    const Index low = start[row - 1], high = start[row + 2];
                    const Index whole = low + (high - low + kWide - 1) / kWide * kWide;
                    for (Index j = low; j < whole; ++j) {
                        const Real dx = x[j] - xi, dy_ = y[j] - yi, dz_ = z[j] - zi;
                        const Real d2 = dx * dx + dy_ * dy_ + dz_ * dz_;
                        const Real near = (d2 <= r2) & (j < high) & (j != i) ? Real(1) : Real(0);
                        const Real d = std::sqrt(std::max(d2, Real(1e-30)));
                        const Real f = near * sine_pi(std::max(Real(-2) * d * per_r, Real(-2)) + Real(1)) / -d;
                        n += near;
                        fx -= f * dx;
                        fy -= f * dy_;
                        fz -= f * dz_;
                    }
                }
            }
            const Real scale = Real(-0.05) / std::max(n, Real(1));
            ox[out] = std::min(std::max(xi - scale * fx, Real(0)), length);
            oy[out] = std::min(std::max(yi - scale * fy, Real(0)), length);
            oz[out] = std::min(std::max(zi - scale * fz, Real(0)), length);
            oid[out] = id[i];
            pairs += n;
        }
    }
    return pairs;
}

int main(int argc, char** argv) {
    if (argc != 5) return std::fprintf(stderr, "usage: %s N SIDE RADIUS START\n", argv[0]), 2;
    const Index n = Index(std::strtoul(argv[1], nullptr, 10));
    const Real length = Real(std::atof(argv[2])), radius = Real(std::atof(argv[3]));
    const Index side = Index(length / radius), ex = side + 2, exy = ex * ex;
    const Real per = Real(side) / length;
    Circles now(n), sorted(n + 64);
    std::vector<double> column(n);
    std::size_t number = 0;
    for (auto* target : {&now.x, &now.y, &now.z}) {
        read_column(argv[4], n, number++, column.data());
        std::copy(column.begin(), column.end(), target->begin());
    }
    for (Index i = 0; i < n; ++i) now.id[i] = i;
    std::vector<Index> start(std::size_t(exy) * ex + 2), next(start.size()), cell(n);
    const auto along = [&](Real p) { return std::min(Index(p * per), side - 1) + 1; };
    return serve([&] {
        std::fill(next.begin(), next.end(), 0);
        for (Index i = 0; i < n; ++i) {
            cell[i] = (along(now.z[i]) * ex + along(now.y[i])) * ex + along(now.x[i]);
            ++next[cell[i]];
        }
        Index rows = 0;
        for (std::size_t c = 0; c < start.size(); ++c) {
            start[c] = rows;
            rows += next[c];
            next[c] = start[c];
        }
        for (Index i = 0; i < n; ++i) {
            const Index row = next[cell[i]]++;
            sorted.x[row] = now.x[i];
            sorted.y[row] = now.y[i];
            sorted.z[row] = now.z[i];
            sorted.id[row] = now.id[i];
        }
        double pairs = 0;
        for (Index cz = 1; cz <= side; ++cz) {
            for (Index cy = 1; cy <= side; ++cy) {
                const Index here = (cz * ex + cy) * ex + 1;
                pairs += double(move_row(here, side, ex, exy, start.data(), sorted.x.data(), sorted.y.data(),
                                         sorted.z.data(), sorted.id.data(), radius, length, start[here], now.x.data(),
                                         now.y.data(), now.z.data(), now.id.data()));
            }
        }
        return pairs;
    });
}
