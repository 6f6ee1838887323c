"""The subcommands ``noise``, ``apply``, ``fit`` and ``check``, from files to files."""

from __future__ import annotations

import errno
import os
import sys

from ..denoisers._filtering import METHODS
from ..networks.spec import ARCHITECTURES
from ._options import add, add_command, import_networks

_TABLE, _PAGE = "verdicts.csv", "verdicts.html"


def add_commands(commands):
    """Add the four subcommands."""
    for make in (_add_noise, _add_apply, _add_fit, _add_check):
        make(commands)


def _add_files(parser, what):
    parser.add_argument("files", nargs="+", metavar="FILES", help=f"{what}: files, folders, or quoted patterns")
    parser.add_argument("--recursive", action="store_true", help="search subfolders, too")


def _add_jobs(parser):
    add(parser, "--jobs", "number of processes, -1 for one per core", type=int, default=1)


def _add_output(parser, what):
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help=what)


def _add_sigma(parser):
    text = "standard deviation of white noise in grey values (default: estimated for each file)"
    parser.add_argument("--sigma", type=float, help=text)


def _add_noise(commands):
    parser = add_command(
        commands,
        "noise",
        "estimate the noise of images: kind, strength, and whether it is white",
        epilog="example: sk-denoise noise scans/*.tif --plot noise.png",
    )
    _add_files(parser, "noisy images")
    parser.add_argument("--csv", metavar="FILE", help="also write the table to this file")
    parser.add_argument("--plot", metavar="FILE", help="plot noise variance against brightness for the first file")
    _add_jobs(parser)
    parser.set_defaults(run=noise)


def _add_apply(commands):
    parser = add_command(
        commands,
        "apply",
        "denoise images, without training or with a model from 'fit', and check the results",
        epilog="examples:\n  sk-denoise apply scans -o denoised\n"
        "  sk-denoise apply scans/*.dcm -o denoised --model model.skops --jobs -1",
    )
    _add_files(parser, "noisy images")
    _add_output(parser, "folder for the results, a table and a page with a verdict on each image")
    how = parser.add_mutually_exclusive_group()
    names = ["auto", *METHODS]
    how.add_argument(
        "--filter", choices=names, default="auto", metavar="NAME", help=f"one of {' '.join(names)} (default: auto)"
    )
    how.add_argument("--model", metavar="FILE", help="model from 'fit', or a PatchDenoiser saved by sk_denoise.save")
    _add_sigma(parser)
    parser.add_argument("--force", action="store_true", help="replace results that exist, instead of keeping them")
    parser.add_argument("--no-check", action="store_true", help="do not check the results, which saves time")
    text = "only report what would be done, with time and size"
    parser.add_argument("--dry-run", action="store_true", help=text)
    _add_jobs(parser)
    parser.set_defaults(run=apply)


def _add_fit(commands):
    parser = add_command(
        commands,
        "fit",
        "train a network on noisy images alone, or on pairs of noisy and clean ones",
        epilog="example: sk-denoise fit scans/*.tif -o model.skops --minutes 10",
    )
    _add_files(parser, "noisy images")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file for the model, such as model.skops")
    parser.add_argument("--clean", nargs="+", metavar="FILE", help="clean images with the same names as the noisy ones")
    add(parser, "--architecture", "network architecture", choices=list(ARCHITECTURES), default="unet")
    add(parser, "--minutes", "time for the training", type=float, default=10.0)
    add(parser, "--seed", "random seed", type=int, default=0)
    parser.set_defaults(run=fit)


def _add_check(commands):
    parser = add_command(
        commands,
        "check",
        "check denoised images against the noisy ones, without clean ones",
        epilog="example: sk-denoise check scans -o denoised",
    )
    _add_files(parser, "noisy images, as passed to 'apply'")
    _add_output(parser, "folder of the denoised images; the table and page are also written there")
    names = [*METHODS, "network"]
    text = f"denoiser that was used, which determines the thresholds: {' '.join(names)} (default: any)"
    parser.add_argument("--denoiser", choices=names, metavar="NAME", help=text)
    _add_sigma(parser)
    _add_jobs(parser)
    parser.set_defaults(run=check)


def noise(arguments):
    """Print a table of the noise of each file."""
    from ..folders import estimate_files

    for path in filter(None, (arguments.csv, arguments.plot)):
        _check_result(path, arguments)
    report = estimate_files(arguments.files, **_common(arguments))
    _print_noise(report)
    if arguments.csv is not None:
        report.to_csv(arguments.csv)
        print("table:", arguments.csv)
    if arguments.plot is not None:
        _plot(report, arguments.plot)
    return _finish(report, arguments)


def _common(arguments):
    options = {"recursive": arguments.recursive, "n_jobs": arguments.jobs}
    return options | {"progress": sys.stderr.isatty()}


