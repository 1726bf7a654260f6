"""What the doctor says of training that is broken on purpose, and of its healthy twin."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from doctor.learning_nets import asked, network, patient, sgd, verdict
from plusx.doctor import Check, Patient, Training
from plusx.doctor.check import ask
from plusx.doctor.learning import CHECKS

Step = Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], object]


def careful(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def zeroing_after(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    model.train()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    optimizer.zero_grad()


def never_zeroing(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    model.train()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def without_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    model.train()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()


class Accumulating:
    """Two batches for each step, as a caller with little memory does."""

    calls = 0

    def __deepcopy__(self, memo: object) -> "Accumulating":
        return self

    def __call__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor
    ) -> None:
        model.train()
        (F.cross_entropy(model(x), y) / 2).backward()
        self.calls += 1
        if self.calls % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()


def with_step(step: Step) -> Patient:
    model = network()
    return patient(model, Training(optimizer=sgd(model), step=step))


@pytest.mark.parametrize("step", [careful, zeroing_after, Accumulating()])
def test_steps_that_zero_gradients_are_fine_wherever_they_do_it(step: Step) -> None:
    assert verdict("steps", with_step(step)) == ("fine", "")


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop])
def test_gradients_that_pile_up_are_seen_with_any_optimizer(
    optimizer: Callable[..., torch.optim.Optimizer],
) -> None:
    model = network()
    training = Training(optimizer=optimizer(model.parameters(), lr=1e-3), step=never_zeroing)
    assert verdict("steps", patient(model, training)) == ("wrong", "gradients pile up")
    healthy = replace(training, step=careful)
    assert verdict("steps", patient(model, healthy)) == ("fine", "")


def test_a_step_that_changes_no_weight_is_seen() -> None:
    assert verdict("steps", with_step(without_step)) == ("wrong", "no step")
    model = network()
    still = Training(optimizer=sgd(model, 0.0), step=careful)
    assert verdict("steps", patient(model, still)) == ("wrong", "no step")


def test_a_warm_up_that_begins_at_zero_is_no_missing_step() -> None:
    model = network()
    optimizer = sgd(model)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 100)
    assert optimizer.param_groups[0]["lr"] == 0
    assert (
        verdict("steps", patient(model, Training(optimizer=optimizer, step=careful)))[0] == "fine"
    )


def test_random_augmentation_in_the_step_is_not_taken_for_gradients_that_pile_up() -> None:
    import random

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        careful(model, optimizer, x * random.uniform(0.5, 1.5), y)

    assert verdict("steps", with_step(step)) == ("fine", "")


def test_parameters_that_the_optimizer_lacks_are_named() -> None:
    model = network()
    optimizer = sgd(model)
    assert verdict("optimizer", patient(model, Training(optimizer=optimizer))) == ("fine", "")
    model[4] = nn.Linear(32, 5)
    finding = asked("optimizer", patient(model, Training(optimizer=optimizer)))
    assert (finding.verdict, finding.cause) == ("wrong", "not in the optimizer")
    assert finding.place == "4.weight" and finding.figure.startswith("2 of 6")


def test_a_head_that_alone_is_in_the_optimizer_may_be_meant() -> None:
    model = network()
    head = Training(optimizer=sgd(model[4]))
    assert verdict("optimizer", patient(model, head)) == ("warning", "not in the optimizer")
    model[:4].requires_grad_(False)
    assert verdict("optimizer", patient(model, head)) == ("fine", "")


def test_an_optimizer_of_another_network_is_seen() -> None:
    finding = asked("optimizer", patient(network(), Training(optimizer=sgd(network()))))
    assert finding.verdict == "wrong" and "another network" in finding.why


def test_decay_on_norms_is_a_remark() -> None:
    model = network()
    decaying = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    finding = asked("decay", patient(model, Training(optimizer=decaying)))
    assert (finding.verdict, finding.cause) == ("fine", "decay on norms")
    assert finding.figure == "4 of 4 scales and biases decay, at 0.05"
    assert asked("decay", patient(model, Training(optimizer=sgd(model)))).cause == ""


def in_evaluation(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor
) -> Tensor:
    loss = F.cross_entropy(model.eval()(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def test_a_step_in_evaluation_mode_is_wrong_where_it_goes_there_itself() -> None:
    assert verdict("trains", with_step(careful)) == ("fine", "")
    assert verdict("trains", with_step(in_evaluation)) == ("wrong", "train never called")


def test_a_network_given_in_evaluation_mode_and_left_there_is_worth_a_look() -> None:
    model = network().eval()
    training = Training(optimizer=sgd(model), step=never_zeroing)
    assert verdict("trains", patient(model, training)) == ("fine", "")  # it calls train()

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        F.cross_entropy(model(x), y).backward()

    left = replace(training, step=step)
    assert verdict("trains", patient(model, left)) == ("warning", "train never called")


def test_norms_that_are_kept_still_in_training_are_meant_so() -> None:
    class Still(nn.Sequential):
        def train(self, mode: bool = True) -> "Still":
            super().train(mode)
            self[1].eval()
            return self

    model = Still(*network())
    training = Training(optimizer=sgd(model), step=careful)
    assert verdict("trains", patient(model, training)) == ("fine", "")


def test_an_evaluation_in_training_mode_is_wrong() -> None:
    model = network()

    def evaluating(model: nn.Module, x: Tensor) -> Tensor:
        return model.eval()(x)

    def training(model: nn.Module, x: Tensor) -> Tensor:
        return model(x)

    healthy = Training(predict=evaluating)
    assert verdict("evaluates", patient(model, healthy)) == ("fine", "")
    wrong = Training(predict=training)
    assert verdict("evaluates", patient(model, wrong)) == ("wrong", "eval never called")


def test_a_network_without_norms_and_dropout_has_no_modes() -> None:
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5))
    training = Training(predict=lambda model, x: model(x))
    assert verdict("evaluates", patient(model, training))[0] == "not applicable"


def brier(y: Tensor, labels: Tensor) -> Tensor:
    return (y - F.one_hot(labels, y.shape[1])).square().sum(1).mean()


def smoothed(y: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(y, labels, label_smoothing=0.1)


def of_probabilities(y: Tensor, labels: Tensor) -> Tensor:
    return F.nll_loss(y.log(), labels)


def binary_with_logits(y: Tensor, labels: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(y, F.one_hot(labels, y.shape[1]).float())


def binary(y: Tensor, labels: Tensor) -> Tensor:
    return F.binary_cross_entropy(y, F.one_hot(labels, y.shape[1]).float())


PROBABILITIES = [
    (nn.Softmax(1), F.cross_entropy, "wrong"),
    (nn.Softmax(1), smoothed, "wrong"),
    (nn.Softmax(1), None, "warning"),
    (nn.Softmax(1), of_probabilities, "fine"),
    (nn.Softmax(1), brier, "fine"),
    (nn.Sigmoid(), F.cross_entropy, "wrong"),
    (nn.Sigmoid(), binary_with_logits, "wrong"),
    (nn.Sigmoid(), binary, "fine"),
    (nn.Sigmoid(), None, "fine"),
    (None, F.cross_entropy, "fine"),
    (nn.LogSoftmax(1), F.cross_entropy, "fine"),
]


@pytest.mark.parametrize("end, loss, expected", PROBABILITIES)
def test_probabilities_are_wrong_for_a_loss_of_logits_alone(
    end: nn.Module | None, loss: Callable[[Tensor, Tensor], Tensor] | None, expected: str
) -> None:
    found = verdict("logits", patient(network(end), Training(loss=loss)))
    assert found == (expected, "" if expected == "fine" else "softmax before the loss")


@pytest.mark.parametrize(
    "loss, expected",
    [(F.cross_entropy, "wrong"), (of_probabilities, "fine"), (brier, "fine")],
)
def test_the_loss_inside_a_step_is_known_by_its_gradient(
    loss: Callable[[Tensor, Tensor], Tensor], expected: str
) -> None:
    model = network(nn.Softmax(1))

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    training = Training(optimizer=sgd(model), step=step)
    assert verdict("logits", patient(model, training))[0] == expected


def summed(y: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(y, labels, reduction="sum")


def unreduced(y: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(y, labels, reduction="none")


def of_the_first(y: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(y[:1], labels[:1])


@pytest.mark.parametrize("loss", [F.cross_entropy, smoothed, brier, binary_with_logits])
def test_a_mean_is_a_fine_reduction(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert verdict("reduction", patient(network(), Training(loss=loss))) == ("fine", "")


@pytest.mark.parametrize("loss", [of_probabilities, binary])
def test_the_reduction_of_a_loss_of_probabilities_is_that_at_what_the_network_answers(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    found = verdict("reduction", patient(network(nn.Softmax(1)), Training(loss=loss)))
    assert found == ("fine", "")


@pytest.mark.parametrize("loss", [summed, unreduced, of_the_first])
def test_other_reductions_are_wrong(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    found = verdict("reduction", patient(network(), Training(loss=loss)))
    assert found == ("wrong", "wrong reduction")


@pytest.mark.parametrize("loss, wrong", [(F.cross_entropy, 0), (summed, 1), (of_the_first, 1)])
def test_the_reduction_inside_a_step_is_known_by_its_gradient(
    loss: Callable[[Tensor, Tensor], Tensor], wrong: int
) -> None:
    model = network()

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    found = verdict("reduction", patient(model, Training(optimizer=sgd(model), step=step)))
    assert found == (("fine", ""), ("wrong", "wrong reduction"))[wrong]


def test_every_check_leaves_the_network_as_it_was() -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    training = Training(
        optimizer=sgd(model), loss=F.cross_entropy, step=careful, predict=lambda m, x: m(x)
    )
    examined = patient(model, training, count=96)
    state = {name: tensor.clone() for name, tensor in examined.model.state_dict().items()}
    for check in CHECKS:
        ask(check, examined)
    for after, was in ((model.state_dict(), before), (examined.model.state_dict(), state)):
        assert all(torch.equal(after[name], tensor) for name, tensor in was.items())
    assert all(p.grad is None for p in [*model.parameters(), *examined.model.parameters()])


def test_names_say_their_section() -> None:
    assert all(isinstance(c, Check) and c.name.startswith("learning.") for c in CHECKS)
    assert len({c.name for c in CHECKS}) == len(CHECKS)
