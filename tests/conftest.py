"""Fixtures that several folders share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / ".pytest_cache" / "weaver"


def pytest_configure() -> None:
    """Keep the hundreds of programs that tests compile out of the user's own cache; children inherit the settings."""
    # Hundreds of processes load the package: what each would compile of it is more than all that they do.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "WEAVER_CACHE" not in os.environ:
        CACHE.parent.mkdir(exist_ok=True)
        os.environ["WEAVER_CACHE"] = str(CACHE)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """One Ray for the whole session, with room for four workers; gives its address.

    Runtimes find the connection of this process and leave it alone when they close.
    """
    ray = pytest.importorskip("ray")
    if ray.is_initialized():
        pytest.fail("something has left a Ray running")
    try:
        context = ray.init(
            address="local", num_cpus=4, include_dashboard=False, object_store_memory=200 << 20, log_to_driver=False,
            configure_logging=False, logging_level=logging.ERROR,
        )  # fmt: skip
    except (ConnectionError, OSError, RuntimeError, TimeoutError) as error:
        pytest.skip(f"Ray cannot start here: {error}")
    yield context.address_info["address"]
    context.disconnect()