def _print_noise(report):
    frame = report.to_frame()
    columns = ["file", "noise", "level", "sigma", "white", "correlation_down", "correlation_across"]
    table = frame.reindex(columns=columns)[frame["error"] == ""]
    if len(table):
        print(table.to_string(index=False, float_format="{:.3g}".format, na_rep=""))
    files = {}
    for row in report.rows:
        for note in (*getattr(row.get("noise"), "notes", ()), *row["warnings"]):
            files.setdefault(note, []).append(row["file"])
    for note, names in files.items():
        print(f"note: {note} ({names[0] if len(names) == 1 else f'{len(names)} files'})")


def _plot(report, path):
    from matplotlib.figure import Figure

    from ..displays import NoiseDisplay

    row = next((row for row in report.rows if "noise" in row and len(row["noise"].brightness)), None)
    if row is None:
        raise ValueError("--plot requires a file whose noise can be measured, got none.")
    figure = Figure(figsize=(6, 4), layout="constrained")
    NoiseDisplay.from_estimate(row["noise"], ax=figure.subplots())
    figure.savefig(path, dpi=150)
    print(f"figure: {path} ({row['file']})")


def apply(arguments):
    """Denoise files, and write the table and the page."""
    from ..folders import denoise_files

    report = denoise_files(
        arguments.files,
        arguments.output,
        denoiser=arguments.filter if arguments.model is None else _load(arguments.model),
        noise="auto" if arguments.sigma is None else arguments.sigma,
        force=arguments.force,
        check=not arguments.no_check,
        dry_run=arguments.dry_run,
        **_common(arguments),
    )
    if arguments.dry_run:
        _print_plan(report, arguments.jobs)
    else:
        _write(report, arguments.output)
    return _finish(report, arguments)


def _load(path):
    import_networks()
    from ..files import load

    return load(path)


def _print_plan(report, n_jobs):
    for row in report.rows:
        if "error" not in row:
            print(f"{row['status']}: {row['path']} -> {row['output']}")
    todo = [row for row in report.rows if "time" in row]
    n_processes = n_jobs if n_jobs > 0 else os.cpu_count()
    minutes = sum(row["time"] for row in todo) / 60 / max(1, min(n_processes, len(todo)))
    size = sum(row["bytes"] for row in todo) / 1e6
    print(f"about {minutes:.1f} minutes, without checks, and {size:,.1f} MB, without compression")


def _write(report, folder):
    for name, write in ((_TABLE, report.to_csv), (_PAGE, report.to_html)):
        write(os.path.join(folder, name))
    print("table:", os.path.join(folder, _TABLE))
    print("page:", os.path.join(folder, _PAGE))


def fit(arguments):
    """Train a network, and save it."""
    _check_writable(arguments.output)
    _check_result(arguments.output, arguments)
    import_networks()
    from ..files import save
    from ..folders import fit_files

    denoiser = fit_files(
        arguments.files,
        clean=arguments.clean,
        architecture=arguments.architecture,
        minutes=arguments.minutes,
        recursive=arguments.recursive,
        random_state=arguments.seed,
        verbose=int(sys.stderr.isatty()),
    )
    save(denoiser, arguments.output)
    inner = denoiser.denoiser_
    pairs = denoiser.target_source_ == "X_clean"
    data = "pairs of noisy and clean images" if pairs else f"noisy images alone ({denoiser.target_source_})"
    print(f"trained on {data}, {inner.n_iter_} epochs")
    if inner.noise_ is not None:
        print(f"noise: {inner.noise_.kind}, level {inner.noise_.level:.3g} of {inner.noise_.data_range}")
    print("model:", arguments.output)


def _check_result(path, arguments):
    """Raise if a result would replace one of the images."""
    from ..folders._find import find_sources

    if os.path.exists(path):
        sources = find_sources(arguments.files, recursive=arguments.recursive)
        if any(os.path.samefile(path, source.path) for source in sources):
            raise ValueError(f"{path} is one of the images, which it would replace. Choose another name.")


def _check_writable(path):
    """Raise if no file can be written at `path`, before training rather than after it."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "No such folder", folder)
    if os.path.isdir(path) or not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "Cannot write", path)


def check(arguments):
    """Check denoised files, and write the table and the page."""
    from ..folders import check_files

    options = {"noise": "auto" if arguments.sigma is None else arguments.sigma, "denoiser": arguments.denoiser}
    report = check_files(arguments.files, arguments.output, **options, **_common(arguments))
    _write(report, arguments.output)
    return _finish(report, arguments)


def _finish(report, arguments):
    """Print the summary and errors; return the exit status."""
    print(report.summary())
    n_warned = sum(bool(row["warnings"]) for row in report.rows)
    if n_warned and arguments.command != "noise":
        print(f"warnings for {n_warned} files: see {_TABLE} or {_PAGE}")
    if any(row.get("status") == "kept" for row in report.rows):
        print("kept: results that existed; --force replaces them")
    for row in report.rows:
        if "error" in row:
            where = "" if row["path"] in row["error"] else f"{row['path']}: "
            print(f"sk-denoise: {where}{row['error']}", file=sys.stderr)
    return int(report.n_errors > 0)
