"""Make the tables of the page on images from the CSV files written by benchmarks/images."""

import pandas as pd
from results_page import OUT, ROOT, table

RESULTS = ROOT / "benchmarks" / "results" / "images"
NAMES = {"psnr": "PSNR", "ssim": "SSIM", "cpu_seconds": "CPU s"}
DIGITS = {"psnr": 2, "ssim": 3, "cpu_seconds": 2}
EACH = ("noisy", "nl_ridge", "bm3d", "nlm", "tv", "denoise_nl_means", "denoise_tv_chambolle, best weight")


def read(name):
    """Read the table of a part of the benchmark."""
    return pd.read_csv(RESULTS / f"{name}.csv")


def means(frame, column, values=("psnr", "ssim")):
    """Means over the images: a row for each method, the best one first, and columns for each entry of `column`."""
    wide = frame.groupby(["method", column], sort=False)[list(values)].mean().unstack(column)
    wide = wide.loc[wide["psnr"].mean(axis=1).sort_values(ascending=False).index]
    head = ["", *(f"{NAMES[value]}, {entry}" for value, entry in wide.columns)]
    lines = []
    for method, row in wide.iterrows():
        refused = frame.loc[frame["method"] == method, "refused"]
        label = f"{method} ({refused.sum()} of {len(refused)} images refused)" if refused.any() else method
        lines.append([label, *(f"{number:.{DIGITS[value]}f}" for (value, _), number in row.items())])
    return table(head, lines)


def each(frame, sigma):
    """PSNR of each image at one level, the best filters of each package only."""
    frame = frame[frame["sigma"] == sigma]
    wide = frame.pivot(index="image", columns="method", values="psnr").loc[frame["image"].unique(), list(EACH)]
    return table(["", *EACH], [[image, *(f"{number:.2f}" for number in row)] for image, row in wide.iterrows()])


def gain(frame, column, method="nl_ridge"):
    """PSNR of a method minus that of BM3D, with a row for each image."""
    wide = frame.pivot(index="image", columns=[column, "method"], values="psnr").loc[frame["image"].unique()]
    return wide.xs(method, axis=1, level="method") - wide.xs("bm3d", axis=1, level="method")


def gains(frame, column, method="nl_ridge"):
    """Table of `gain`, with the mean last."""
    found = gain(frame, column, method)
    found.loc["**mean**"] = found.mean()
    lines = [[image, *(f"{number:+.2f}" for number in row)] for image, row in found.iterrows()]
    return table(["", *(f"{column} {entry}" for entry in found.columns)], lines)


def costs():
    """Seconds and memory for two sizes of images, the fastest method first."""
    wide = read("memory").pivot(index="method", columns="side")
    wide = wide.loc[wide["cpu_seconds"][1024].sort_values().index]
    lines = []
    for method, row in wide.iterrows():
        cells = [f"{row[value, side]:.2f}" for side in (512, 1024) for value in ("cpu_seconds", "seconds")]
        lines.append([method, *cells, *(f"{row['megabytes', side]:.0f}" for side in (512, 1024))])
    head = [f"{value}, {side}²" for side in (512, 1024) for value in ("CPU s", "s")]
    return table(["", *head, "MB, 512²", "MB, 1024²"], lines)


