"""Who is preferred in a meeting: strict functions, so that both who might meet come to the same answer."""

from __future__ import annotations

from weaver.random import rank_folded
from weaver.settle import strict


@strict
def pair_rank(folded, me, other, role):  # type: ignore[no-untyped-def]
    """The rank of a pair of ids, see `weaver.random.rank_folded`: least is preferred.

    Args:
        folded: the key of the meeting with the tick folded in.
        me: id of the one who chooses.
        other: id of the candidate.
        role: 0 if the one who chooses is a, 1 if it is b, 2 if a is the one of smaller id.
    """
    if role == 0 or (role == 2 and me < other):
        return rank_folded(folded, me, other)
    return rank_folded(folded, other, me)


@strict
def beats(value, other, least, chosen, folded, me, role):  # type: ignore[no-untyped-def]
    """Whether a candidate is better than the best so far: a lesser value of `by`, then a lesser rank, then a lesser id.

    NaN is worse than everything else, and one NaN as bad as another. Ranks are computed only where values are equal.

    Args:
        value: `by` of the candidate.
        other: its id.
        least: `by` of the best so far.
        chosen: its id; -1 if there is none.
        folded: as of `pair_rank`.
        me: as of `pair_rank`.
        role: as of `pair_rank`.
    """
    if chosen < 0 or value < least:
        return True
    if value > least:
        return False
    if value != least and (value == value or least == least):  # one of them is NaN
        return value == value
    one, two = pair_rank(folded, me, other, role), pair_rank(folded, me, chosen, role)
    return one < two or (one == two and other < chosen)
