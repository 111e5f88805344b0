// A square of cells with a rim of one cell around it, twice: the old state and the new one.
#pragma once
#include <algorithm>
#include <vector>

template <class Cell>
struct Square {
    std::size_t side, stride;
    std::vector<Cell> old, next;
    explicit Square(std::size_t side) : side(side), stride(side + 2), old(stride * stride), next(stride * stride) {}
    void read(const std::vector<double>& cells) {
        for (std::size_t y = 0; y < side; ++y)
            for (std::size_t x = 0; x < side; ++x) old[(y + 1) * stride + x + 1] = Cell(cells[y * side + x]);
    }
    double sum() const {  // of the own cells
        double all = 0;
        for (std::size_t y = 1; y <= side; ++y)
            for (std::size_t x = 1; x <= side; ++x) all += double(old[y * stride + x]);
        return all;
    }
};
