"""A service over the sample policy, asked in process from this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from upheld.api.service import Service, ServiceSettings
from upheld.app.policy import policy_app
from upheld.demo import sample_policy


@pytest.fixture(scope="session")
def service() -> Service:
    """A service that nobody changes."""
    return Service(sample_policy(), policy_app, ServiceSettings(rate=1e9))


@pytest.fixture(scope="session")
def client(service: Service) -> Iterator[TestClient]:
    """Someone on this machine who asks."""
    with TestClient(service, raise_server_exceptions=False) as found:
        yield found
