"""The command line. Heavy imports are inside the commands, so that `archwright --help` responds immediately."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from archwright.errors import InputError
from archwright.ledger.interruption import Interrupted, interruptible

UsageError: Any = typer.BadParameter.__base__
"""The base class of option errors: click's own, or a private copy in newer versions of typer."""

app = typer.Typer(
    name="archwright",
    help="Find a neural network architecture for your data, train it, and measure whether the search was worth it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
describe_app = typer.Typer(help="Describe a space or a strategy.", no_args_is_help=True)
app.add_typer(describe_app, name="describe")

SetOption = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TargetOption = Annotated[str, typer.Option("--target", metavar="COL[,COL]", help="Target column or columns of a CSV file.")]
TaskOption = Annotated[
    str | None, typer.Option(help="classification, multi_label, regression or language_modelling. Default: inferred from the data.")
]
LevelOption = Annotated[str | None, typer.Option(help="Tokens of a text: character or word. Default: character for a .txt file.")]
WindowOption = Annotated[int | None, typer.Option(help="Tokens per training sequence of a text.")]
LayoutOption = Annotated[str | None, typer.Option(help="How to interpret arrays of ambiguous shape: flat, series or image.")]
DeviceOption = Annotated[str, typer.Option(help="Device to run on: auto, cpu, cuda or cuda:N.")]
DevicesOption = Annotated[
    int, typer.Option(help="GPUs, or CPU processes, that train one network together (final trainings and supernets).")
]


def main() -> None:
    """Run the command line. Exit codes: 0 on success, 2 for a usage error, 130 after Ctrl-C and 143 after SIGTERM."""
    try:
        with interruptible():
            sys.exit(app(standalone_mode=False))
    except Interrupted as interrupted:
        _exit(str(interrupted), interrupted.exit_code)
    except InputError as error:
        _usage_error(str(error))
    except UsageError as error:
        if "\n" in error.format_message():  # no command was given: the message is the help text
            error.show()
            sys.exit(2)
        _usage_error(f"{error.format_message().rstrip('.')}: see {error.ctx.command_path if error.ctx else 'archwright'} --help")
    except OSError as error:
        if error.filename is None:
            raise
        _usage_error(f"{error.filename}: {error.strerror}: make it readable and writable, then run the same command again")


def _exit(message: str, code: int) -> NoReturn:
    print(f"archwright: {message}", file=sys.stderr)
    sys.exit(code)


def _usage_error(message: str) -> NoReturn:
    _exit(message, 2)


@contextmanager
def resumable() -> Iterator[None]:
    """On a signal, exit with a message that says how to resume."""
    try:
        yield
    except Interrupted as interrupted:
        _exit(f"{interrupted}; run the same command again to resume", interrupted.exit_code)


@app.command("search")
def search_command(
    source: Annotated[
        str, typer.Argument(help="A data set by name, a .npz, .csv or .txt file, or a folder of IDX files or images.")
    ],
    space: Annotated[
        str | None, typer.Option(help="Search space: a name or module:Class. Default: chain, or recurrent for text.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="Strategies, comma-separated: names or module:Class.")] = "regularized_evolution",
    baselines: Annotated[
        str | None,
        typer.Option(
            help="Baselines, comma-separated; '' for none. Default: resnet-tiny,resnet18,random_forest, or lstm,gru for text."
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Search budget per strategy, in full trainings.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Time budget for the whole run, in minutes of wall-clock time.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Maximum number of epochs per training.")] = None,
    top_k: Annotated[int, typer.Option(help="Number of best candidates per strategy to retrain from scratch.")] = 1,
    seeds: Annotated[int, typer.Option(help="Final trainings per network, each with its own seed.")] = 3,
    seed: Annotated[int, typer.Option(help="Random seed of the run.")] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Number of trainings to run in parallel. Default: 1, or one per core with --minutes.")
    ] = None,
    executor: Annotated[
        str, typer.Option(help="Where trainings run: processes, serial, ray (cluster), mpi (under mpiexec), or a plug-in.")
    ] = "processes",
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to join: auto or HOST:PORT. Default: RAY_ADDRESS, else a local cluster."),
    ] = None,
    cpus: Annotated[int | None, typer.Option(help="CPU cores per training. Default: an equal share for each worker.")] = None,
    gpus: Annotated[float | None, typer.Option(help="Fraction of a GPU per training, from 0 to 1.")] = None,
    device: DeviceOption = "auto",
    devices: DevicesOption = 1,
    objectives: Annotated[str, typer.Option(help="Objectives, comma-separated, such as accuracy,macs; the first is primary.")] = "",
    task: TaskOption = None,
    target: TargetOption = "",
    layout: LayoutOption = None,
    level: LevelOption = None,
    window: WindowOption = None,
    timeout: Annotated[float | None, typer.Option(help="Time limit per training, in seconds.")] = None,
    memory: Annotated[float | None, typer.Option(help="Memory limit per training, in MB.")] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="Ledger storage: postgresql://... or journal:PATH. Default: study.db in the run folder."),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Name of a run shared by machines without a common folder; requires PostgreSQL storage.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: runs/SOURCE-SPACE-STRATEGY.")] = None,
    settings: SetOption = [],  # noqa: B006 (typer copies it)
    no_random: Annotated[bool, typer.Option("--no-random", help="Skip random search at the same cost.")] = False,
) -> None:
    """Search, retrain the best, compare with baselines, and write a report. Run the same command again to resume."""
    from archwright.execute import rank_service
    from archwright.study.request import Request

    with resumable(), rank_service(executor):
        request = Request(
            source=source,
            space=space,
            strategies=listed(strategy),
            baselines=None if baselines is None else listed(baselines),
            trials=trials,
            minutes=minutes,
            epochs=epochs,
            top_k=top_k,
            seeds=seeds,
            seed=seed,
            workers=workers,
            executor=executor,
            address=address,
            cpus=cpus,
            gpus=gpus,
            device=device,
            devices=devices,
            objectives=listed(objectives),
            task=task,
            target=listed(target),
            layout=layout,
            level=level,
            window=window,
            timeout=timeout,
            memory=memory,
            storage=storage,
            study=study,
            out=out,
            settings=assignments(settings),
            random=not no_random,
        )
        from archwright.main_job import print_result, run  # torch: only for a request that makes sense

        result = run(request)
        if result is not None:
            print_result(result)


@app.command("report")
def report_command(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Regenerate a run's report.html and print its table."""
    from archwright.main_job import print_result, rewrite_report

    print_result(rewrite_report(run))


@app.command("dashboard")
def dashboard_command(
    run: Annotated[Path, typer.Argument(help="A run folder; the run may still be in progress.")],
    host: Annotated[str, typer.Option(help="Address to listen on; the default is reachable from this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8080,
) -> None:
    """Show a run's trials, curves and architectures in Optuna's dashboard; press Ctrl-C to stop."""
    from archwright.report.dashboard import dashboard_server

    with dashboard_server(run, host, port) as server:
        print(f"the dashboard of {run} is at http://{host}:{server.server_port}/ (press Ctrl-C to stop)", flush=True)
        server.serve_forever()


@app.command("predict")
def predict_command(
    model: Annotated[Path, typer.Argument(help="The model folder of a run.")],
    source: Annotated[str, typer.Argument(help="Data of the shape that the model was trained on; targets are optional.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: a .csv or a .npz.")],
    layout: LayoutOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Predict each row of SOURCE, in order; for a text, the probability of each token given the preceding ones."""
    from archwright.export.predictions import write_predictions
    from archwright.formatting import metric_name, metric_text, plural

    written = write_predictions(model, source, output, layout=layout, device=device)
    metric = f": {metric_name(written.metric)} {metric_text(written.metric, written.value)}" if written.metric else ""
    print(f"{plural(written.count, 'prediction')} written to {output}{metric}")


@app.command("train")
def train_command(
    source: Annotated[str, typer.Argument(help="The data, as for `archwright search`.")],
    architecture: Annotated[Path, typer.Option(help="The architecture.json of a model, or any file in its format.")],
    epochs: Annotated[int | None, typer.Option(help="Number of epochs.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the split and the training.")] = 0,
    device: DeviceOption = "auto",
    devices: DevicesOption = 1,
    task: TaskOption = None,
    target: TargetOption = "",
    layout: LayoutOption = None,
    level: LevelOption = None,
    window: WindowOption = None,
    timeout: Annotated[float | None, typer.Option(help="Time limit, in seconds.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder. Default: runs/SOURCE-train.")] = None,
    settings: SetOption = [],  # noqa: B006 (typer copies it)
) -> None:
    """Train one architecture from scratch with the final protocol and save it as a model folder."""
    from archwright.formatting import metric_name, metric_text
    from archwright.study.request import Request

    request = Request(
        source=source,
        epochs=epochs,
        seed=seed,
        device=device,
        devices=devices,
        task=task,
        target=listed(target),
        layout=layout,
        level=level,
        window=window,
        timeout=timeout,
        out=out if out is not None else Path("runs") / f"{Path(source).stem or source}-train",
        settings=assignments(settings),
    )
    with resumable():
        from archwright.study.train_architecture import train_architecture  # torch

        trained = train_architecture(request, architecture)
    metric = trained.problem.metric
    print(f"test {metric_name(metric)} {metric_text(metric, trained.outcome.test)} after {trained.outcome.epochs:g} epochs")
    print(f"model: {trained.folder / 'model'}")


@app.command("bench")
def bench_command(
    benchmark: Annotated[str, typer.Argument(help="A built-in benchmark table (nasbench201), or a .csv file of your own.")],
    dataset: Annotated[
        str | None,
        typer.Option(help="Data set in the table: columns DATASET_valid, DATASET_test. Required if there are several."),
    ] = None,
    space: Annotated[str | None, typer.Option(help="Search space of your own table: a name or module:Class.")] = None,
    strategies: Annotated[
        str, typer.Option(help="Strategies, comma-separated; 'all' omits slow ones unless they are named as well.")
    ] = "all",
    queries: Annotated[int, typer.Option(help="Query budget per search, in distinct networks.")] = 300,
    repeats: Annotated[int, typer.Option(help="Searches per strategy.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the first repeat; each further repeat adds one.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Number of worker processes. Default: one per core.")] = None,
    in_flight: Annotated[int, typer.Option(help="Queries pending at any time in each search.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Output folder. Default: runs/bench-BENCHMARK-DATASET.")] = None,
    settings: SetOption = [],  # noqa: B006 (typer copies it)
) -> None:
    """Compare strategies on a table of trained networks, in seconds. Run it again to resume or to show the result."""
    from archwright.benchmark.request import BenchmarkRequest

    request = BenchmarkRequest(
        benchmark=benchmark,
        dataset=dataset,
        space=space,
        strategies=listed(strategies),
        queries=queries,
        repeats=repeats,
        seed=seed,
        workers=workers,
        in_flight=in_flight,
        settings=assignments(settings),
        out=out,
    )
    with resumable():
        from archwright.benchmark.bench_job import bench, print_benchmark

        print_benchmark(bench(request))


@app.command("list")
def list_command(
    what: Annotated[str, typer.Argument(help="What to list: spaces, strategies, datasets or baselines.")],
    as_json: JsonOption = False,
) -> None:
    """List the available spaces, strategies, data sets or baselines."""
    from archwright.catalogue import catalogue

    rows = catalogue(what)
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        width = max(len(row["name"]) for row in rows)
        print("\n".join(f"{row['name']:<{width}}  {row['summary']}" for row in rows))


@describe_app.command("space")
def describe_space_command(name: str, settings: SetOption = [], as_json: JsonOption = False) -> None:  # noqa: B006
    """Show a space's settings, questions and size."""
    from archwright.catalogue import space_description

    _print_description(space_description(name, assignments(settings)), as_json)


@describe_app.command("strategy")
def describe_strategy_command(name: str, settings: SetOption = [], as_json: JsonOption = False) -> None:  # noqa: B006
    """Show a strategy's paper and settings."""
    from archwright.catalogue import strategy_description

    _print_description(strategy_description(name, assignments(settings)), as_json)


def _print_description(description: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(description, indent=2))
        return
    for key, value in description.items():
        if isinstance(value, list):
            print(f"{key}:")
            print("\n".join(f"  {item['name']}: {', '.join(map(str, item['options']))}" for item in value))
        elif isinstance(value, dict):
            print(f"{key}: {', '.join(f'{k}={v}' for k, v in value.items()) or 'none'}")
        else:
            print(f"{key}: {f'{value:,}' if isinstance(value, int) else value}")


def listed(text: str) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def assignments(texts: list[str]) -> dict[str, str]:
    """`KEY=VALUE` strings as a mapping. Raises InputError for a missing key or equals sign, or for a repeated key."""
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--set {text!r}: write it as KEY=VALUE, such as --set space.width=16")
        if key in pairs:
            raise InputError(f"--set {key} is given twice ({pairs[key]} and {value}): give it once")
        pairs[key] = value
    return pairs


if __name__ == "__main__":
    main()
