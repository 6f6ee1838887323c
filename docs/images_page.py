"""Make the tables of the page on images from the CSV files written by benchmarks/images."""

import pandas as pd
from results_page import OUT, ROOT, table

RESULTS = ROOT / "benchmarks" / "results" / "images"
NAMES = {"psnr": "PSNR", "ssim": "SSIM", "cpu_seconds": "CPU s", "seconds": "s", "megabytes": "MB"}
DIGITS = {"psnr": 2, "ssim": 3, "cpu_seconds": 2, "seconds": 3, "megabytes": 0}
#: Methods shown beside those that were trained on the noisy image.
BESIDE = ("noisy", "denoise(image)", "nl_ridge", "bm3d", "linear, on the noisy image", "U-Net, on clean images")


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
        lines.append([labelled(frame, method), *(f"{number:.{DIGITS[value]}f}" for (value, _), number in row.items())])
    return table(head, lines)


def labelled(frame, method):
    """The method, and on how many images it refused to work."""
    refused = frame.loc[frame["method"] == method, "refused"]
    return f"{method} ({refused.sum()} of {len(refused)} images refused)" if refused.any() else method


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


def large():
    """Memory and time for a file of 10 GB."""
    lines = [
        [row.method, f"{row.megapixels:,.0f}", f"{row.seconds:.0f}", f"{row.megabytes:.0f}"]
        for row in read("large").itertuples()
    ]
    return table(["", "megapixels denoised", "seconds, with the fit", "MB"], lines)


def gains(frame, noise, method):
    """PSNR of a method minus that of BM3D for one kind of noise, by image and level."""
    some = frame[frame["noise"] == noise]
    wide = some.pivot(index="image", columns=["level", "method"], values="psnr").loc[some["image"].unique()]
    return wide.xs(method, axis=1, level="method") - wide.xs("bm3d", axis=1, level="method")


def each(found):
    """Table of `gains`, with the mean last."""
    found = pd.concat([found, found.mean().rename("**mean**").to_frame().T])
    lines = [[image, *(f"{number:+.2f}" for number in row)] for image, row in found.iterrows()]
    return table(["", *(f"level {level:g}" for level in found.columns)], lines)


def goals(frame):
    """Goals of nl_ridge, with what was measured."""
    lines = []

    def add(goal, measured, reached):
        lines.append([goal, measured, "reached" if reached else "**missed**"])

    found = gains(frame, "white", "nl_ridge")
    for level, mean in found.mean().items():
        add(f"white noise of level {level:g}: not worse than BM3D on average", f"{mean:+.2f} dB", mean >= 0)
    worst = f"{found.min().min():+.2f} dB ({found.min(axis=1).idxmin()})"
    add("white noise: on no image more than 0.15 dB worse", worst, found.min().min() >= -0.15)
    cpu = frame[frame["noise"] == "white"].groupby("method")["cpu_seconds"].sum()
    share = cpu["nl_ridge"] / cpu["bm3d"]
    add("white noise: at most a quarter of the CPU time of BM3D", f"{share:.2f}", share <= 0.25)
    for method, least in (("nl_ridge", 0.3), ("denoise(image)", 0)):
        mean = gains(frame, "correlated", method).mean().mean()
        aim = f"{least} dB better than" if least else "not worse than"
        add(f"correlated noise, {method}: {aim} BM3D on average", f"{mean:+.2f} dB", mean >= least)
    cost = read("memory").pivot(index="method", columns="side").loc["nl_ridge"]
    megabytes, growth = cost["megabytes", 1024], cost["cpu_seconds", 1024] / cost["cpu_seconds", 512]
    add("less than 300 MB for 1024 x 1024 pixels", f"{megabytes:.0f} MB", megabytes < 300)
    add("time proportional to the number of pixels", f"{growth:.1f} times as long for 4 times as many", growth < 4.4)
    cores = cost["cpu_seconds", 1024] / cost["seconds", 1024]
    add("uses both cores", f"{cores:.1f} CPU seconds per second", cores > 1.5)
    return table(["goal", "measured", ""], lines)


def hurry(frame):
    """Tables of the comparison of all methods, by part."""
    counts = frame.groupby("method")["image"].count()
    few = counts.index[counts < counts.max()]  # trained on the noisy image, which takes too long to be done on all
    everywhere = frame[~frame["method"].isin(few)]
    keys = ["image", "noise", "level"]
    cases = frame.loc[frame["method"].isin(few), keys].drop_duplicates()
    beside = frame[frame["method"].isin([*few, *BESIDE])].merge(cases, on=keys)
    return {
        "facts": facts(everywhere, cases),
        "table": compact(everywhere),
        "winners": winners(everywhere),
        "levels": by_level(everywhere),
        "trained": compact(beside) if len(few) else "",
    }