def goals(white, correlated):
    """Goals of nl_ridge, with what was measured."""
    lines = []

    def add(goal, measured, reached):
        lines.append([goal, measured, "reached" if reached else "**missed**"])

    found = gain(white, "sigma")
    for sigma, mean in found.mean().items():
        add(f"white noise, sigma {sigma:g}: not worse than BM3D on average", f"{mean:+.2f} dB", mean >= 0)
    worst = f"{found.min().min():+.2f} dB ({found.min(axis=1).idxmin()})"
    add("white noise: on no image more than 0.15 dB worse", worst, found.min().min() >= -0.15)
    cpu = white.groupby("method")["cpu_seconds"].sum()
    share = cpu["nl_ridge"] / cpu["bm3d"]
    add("white noise: at most a quarter of the CPU time of BM3D", f"{share:.2f}", share <= 0.25)
    for method, least in (("nl_ridge, exact correlation", 0.3), ("denoise(image)", 0)):
        mean = gain(correlated, "blur", method).mean().mean()
        aim = f"{least} dB better than" if least else "not worse than"
        add(f"correlated noise, {method}: {aim} BM3D on average", f"{mean:+.2f} dB", mean >= least)
    cost = read("memory").pivot(index="method", columns="side").loc["nl_ridge"]
    megabytes, growth = cost["megabytes", 1024], cost["cpu_seconds", 1024] / cost["cpu_seconds", 512]
    add("less than 300 MB for 1024 x 1024 pixels", f"{megabytes:.0f} MB", megabytes < 300)
    add("time proportional to the number of pixels", f"{growth:.1f} times as long for 4 times as many", growth < 4.4)
    cores = cost["cpu_seconds", 1024] / cost["seconds", 1024]
    add("uses both cores", f"{cores:.1f} CPU seconds per second", cores > 1.5)
    return table(["goal", "measured", ""], lines)


def tuning(frame):
    """Sentence on the images that nl_ridge was tuned on."""
    found = gain(frame, "sigma")
    listed = ", ".join(f"{mean:+.2f} dB at sigma {sigma:g}" for sigma, mean in found.mean().items())
    return (
        f"On {len(found)} images that the settings of ``nl_ridge`` were chosen on"
        f" ({', '.join(found.index)}), its mean difference from BM3D is {listed}.\n"
    )


def networks(frame):
    """PSNR of the U-Nets minus that of non-local means, on the image where they are worst, and how often they win."""
    lines = []
    for sigma, some in frame.groupby("sigma"):
        wide = some.pivot(index="image", columns="method", values="psnr")
        cells = [f"{sigma:g}"]
        for method in ("U-Net, residual", "U-Net, sigmoid", "nl_ridge"):
            gain = wide[method] - wide["nlm"]
            cells.append(f"{gain.mean():+.2f} ({gain.min():+.2f}, {gain.idxmin()})")
        lines.append([*cells, f"{(wide['U-Net, residual'] >= wide['nlm']).sum()} of {len(wide)}"])
    head = ["sigma", "U-Net, residual", "U-Net, sigmoid", "nl_ridge", "images where the residual U-Net is not worse"]
    return table(head, lines)


def speed(frame):
    """Megapixels per second of the networks and the filters."""
    sums = frame.groupby("method", sort=False)[["megapixels", "seconds"]].sum().drop("noisy")
    rates = (sums["megapixels"] / sums["seconds"]).sort_values(ascending=False)
    return table(["", "megapixels per second"], [[method, f"{rate:.2f}"] for method, rate in rates.items()])


def large():
    """Memory and time for a file of 10 GB."""
    lines = [
        [row.method, f"{row.megapixels:,.0f}", f"{row.seconds:.0f}", f"{row.megabytes:.0f}"]
        for row in read("large").itertuples()
    ]
    return table(["", "megapixels denoised", "seconds, with the fit", "MB"], lines)


def make():
    """Write everything that docs/measured/images.rst includes."""
    OUT.mkdir(exist_ok=True)
    everything, correlated = read("white"), read("correlated")
    white = everything[everything["set"] == "held-out"]
    parts = {
        "goals": goals(white, correlated),
        "white": means(white, "sigma"),
        "white-each": each(white, 0.1),
        "white-gains": gains(white, "sigma"),
        "white-tuning": tuning(everything[everything["set"] == "tuning"]),
        "costs": costs(),
        "colour": means(read("colour"), "sigma", ("psnr", "ssim", "cpu_seconds")),
        "correlated": means(correlated, "blur"),
        "correlated-gains": gains(correlated, "blur", "denoise(image)"),
        "poisson": means(read("poisson"), "peak"),
        "networks": means(read("networks"), "sigma", ("psnr",)),
        "networks-gains": networks(read("networks")),
        "networks-speed": speed(read("networks")),
        "digits": table(["", "PSNR"], [[row.method, f"{row.psnr:.2f}"] for row in read("digits").itertuples()]),
        "large": large(),
    }
    for part, text in parts.items():
        (OUT / f"images-{part}.inc").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make()
