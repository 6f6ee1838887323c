"""Make the tables and sentences of the page on growth from the CSV files written by benchmarks/scale.py."""

import numpy as np
import pandas as pd
from results_page import OUT, ROOT, table

RESULTS = ROOT / "benchmarks" / "results" / "scale"
TERABYTE = 250_000  # megapixels of float32
MACHINES = 10
LINE = 1250  # MB/s, of a network of 10 gigabits per second
REMEDIES = {
    "scheduler": "use larger chunks",
    "storage": "spread the files over more than one server",
}


def read(part, denoiser=None):
    """Read the table of a part of the benchmark, or its rows for one denoiser."""
    frame = pd.read_csv(RESULTS / f"{part}.csv")
    return frame if denoiser is None else frame[frame["denoiser"] == denoiser]


def pixels():
    """Time and memory for one image in memory, by its size."""
    lines = []
    for row in read("pixels").itertuples():
        megapixels = row.side**2 / 1e6
        speed = f"{megapixels / row.seconds:.3g}"
        lines.append([row.denoiser, f"{row.side}²", f"{row.seconds:.3g}", speed, f"{row.megabytes:.0f}"])
    return table(["", "image", "s", "MP/s", "MB added"], lines)


def exponents():
    """Exponents of the growth of time and memory with the number of pixels."""
    sentences = []
    for name, rows in read("pixels").groupby("denoiser", sort=False):
        last = rows.tail(3)  # for smaller images, the constant cost of a call counts
        time, memory = (power(last["side"] ** 2, last[column]) for column in ("seconds", "megabytes"))
        sides = f"{last['side'].min()}² to {last['side'].max()}²"
        sentences.append(f"- {name}, from {sides} pixels: exponent {time:.2f} of time, {memory:.2f} of memory\n")
    return "".join(sentences)


def power(x, y):
    """Exponent of the growth of `y` with `x`."""
    return np.polyfit(np.log(x), np.log(y), 1)[0]


def margins():
    """Pixels that are denoised for one of the result."""
    lines = []
    for row in read("margins").itertuples():
        chunk = f"chunks of {row.chunk}²" if row.chunk else "in memory"
        lines.append([row.denoiser, f"{row.side}²", chunk, f"{row.denoised:.2f}"])
    return table(["", "plane", "where", "pixels denoised for each pixel"], lines)


def overhead():
    """What each chunk costs: seconds, CPU seconds of the client and the scheduler, and their memory in MB."""
    rows = read("chunks", "gaussian")  # whose own time hardly depends on the chunks
    return np.polyfit(rows["chunks"], rows[["seconds", "cpu_seconds", "megabytes"]], 1)[0]


def each_chunk():
    """Return the sentence on the cost of a chunk."""
    seconds, cpu, megabytes = overhead()
    return (
        f"By a straight line through these figures, each chunk costs **{1000 * seconds:.0f} ms**. The client and the"
        f" scheduler need {1000 * cpu:.1f} ms of CPU time and {1000 * megabytes:.0f} kB for it.\n"
    )


def fast_chunks():
    """Time of a fast filter by the number of chunks."""
    lines = [
        [f"{row.chunk}²", f"{row.chunks}", f"{row.seconds:.2f}", f"{row.cpu_seconds:.2f}", f"{row.megabytes:.0f}"]
        for row in read("chunks", "gaussian").itertuples()
    ]
    return table(["chunks of", "chunks", "s", "CPU s of client and scheduler", "MB added there"], lines)


def unet_chunks():
    """Time of the U-Net by chunk, split into what margins and chunks cost, and the rest."""
    rows = read("chunks", "U-Net").merge(read("margins", "U-Net"), on=["denoiser", "side", "chunk"])
    lines = []
    for row in rows.itertuples():
        chunks = row.chunks * overhead()[0]
        repeated = (row.seconds - chunks) * (1 - rows["denoised"].min() / row.denoised)
        cells = [row.seconds, chunks, repeated, row.seconds - chunks - repeated]
        line = [f"{row.chunk}²", f"{row.chunks}", *(f"{cell:.2f}" for cell in cells), f"{row.worker_megabytes:.0f}"]
        lines.append(line)
    head = ["chunks of", "chunks", "s", "for chunks", "for wider margins", "the rest", "MB of the worker"]
    return table(head, lines)


