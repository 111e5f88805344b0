"""A run that is kept in an object store: an S3 server in this process, and what fsspec reaches."""

from __future__ import annotations

import uuid

import pytest
from typer.testing import CliRunner

import weaver as wv
from partitions.folder import Store
from tests.partitions.test_folder import bucket
from tests.weaver.pond import Call, pond
from weaver.cli import app

__all__ = ["bucket"]


def check_store(address: str) -> None:
    with pond().start(snapshots=address, snapshot_every=4, keep="last=1") as run:
        run.step(3)
        run.send(3, Call(0.5))
        run.send(4, Call(0.5), at=7)
        run.step(6)
        end = run.digest()
    names = [name for name in Store(address).names() if not name.startswith("point-")]
    assert names == ["log", "tick-0000000000008"]
    with pond().restore(address, partitions=3) as run:
        assert (run.tick, run.digest()) == (9, end)
    with pond().restore(f"{Store(address).inside('tick-0000000000008').address}", partitions=2) as run:
        run.step(1)
        assert run.digest() == end
    with pytest.raises(wv.RunError, match="those of another run are there"):
        pond().start(snapshots=address)
    for command in ("ls", "info", "verify"):
        done = CliRunner().invoke(app, ["snapshot", command, address])
        assert done.exit_code == 0, done.output

    place = Store(address).inside("tick-0000000000008")
    place.write("entity-Duck-0.arrow", [b"torn"])
    assert CliRunner().invoke(app, ["snapshot", "verify", address]).exit_code == 1
    with pytest.raises(wv.RunError, match=r"entity-Duck-0\.arrow(\?\S*)? cannot be used: it has 4 bytes"):
        pond().restore(place.address)


def test_a_run_is_kept_on_an_s3_server(bucket: str) -> None:
    check_store(bucket)


def test_a_run_is_kept_where_fsspec_reaches() -> None:
    pytest.importorskip("fsspec")
    check_store(f"memory://{uuid.uuid4().hex}/run")
