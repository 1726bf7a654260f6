"""Section "learning": can it learn, and does the way it is trained let it?"""

from plusx.doctor.check import Check
from plusx.doctor.learning.bounded import bounded
from plusx.doctor.learning.broadcast import broadcast
from plusx.doctor.learning.gradients import steps_apart
from plusx.doctor.learning.labels import labels
from plusx.doctor.learning.logits import logits_wanted
from plusx.doctor.learning.modes import evaluates, trains
from plusx.doctor.learning.noise import noise
from plusx.doctor.learning.one_batch import one_batch
from plusx.doctor.learning.optimizer import decay, has_all
from plusx.doctor.learning.probe import probe
from plusx.doctor.learning.rates import rates
from plusx.doctor.learning.reduction import reduction
from plusx.doctor.learning.shuffled import shuffled
from plusx.doctor.learning.small_batches import small_batches
from plusx.doctor.learning.updates import updates

__all__ = ["CHECKS"]

CHECKS = (
    Check("learning.optimizer", "Does the optimizer have every parameter that learns?", has_all),
    Check("learning.labels", "Are the labels classes of the network?", labels),
    Check("learning.shuffled", "Does the loader mix the classes?", shuffled),
    Check("learning.bounded", "Has the loss a lower end, at right answers?", bounded),
    Check("learning.broadcast", "Is every output held against its own target?", broadcast),
    Check("learning.logits", "Does the loss take what the network answers?", logits_wanted),
    Check("learning.reduction", "Is the loss a mean over the batch?", reduction),
    Check("learning.steps", "Does a step move the weights and forget the last one?", steps_apart),
    Check("learning.trains", "Does the training step train in training mode?", trains),
    Check("learning.evaluates", "Does the evaluation run in evaluation mode?", evaluates),
    Check("learning.decay", "Does weight decay leave norms and biases alone?", decay),
    Check("learning.updates", "Does a step move the weights by a small part of them?", updates),
    Check("learning.one_batch", "Can it learn a batch by heart?", one_batch, quick=False),
    Check("learning.rate", "Does the learning rate lower the loss?", rates, quick=False),
    Check("learning.data", "Does the loss fall on the data?", probe, quick=False),
    Check("learning.noise", "Is the batch large beside the noise?", noise, quick=False),
    Check(
        "learning.small_batches",
        "Does batch norm see enough images at once?",
        small_batches,
        quick=False,
    ),
)
