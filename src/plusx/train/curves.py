"""What the curves of a run are called, the same for every tracker."""

from plusx.analysis.evaluation import Evaluation
from plusx.train.result import Epoch, Probe

__all__ = ["curves_of", "figures_of", "gradients_of"]


def curves_of(epoch: Epoch) -> dict[str, float]:
    """Return the curves' names and values at an epoch, the same for every tracker."""
    return {
        "loss/train": epoch.train_loss,
        "loss/validation": epoch.val_loss,
        "accuracy/train": epoch.train_accuracy,
        "accuracy/validation": epoch.val_accuracy,
        "learning rate": epoch.learning_rate,
        "images per second": epoch.images_per_second,
    }


def gradients_of(probe: Probe) -> dict[str, float]:
    """Return the gradients' names and values at a probe; a frozen part has none."""
    parts = probe.signal.parts
    return {f"gradient/{p.name}": p.gradient for p in parts if p.gradient is not None}


def figures_of(result: Evaluation) -> dict[str, float]:
    """Return the test's names and values."""
    low, high = result.interval
    return {
        "test/accuracy": result.accuracy,
        "test/loss": result.loss,
        "test/accuracy low": low,
        "test/accuracy high": high,
    }
