"""Settings that all tests share."""

import os

import pytest
import torch

torch.set_num_threads(1)  # several processes share the machine


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def real_data() -> str:
    """The folder of real data sets, where there is one."""
    folder = os.environ.get("PLUSX_DATA")
    if not folder:
        pytest.skip("PLUSX_DATA names no folder of real data")
    return folder
