"""The machine that all tests here share, and framed installed on it as either kind of service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.installed_root import InstalledRoot
from tests.service.machine import BUILD, Machine, booted, make_root


@pytest.fixture(scope="session")
def machine(pytestconfig: pytest.Config) -> Iterator[Machine]:
    """It runs, with a manager for the user studio, whom nobody is logged in as."""
    if not pytestconfig.getoption("--boot"):
        pytest.skip("boots a system: make service-test")
    make_root()
    with booted() as machine:
        machine.run("loginctl", "enable-linger", "studio")
        yield machine


@pytest.fixture(scope="module", params=["system", "user"])
def installed(machine: Machine, request: pytest.FixtureRequest) -> Iterator[InstalledRoot]:
    """framed is installed for a root that belongs to studio: by root for the system, or by studio."""
    installed = InstalledRoot(machine, is_users=request.param == "user")
    installed.prepare()
    try:
        yield installed
    finally:
        (BUILD / f"journal-{request.param}.log").write_text(installed.journal() + "\n")
        installed.end()
