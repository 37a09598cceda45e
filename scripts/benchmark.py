"""Measures how fast everything is, side by side in one run because machines drift; medians.

    python scripts/benchmark.py [train | sweep | commands | growth | docs] [--runs N] [--json]

By default it measures ``train``: one network for 10,000 epochs through Lightning. For the others
see benchmark_sweep.py, benchmark_commands.py (every command, with its memory) and
benchmark_growth.py (``growth NAME ... --folder docs`` draws the plots of docs/speed.md). With
``--folder docs`` each of the three writes its results into docs/speed.md; ``docs`` runs all three,
which takes about twenty minutes on a machine that should do nothing else.

The last column of the table of ``train`` divides each time by that of importing Lightning and
TensorBoard, which any Lightning program needs. The straightforward Lightning program takes a minute
a run.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import benchmark_commands
import benchmark_growth
import benchmark_sweep
import tqdm

EPOCHS = 10_000
TRAIN = Path(__file__).with_name("train.py")
DOCS = Path(__file__).parents[1] / "docs"

NUMPY = """
from xor_torch import data, manual
for epoch in manual.train(*data.truth_table(), data.initial_weights()):
    if epoch.number % 1000 == 0:
        print(epoch.mse)
"""

TORCH = f"""{benchmark_commands.RAW.rstrip()}
    if epoch % 1000 == 0:
        print(loss.item() / 4)
"""

# as on the first page of Lightning's documentation: max_epochs, defaults, self.log in every step
LIGHTNING = """
import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class XOR(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())

    def training_step(self, batch, batch_idx):
        X, y = batch
        loss = nn.functional.mse_loss(self.net(X), y, reduction="sum")
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
L.Trainer(max_epochs=10_000, accelerator="cpu").fit(
    XOR(), DataLoader(TensorDataset(X, y), batch_size=4)
)
"""

IMPORT = "importing Lightning and TensorBoard"
STRAIGHTFORWARD = "straightforward Lightning"
OURS = "xor-torch train"
SCALARS = "xor-torch train --views scalars"
PROGRAMS = {
    IMPORT: ["-c", "import lightning.pytorch, torch.utils.tensorboard"],
    "the notebook's loop (manual.py)": ["-c", NUMPY],
    "a raw torch loop": ["-c", TORCH],
    SCALARS: [str(TRAIN), "--views", "scalars"],
    OURS: [str(TRAIN)],
    STRAIGHTFORWARD: ["-c", LIGHTNING],
}


def seconds(arguments: list[str]) -> float:
    """A whole process, from start to exit, in a directory of its own."""
    with tempfile.TemporaryDirectory() as cwd:
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ("train", "sweep", "commands", "growth", "docs")
    parser.add_argument("what", nargs="?", choices=kinds, default="train")
    parser.add_argument("names", nargs="*", help="of growth: some of its plots", metavar="NAME")
    parser.add_argument("--runs", type=int, default=5, help="of each program (5)")
    parser.add_argument("--folder", type=Path, default=Path(), help="of plots and of speed.md")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: must be at least 1")
    unknown = {*options.names} - {*(benchmark_growth.GROWTHS if options.what == "growth" else ())}
    if unknown:
        parser.error(f"{' '.join(sorted(unknown))}: not of {' '.join(benchmark_growth.GROWTHS)}")
    folder = DOCS if options.what == "docs" else options.folder
    if options.what in ("commands", "docs"):
        benchmark_commands.report(options.runs, options.json, folder)
    if options.what in ("sweep", "docs"):
        benchmark_sweep.report(options.runs, options.json, folder)
    if options.what in ("growth", "docs"):
        benchmark_growth.report(options.runs, options.json, folder, options.names)
    if options.what == "train":
        report(options.runs, options.json)


def report(runs: int, as_json: bool) -> None:
    """Measure and print the table, or one JSON object."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    rounds = [name for _ in range(runs) for name in PROGRAMS]
    for name in tqdm.tqdm(rounds, unit=" processes", leave=False):
        if name == STRAIGHTFORWARD and times[name]:
            continue  # it takes a minute, and one digit of its time is enough
        times[name].append(seconds(PROGRAMS[name]))
    median = {name: statistics.median(values) for name, values in times.items()}
    result = {
        "epochs": EPOCHS,
        "runs": runs,
        "seconds": median,
        "all_views_over_scalars": median[OURS] / median[SCALARS],
        "over_import": median[OURS] / median[IMPORT],
        "straightforward_over_ours": median[STRAIGHTFORWARD] / median[OURS],
    }
    if as_json:
        print(json.dumps(result, indent=2))
        return
    print(f"{EPOCHS} epochs, whole process, median of {runs}")
    print(f"{'':<38}{'seconds':>8}  of the import")
    for name, value in median.items():
        print(f"{name:<38}{value:>8.2f}{value / median[IMPORT]:>12.2f}")
    print(f"{OURS} is {result['straightforward_over_ours']:.1f} times as fast as {STRAIGHTFORWARD}")


if __name__ == "__main__":
    main()
