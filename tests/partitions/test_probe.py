"""Workers that would not compute the same bits are found before the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from partitions.probe import ProbeError, compare, take

OURS = take(0, "10.0.0.1 (aaaa)")
THEIRS = replace(OURS, rank=1, node="10.0.0.2 (bbbb)")


def test_one_process_agrees_with_itself() -> None:
    compare([OURS])
    compare([OURS, THEIRS, replace(THEIRS, rank=2)])
    assert take(0, OURS.node) == OURS


def test_the_table_is_a_hash_and_nothing_is_lacking_here() -> None:
    assert len(OURS.table) == 64
    assert OURS.lacking == ()


@pytest.mark.parametrize("place", range(4))
def test_another_version_is_named_with_both_nodes(place: int) -> None:
    versions = list(OURS.versions)
    name = versions[place][0]
    versions[place] = (name, "0.0.1")
    with pytest.raises(ProbeError, match=f"{name} is .* on one and 0.0.1 on the other") as caught:
        compare([OURS, THEIRS, replace(THEIRS, rank=2, node="10.0.0.3 (cccc)", versions=tuple(versions))])
    assert "worker 0 on node 10.0.0.1 (aaaa) and worker 2 on node 10.0.0.3 (cccc)" in str(caught.value)
    assert f"Install the same {name}" in str(caught.value)


def test_another_cpu_target_is_named() -> None:
    with pytest.raises(ProbeError, match=r"compiled for the CPU .* on one and pentium on the other"):
        compare([OURS, replace(THEIRS, cpu=("pentium", OURS.cpu[1]))])
    with pytest.raises(ProbeError, match=r"other features of the CPU .*\+brand-new"):
        compare([OURS, replace(THEIRS, cpu=(OURS.cpu[0], OURS.cpu[1] + ",+brand-new"))])


def test_another_table_names_the_c_library() -> None:
    with pytest.raises(ProbeError, match="came out differently") as caught:
        compare([OURS, replace(THEIRS, table="0" * 64)])
    assert "Install the same C library" in str(caught.value)


def test_a_processor_that_lacks_something_is_named_first() -> None:
    with pytest.raises(ProbeError, match=r"worker 1 on node 10.0.0.2 .* lacks avx512f, sse9"):
        compare([OURS, replace(THEIRS, lacking=("avx512f", "sse9"), table="")])


def test_no_kernel_runs_where_the_processor_lacks_a_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partitions.probe.cpu_target", lambda: ("x", "+sse2,+from-the-future,-avx"))
    probe = take(0, "here")
    assert probe.lacking == ("from-the-future",)
    assert probe.table == ""
