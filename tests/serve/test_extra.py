"""What stands in for the tests of this folder where the extra is not installed."""

from importlib.util import find_spec

import pytest


@pytest.mark.skipif(find_spec("fastapi") is None, reason="the extra serve is not installed")
def test_the_extra_is_installed() -> None:
    import sig2lm.serve.app

    assert sig2lm.serve.app.create_app