def facts(frame, cases):
    """Sentences on the images, the levels and the trainings."""
    images = listed(f'"{image}"' for image in frame["image"].unique())
    levels = listed(f"{level:g}" for level in frame["level"].unique())
    peaks = listed(f"{peak:g}" for peak in frame["peak"].dropna().unique())
    lines = [f"There are {frame['image'].nunique()} images ({images}) and noise of level {levels} of the range."]
    if peaks:
        lines.append(f"Photon noise is about as strong, with {peaks} photons at white.")
    if len(cases):
        levels = listed(f"{level:g}" for level in cases["level"].unique())
        trained_on = listed(f'"{image}"' for image in cases["image"].unique())
        lines.append(f"Networks were trained on the noisy image at level {levels} for {trained_on}.")
    return "\n".join(lines) + "\n"


def listed(words):
    """The words with commas, and "and" before the last."""
    *first, last = [*map(str, words)] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def compact(frame):
    """Table with a row for each method, the best one first, and means over images and levels in the columns."""
    noises = list(frame["noise"].unique())
    wide = frame.pivot_table(["psnr", "ssim"], "method", "noise")
    keys = [(value, noise) for value in ("psnr", "ssim") for noise in noises]
    costs = frame[frame["method"] != "noisy"].groupby("method")[["seconds", "megabytes"]].mean()
    wide = ranked(wide[keys]).join(pd.concat({value: costs[[value]] for value in costs}, axis=1))
    columns = [in_bold(wide[key], DIGITS[key[0]], key[0] in ("seconds", "megabytes")) for key in wide]
    lines = []
    for method, *cells in zip(wide.index, *columns):
        some = frame[frame["method"] == method]
        given = some.groupby("noise")["given"].first().reindex(noises).dropna()
        given = " / ".join(given.unique() if given.nunique() == 1 else given)
        lines.append([labelled(frame, method), *cells, clean_images(some), given])
    head = [NAMES[value] if noise == value else f"{NAMES[value]}, {noise}" for value, noise in wide]
    return table(["", *head, "clean images", "given"], lines)


def ranked(wide):
    """Rows of a table of PSNR by mean, and then by what there is, because not all methods are made for all noise."""
    psnr = wide["psnr"]
    order = pd.DataFrame({"all": psnr.mean(axis=1, skipna=False), "some": psnr.mean(axis=1)})
    return wide.loc[order.sort_values(["all", "some"], ascending=False).index]


def in_bold(column, digits, low=False):
    """Format the numbers of a column, the best one in bold: the largest or, if `low`, the smallest."""
    best = f"{column.min() if low else column.max():.{digits}f}"
    texts = ["" if pd.isna(number) else f"{number:.{digits}f}" for number in column]
    return [f"**{text}**" if text == best else text for text in texts]


def clean_images(rows):
    """Whether a method needs clean images, and how long it was trained on them."""
    if (rows["method"] == "noisy").all():
        return ""
    if not rows["needs_clean"].any():
        return "no"
    seconds = rows["training_seconds"].mean()
    return f"yes, {seconds:.0f} s of training" if seconds else "yes, to choose"


def by_level(frame):
    """Mean PSNR for each kind and level of noise."""
    keys = frame[["noise", "level"]].drop_duplicates().itertuples(index=False, name=None)
    wide = ranked(pd.concat({"psnr": frame.pivot_table("psnr", "method", ["noise", "level"])[list(keys)]}, axis=1))
    columns = [in_bold(wide[key], DIGITS["psnr"]) for key in wide]
    head = [f"{noise} {level:g}" for _, noise, level in wide]
    return table(["", *head], [list(line) for line in zip(wide.index, *columns)])


def winners(frame):
    """The best methods for each kind and level of noise, by mean PSNR."""
    groups = {
        "without clean images": ~frame["needs_clean"] & (frame["method"] != "noisy"),
        "trained on other, clean images": frame["training_seconds"] > 0,
        "of other packages": ~frame["package"].isin(["sk_denoise"]) & frame["package"].notna(),
    }
    lines = []
    for (noise, level), some in frame.groupby(["noise", "level"], sort=False):
        line = [noise, f"{level:g}"]
        for mask in groups.values():
            psnr = some[mask[some.index]].groupby("method")["psnr"].mean()
            line.append(f"{psnr.idxmax()}, {psnr.max():.2f}")
        lines.append(line)
    return table(["noise", "level", *groups], lines)


def make():
    """Write everything that docs/measured/images.rst includes."""
    OUT.mkdir(exist_ok=True)
    parts = {
        "costs": costs(),
        "colour": means(read("colour"), "sigma", ("psnr", "ssim", "cpu_seconds")),
        "large": large(),
    }
    frame = read("table")
    parts["goals"] = goals(frame)
    parts["gains"] = each(gains(frame, "white", "nl_ridge"))
    parts["gains-correlated"] = each(gains(frame, "correlated", "denoise(image)"))
    parts |= {f"hurry-{part}": text for part, text in hurry(frame).items()}
    for part, text in parts.items():
        (OUT / f"images-{part}.inc").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make()
