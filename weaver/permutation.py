"""A random order of n things, of which each place can be computed alone: who scatters on sites asks nobody.

A Feistel network (Luby and Rackoff 1988) permutes the numbers of an even number of bits, its round function being
Philox; a result that is n or more is permuted again until one below n comes out (Black and Rogaway 2002). Since there
are fewer than 4 n numbers of so many bits, that takes less than four turns on average.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weaver.random import rank_folded
from weaver.settle import strict

ROUNDS = 6


@strict
def _half_bits(n):  # type: ignore[no-untyped-def]
    """Bits of either half of the numbers below n."""
    half = np.uint64(1)
    while (np.uint64(1) << (half + half)) < np.uint64(n):
        half += np.uint64(1)
    return half


@strict
def permuted(key, k, n):  # type: ignore[no-untyped-def]
    """Place k of the permutation of 0 .. n - 1 that belongs to a key; n below 2^62.

    In round i of 6 the halves (left, right) become (right, left ^ f(i, right)), f being the low bits of
    `random.rank_folded(key, i, right)`.
    """
    half = _half_bits(n)
    mask = (np.uint64(1) << half) - np.uint64(1)
    value = np.uint64(k)
    while True:
        left, right = value >> half, value & mask
        for i in range(ROUNDS):
            left, right = right, left ^ (rank_folded(key, i, right) & mask)
        value = (left << half) | right
        if value < np.uint64(n):
            return np.int64(value)


@strict
def place_of(key, site, n):  # type: ignore[no-untyped-def]
    """The k for which `permuted(key, k, n)` is a number: the inverse."""
    half = _half_bits(n)
    mask = (np.uint64(1) << half) - np.uint64(1)
    value = np.uint64(site)
    while True:
        left, right = value >> half, value & mask
        for j in range(ROUNDS):
            i = ROUNDS - 1 - j
            left, right = right ^ (rank_folded(key, i, left) & mask), left
        value = (left << half) | right
        if value < np.uint64(n):
            return np.int64(value)


@strict
def drawn_site(key, k, n, taken):  # type: ignore[no-untyped-def]
    """The site of entity number k of those that are scattered: place k of the permutation, without the taken places.

    Args:
        key: of the lattice, np.uint64.
        k: the how many-th of all that are scattered on the lattice.
        n: sites.
        taken: `taken_places` of the sites that others were put on.
    """
    low, high = 0, len(taken)
    while low < high:  # how many of the taken places come before
        middle = (low + high) // 2
        if taken[middle] <= k:
            low = middle + 1
        else:
            high = middle
    return permuted(key, k + low, n)


def taken_places(key: np.uint64, sites: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """For `drawn_site`: of each taken place of the permutation, ascending, how many that are not taken lie before."""
    places = np.sort(np.array([place_of(key, site, n) for site in sites.tolist()], np.int64))
    return places - np.arange(len(places))
