"""Claims on a CUDA GPU: resnet50 >= 1.1x timm's images/s; Fashion-MNIST to 93% >= 20x sooner.

resnet50: training steps at 224 pixels, batch 256, bf16. timm at its best settings (channels-last,
autocast, compiled, fused SGD with Nesterov momentum, cuDNN's benchmark, TF32) on a batch that lies
on the GPU; ours as `plusx train --fast --compile always` does it, on uint8 images in the GPU's
memory, cropped, mirrored and normalised each step. In turns, a process each. To 93%: the whole
command `plusx train --recipe quick` against the training seconds of resnet18 with the usual recipe
(usual_resnet18.py --cuda).
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

import limit
import time_to
from ledger import PEERS, TRY, Steps, apart, machine, needs_data, needs_peers, record, row
from plusx_run import plusx_run

DEVICE = "cpu" if TRY else "cuda"
SIDE, BATCH = (64, 2) if TRY else (224, 256)
WARM, STEPS, ROUNDS = (1, 2, 2) if TRY else (20, 100, 3)


def images_per_second(step: Callable[[], object]) -> float:
    def steps(count: int) -> None:
        for _ in range(count):
            step()
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    steps(WARM)
    began = time.perf_counter()
    steps(STEPS)
    return STEPS * BATCH / (time.perf_counter() - began)


def ours() -> float:
    setup = limit.set_up(
        "resnet50", "bf16", side=SIDE, batch=BATCH, device=DEVICE,
        fast=True, compile="never" if TRY else "always",
    )  # fmt: skip
    return images_per_second(limit.training_step(setup))


def timms() -> float:
    import peers

    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    model = peers.timm.create_model("resnet50", num_classes=10).to(DEVICE).train()
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )
    forward = model if TRY else torch.compile(model)
    x = torch.randn(BATCH, 3, SIDE, SIDE, device=DEVICE).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (BATCH,), device=DEVICE)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = F.cross_entropy(forward(x), y, label_smoothing=0.1)
        loss.backward()
        optimizer.step()

    return images_per_second(step)


def speeds() -> dict[str, float]:
    return {
        "plusx": apart(sys.executable, __file__, "--ours"),
        "timm": apart(PEERS, __file__, "--timm"),
    }


def times(seed: int) -> dict[str, dict[str, object]]:
    words = [*time_to.WORDS, "--seed", str(seed)]
    return {
        "plusx": plusx_run(f"gpu-seed{seed}", words),
        "usual": apart(PEERS, "usual_resnet18.py", "--cuda"),
    }


def main() -> None:
    if DEVICE == "cuda" and not torch.cuda.is_available():
        print("bench-gpu: skipped, this machine has no CUDA GPU")
        return
    needs_data("bench-gpu", "fashion-mnist")
    needs_peers("bench-gpu")
    steps = Steps("gpu", total=2 * ROUNDS, batch=BATCH)
    fast = [steps.once(f"resnet50, round {n}", speeds) for n in range(ROUNDS)]
    timed = [steps.once(f"time to 93%, round {n}", lambda n=n: times(n)) for n in range(ROUNDS)]
    ratio = round(statistics.median(each["plusx"] / each["timm"] for each in fast), 3)
    theirs = statistics.median(each["usual"]["seconds"] for each in timed)
    sooner = time_to.sooner([each["plusx"] for each in timed], theirs)
    on = f"on one {machine()['device']}"
    record(
        "gpu",
        {"resnet50, images/s": fast, "time to 93%": timed},
        rows=[
            row(
                f"resnet50 {on}, images/s of training against timm at its best", ratio, at_least=1.1
            ),
            row(f"time to 93% of Fashion-MNIST {on}, against resnet18", sooner, at_least=20),
        ],
        seconds=steps.seconds,
    )
    steps.finish()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--ours", *_]:
            print(json.dumps(ours()))
        case ["--timm", *_]:
            print(json.dumps(timms()))
        case _:
            main()
