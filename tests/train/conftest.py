"""What several tests of training share: a run that is set up, on the embedded digits."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from test_run import SHORT
from watchers import Silent

from plusx.train.folder import RunFolder
from plusx.train.prepare import set_up
from plusx.train.ranks import Ranks
from plusx.train.setup import Setup


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    torch.set_num_threads(1)
    config = replace(SHORT, batch_size=64, optimizer="nesterov", ema=0.9, mixup=0.2)
    alone = Ranks(0, 1, torch.device("cpu"))
    with RunFolder.create(tmp_path_factory.mktemp("find") / "r") as folder:
        yield set_up(config, folder, Silent(), alone)
