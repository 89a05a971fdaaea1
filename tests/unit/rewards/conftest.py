"""What the reward tests share: both back ends, and texts that break tokenisers."""

import pytest

from bleuberi.rewards import backend

HAS_NATIVE = backend._native is not None


@pytest.fixture(params=["native", "python"])
def back_end(request, monkeypatch):
    """Runs a test once on each back end."""
    if request.param == "native" and not HAS_NATIVE:
        pytest.skip("the compiled extension was not built here")
    monkeypatch.setenv("BLEUBERI_BACKEND", request.param)
    return request.param


@pytest.fixture
def native():
    """The compiled extension itself."""
    return pytest.importorskip("bleuberi.rewards._native", reason="the compiled extension was not built here")
