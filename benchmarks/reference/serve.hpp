// The protocol of benchmarks/served.py: a line of facts, then for each number read so many ticks and their time.
#pragma once
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

struct Nothing {
    double operator()() const { return 0; }
};

// `tick()` does one tick; what it returns for the first of a request is printed as "checked", with what `after()`
// finds, not timed, when all are done, as "after".
template <class Tick, class After = Nothing>
int serve(Tick tick, After after = {}) {
    std::printf("{\"ready\": true}\n");
    std::fflush(stdout);
    for (long ticks; std::scanf("%ld", &ticks) == 1;) {
        double checked = 0;
        const std::clock_t cpu = std::clock();
        const auto begin = std::chrono::steady_clock::now();
        for (long k = 0; k < ticks; ++k) {
            const double value = tick();
            if (k == 0) checked = value;
        }
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        const double cpu_seconds = double(std::clock() - cpu) / CLOCKS_PER_SEC;
        std::printf("{\"seconds\": %.9f, \"cpu_seconds\": %.9f, \"checked\": %.17g, \"after\": %.17g}\n", seconds,
                    cpu_seconds, checked, after());
        std::fflush(stdout);
    }
    return 0;
}

// n float64 values from a file, `column` blocks of n values in.
inline void read_column(const char* path, std::size_t n, std::size_t column, double* out) {
    std::FILE* file = std::fopen(path, "rb");
    if (!file || std::fseek(file, long(column * n * sizeof(double)), SEEK_SET) != 0 ||
        std::fread(out, sizeof(double), n, file) != n) {
        std::fprintf(stderr, "%s: column %zu of %zu float64 values is not there\n", path, column, n);
        std::exit(1);
    }
    std::fclose(file);
}