def workers():
    """Time, speed-up and memory by the number of workers."""
    lines = []
    for name, rows in read("workers").groupby("denoiser", sort=False):
        alone = rows["seconds"].iloc[0]
        for row in rows.itertuples():
            cells = [f"{row.seconds:.2f}", f"{speed(row):.3g}", f"{alone / row.seconds:.2f}"]
            lines.append([name, f"{row.workers}", *cells, f"{row.worker_megabytes:.0f}"])
    return table(["", "workers", "s", "MP/s", "speed-up", "MB of a worker"], lines)


def speed(row):
    """Megapixels per second."""
    return row.images * row.side**2 / 1e6 / row.seconds


def on_one_machine(denoiser):
    """The row of `workers` for a worker on each core."""
    rows = read("workers", denoiser)
    return rows[rows["workers"] <= rows["cores"]].iloc[-1]


def terabyte():
    """Return the paragraph on a terabyte: what it takes on one machine and on ten, and what gives way first."""
    machine = on_one_machine("U-Net")
    n_chunks = TERABYTE / (machine.side**2 / 1e6)
    takes = {name: TERABYTE / speed(on_one_machine(name)) for name in ("nl_ridge", "U-Net")}
    memory = {name: f"{on_one_machine(name).worker_megabytes / 1000:.1f} GB" for name in takes}
    ridge, unet = takes.values()
    elapsed, serial, megabytes = overhead() * n_chunks
    sentences = [
        f"A terabyte of float32 is {TERABYTE:,} megapixels, or {n_chunks:,.0f} chunks of {machine.side}² pixels. On"
        f" this machine of {machine.cores} cores and {machine.machine_gigabytes:.0f} GB, with a worker on each core,"
        f" nl_ridge takes **{duration(ridge)}** if each chunk is an image, with {memory['nl_ridge']} for each worker,"
        f" and a U-Net takes **{duration(unet)}**, with {memory['U-Net']}.",
        f"Ten such machines, which were not measured, would take **{duration(ridge / MACHINES)}** and"
        f" **{duration(unet / MACHINES)}** if nothing gave way.",
        f"Chunks of larger planes take {duration(elapsed)} in all besides denoising, with one worker. More workers"
        f" share this time, except {duration(serial)} of the client and the scheduler.",
        f"The graph of all chunks in one call takes up to {megabytes / 1000:.1f} GB of the memory of the client; with"
        " less memory, pass the images in several calls.",
        first(ridge, unet, serial),
        large_planes(),
    ]
    return "\n".join(sentences) + "\n"


def first(ridge, unet, serial):
    """Return the sentences on what gives way first if machines are added."""
    rate = 2 * 4 * TERABYTE / unet  # MB/s of each machine: four bytes of each pixel are read, and four are written
    most = {"scheduler": unet / serial, "storage": LINE / rate}
    name = min(most, key=most.get)
    scheduler, storage = (f"{n:,.0f}" for n in most.values())
    return (
        f"With more machines, the **{name}** gives way first; {REMEDIES[name]}. For a U-Net, the faster of the two,"
        f" {scheduler} machines keep the scheduler busy all the time, and {storage} fill a line of 10 gigabits per"
        f" second to the storage, because each machine reads and writes {rate:.0f} MB/s. For nl_ridge,"
        f" {ridge / serial:,.0f} machines keep the scheduler busy."
    )


def large_planes():
    """Return the sentence on planes that nl_ridge denoises in tiles."""
    rows = read("margins", "nl_ridge").query("side > 4096 and chunk > 0")
    worst = rows.loc[rows["denoised"].idxmax()]
    time = worst["denoised"] * TERABYTE / speed(on_one_machine("nl_ridge"))
    return (
        "Planes of more than 16 million pixels take nl_ridge longer, because it denoises them in tiles with margins:"
        f" for a terabyte of planes of {worst['side']}² in chunks of {worst['chunk']}², one machine would take"
        f" {duration(time)}."
    )


def duration(seconds):
    """Return a duration in words, in a unit that fits."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1)):
        if seconds >= 2 * length or length == 1:
            return f"{seconds / length:.{0 if seconds >= 10 * length else 1}f} {unit}"


def make():
    """Write everything that docs/measured/scale.rst includes."""
    OUT.mkdir(exist_ok=True)
    for part in (pixels, exponents, margins, fast_chunks, each_chunk, unet_chunks, workers, terabyte):
        (OUT / f"scale-{part.__name__}.inc").write_text(part(), encoding="utf-8")


if __name__ == "__main__":
    make()
