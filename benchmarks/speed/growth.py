"""Measure how run time grows with rows, features and latent size, fit exponents, and plot."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from measure import seconds

from sk_denoise import DenoisingAutoencoder, NoiseInjector

SIZES = {
    "rows": [1_000, 4_000, 16_000, 64_000],
    "features": [64, 256, 1_024, 4_096],
    "latent size": [8, 32, 128, 512],
}
MARKERS = {"epoch": "o", "transform": "s", "noise": "^"}
FIGURE = Path(__file__).parents[2] / "docs" / "_static" / "performance-growth.png"


def measure(rows=8_000, features=784, latent_size=64):
    """Seconds per epoch, per transform and per draw of noise, as medians of five."""
    side = int(features**0.5)
    X = np.random.default_rng(0).random((rows, features), dtype=np.float32)
    denoiser = DenoisingAutoencoder(
        latent_dim=latent_size, batch_size=128, learning_rate=1e-3, random_state=0, image_shape=(side, features // side)
    )

    def fit(epochs):
        return seconds(lambda: denoiser.set_params(epochs=epochs).fit(X))

    injector = NoiseInjector(random_state=0).fit(X)
    fit(1)
    return {
        "epoch": float(np.median([(fit(3) - fit(1)) / 2 for _ in range(5)])),
        "transform": float(np.median([seconds(lambda: denoiser.transform(X)) for _ in range(5)])),
        "noise": float(np.median([seconds(lambda: injector.transform(X)) for _ in range(5)])),
    }


def run():
    """Measure all sizes, save the figure, and return the table."""
    table = []
    for name, sizes in SIZES.items():
        costs = [measure(**{name.replace(" ", "_"): size}) for size in sizes]
        for what in MARKERS:
            times = [cost[what] for cost in costs]
            # Only the largest three sizes, for which the constant cost of a call is negligible.
            exponent = float(np.polyfit(np.log(sizes[-3:]), np.log(times[-3:]), 1)[0])
            table.append({"by": name, "cost of": what, "sizes": sizes, "seconds": times, "exponent": exponent})
            print(f"{what} by {name}: exponent {exponent:.2f}", flush=True)
    draw(table)
    return [{"growth": table}]


def draw(table):
    """Save the figure."""
    figure, panels = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
    for panel, name in zip(panels, SIZES):
        for row in table:
            if row["by"] == name:
                what = row["cost of"]
                label = f"{what}, exponent {row['exponent']:.2f}"
                panel.loglog(row["sizes"], row["seconds"], marker=MARKERS[what], label=label)
        panel.set_xlabel(name)
        panel.legend(fontsize=8, loc="upper left")
    panels[0].set(ylabel="seconds", ylim=(None, 5 * max(max(row["seconds"]) for row in table)))  # room for the legends
    figure.savefig(FIGURE, dpi=150)
