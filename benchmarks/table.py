"""README's table of figures, from results/*.json: `python benchmarks/table.py` writes it there."""

import json
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: made by benchmarks/table.py -->\n", "<!-- end of figures -->"


def figures(name: str) -> dict[str, dict[str, object]]:
    return json.loads((HERE / "results" / f"{name}.json").read_text())["figures"]


def table() -> str:
    starting, equation, training = map(figures, ("starting", "equation", "training"))
    over, helping = "import plusx over import torch, seconds", "plusx --help, seconds"
    small, large = equation.values()
    zoo = figures("zoo")
    kept = [of["freed memory kept"] for of in zoo.values() if isinstance(of, dict)]
    step, forward = "training step, times as fast", "forward, times as fast"
    rows = [
        ("`import plusx` and all its names, over `import torch`", f"{starting[over]} s"),
        ("`plusx --help`", f"{starting[helping]} s"),
        *(
            (f"{network}, against the same blocks written by hand, {what}", f"{of[key]}x")
            for network, of in (("resnet20, batch 128", small), ("resnet18 at 224", large))
            for what, key in (("training step", step), ("forward", forward))
        ),
        (
            "`plusx train`, resnet20 on Fashion-MNIST, images/s against the usual loop "
            "(DataLoader, per-image transforms, float32)",
            f"{training['times the usual loop']}x",
        ),
        *(
            (
                f"{', '.join(n for n, of in zoo.items() if isinstance(of, dict))} against "
                f"torchvision's and timm's, {what}, freed memory kept (lowest, highest)",
                f"{min(of[key] for of in kept)}x, {max(of[key] for of in kept)}x",
            )
            for what, key in (
                ("training step", "training, times as fast"),
                ("inference", "inference, times as fast"),
            )
        ),
    ]
    return "\n".join(["| what | figure |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def main() -> None:
    before, rest = README.read_text().split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{table()}\n\n{END}{after}")


if __name__ == "__main__":
    main()
