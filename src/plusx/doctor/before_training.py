"""The quick examination of a run that is set up, before its first step."""

import time
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from plusx.doctor.copies import copied
from plusx.doctor.diagnosis import Diagnosis
from plusx.doctor.examine import examine
from plusx.doctor.finding import Finding
from plusx.doctor.mode import evaluating
from plusx.doctor.of_setup import material_of, training_of
from plusx.doctor.sections import checks
from plusx.train.result import Examination
from plusx.train.result import Finding as Told
from plusx.train.setup import Setup
from plusx.zoo import Network

__all__ = ["before_training"]

SHARE, LEAST, MOST = 0.1, 2.0, 10.0
"""Of the time that the run will take, in seconds: a run of seconds is not held up for ten."""
DECODED = 64
LEVELS: dict[str, Literal["good", "warning", "bad"]] = {"wrong": "bad", "warning": "warning"}


def before_training(setup: Setup, network: Network) -> Examination:
    """Examine a copy of the network with the run's data and optimizer; nothing of either changes.

    Of the test split only the images are looked at, for some that training has, too: how the
    network does on them is asked once, when all is done.
    """
    began = time.monotonic()
    devices = [setup.device] if setup.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        copy, _ = copied(network, None)
        assert isinstance(copy, Network)
        copy.requires_grad_(True)  # what `--tune` lets stand still is meant so
        material = replace(material_of(setup, decoded=DECODED), test_x=None, test_y=None)
        x = material.x[:16].to(setup.device)
        with setup.reporter.progress("examining", len(checks())) as advance:
            diagnosis = examine(
                copy,
                material,
                budget=min(MOST, max(LEAST, SHARE * _seconds(copy, x, setup))),
                training=training_of(copy, setup.config, peak=setup.peak),
                name=str(setup.config.model),
                progress=lambda question: advance(1, question),
            )
    return _told(diagnosis, time.monotonic() - began)


def _seconds(network: Network, x: Tensor, setup: Setup) -> float:
    """Estimate what the steps of the run will take, by a pass of a few images."""
    trial, _ = copied(network, None)
    with evaluating(trial), torch.enable_grad():
        began = time.monotonic()
        trial(x).sum().backward()
        each = (time.monotonic() - began) / len(x)
    return each * setup.batch_size * setup.total_steps


def _told(diagnosis: Diagnosis, seconds: float) -> Examination:
    return Examination(
        level=LEVELS.get(diagnosis.verdict, "good"),
        sentence=diagnosis.sentence(more="`plusx doctor` on the run asks the rest"),
        findings=tuple(map(_finding, diagnosis.troubles)),
        table=diagnosis.table(),
        seconds=seconds,
        part=not diagnosis.extent.complete,
    )


def _finding(finding: Finding) -> Told:
    where = f" ({finding.place})" if finding.place and finding.place not in finding.title else ""
    measured = f" ({finding.figure})" if finding.figure else ""
    why = f"{finding.why[:1].upper()}{finding.why[1:]}{measured}"
    return Told(
        level=LEVELS[finding.verdict],
        title=f"{finding.title}{where}",
        text=f"{why}. Next: {finding.next}",
    )
