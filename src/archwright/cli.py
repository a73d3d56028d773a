"""The command line. Heavy imports happen inside the commands, so that `archwright --help` answers at once."""

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
"""A mistake in the options; typer has it from click, and newer versions under a name of their own."""

app = typer.Typer(
    name="archwright",
    help="Find a network architecture for your data, train it, and learn whether the search was worth it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
describe_app = typer.Typer(help="Describe one space or one strategy.", no_args_is_help=True)
app.add_typer(describe_app, name="describe")

SetOption = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="A setting; may be given several times.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TargetOption = Annotated[str, typer.Option("--target", metavar="COL[,COL]", help="Target columns of a CSV file.")]
TaskOption = Annotated[
    str | None, typer.Option(help="classification, multi_label, regression or language_modelling; inferred where not given.")
]
LevelOption = Annotated[
    str | None, typer.Option(help="character or word: what a text's tokens are. Default: characters of a .txt.")
]
WindowOption = Annotated[int | None, typer.Option(help="Tokens of a text that a network is trained on at a time.")]
LayoutOption = Annotated[str | None, typer.Option(help="flat, series or image: how to read arrays whose shape leaves it open.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
DevicesOption = Annotated[
    int, typer.Option(help="GPUs, or processes on the CPU, that train one network together: final trainings and supernets.")
]


def main() -> None:
    """Run the command line: 0 when done, 2 for a mistake in what was asked, 130 after Ctrl-C and 143 after SIGTERM."""
    try:
        with interruptible():
            sys.exit(app(standalone_mode=False))
    except Interrupted as interrupted:
        _end(str(interrupted), interrupted.exit_code)
    except InputError as error:
        _refuse(str(error))
    except UsageError as error:
        if "\n" in error.format_message():  # no command was given, and the message is the help
            error.show()
            sys.exit(2)
        _refuse(f"{error.format_message().rstrip('.')}: see {error.ctx.command_path if error.ctx else 'archwright'} --help")
    except OSError as error:
        if error.filename is None:
            raise
        _refuse(f"{error.filename}: {error.strerror}: see that it can be read and written, then give the same command again")


def _end(sentence: str, code: int) -> NoReturn:
    print(f"archwright: {sentence}", file=sys.stderr)
    sys.exit(code)


def _refuse(sentence: str) -> NoReturn:
    _end(sentence, 2)


@contextmanager
def resumable() -> Iterator[None]:
    """A signal ends what can be continued: say how."""
    try:
        yield
    except Interrupted as interrupted:
        _end(f"{interrupted}; the same command continues where it stopped", interrupted.exit_code)


@app.command("search")
def search_command(
    source: Annotated[str, typer.Argument(help="A data set by name, or a .npz, .csv, .txt, folder of IDX files or of images.")],
    space: Annotated[
        str | None, typer.Option(help="Search space: a name or module:Class. Default: chain, or recurrent for texts.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="Strategies, comma-separated: names or module:Class.")] = "regularized_evolution",
    baselines: Annotated[
        str | None,
        typer.Option(
            help="Methods to compare with; '' for none. Default: resnet-tiny,resnet18,random_forest, or for texts lstm,gru."
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Trainings a strategy may spend.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Wall-clock time of the whole run.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Most epochs of a training.")] = None,
    top_k: Annotated[int, typer.Option(help="Candidates a strategy that are retrained from scratch.")] = 1,
    seeds: Annotated[int, typer.Option(help="Final trainings of each network.")] = 3,
    seed: Annotated[int, typer.Option(help="The study's seed.")] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Trainings at the same time. Default: 1, or every core with --minutes.")
    ] = None,
    executor: Annotated[
        str, typer.Option(help="Where trainings run: processes, serial, ray (a cluster), mpi (under mpiexec), or a package's.")
    ] = "processes",
    address: Annotated[
        str | None, typer.Option(help="A running Ray cluster: auto or HOST:PORT. Default: RAY_ADDRESS, or one on this machine.")
    ] = None,
    cpus: Annotated[int | None, typer.Option(help="Cores a training has. Default: an equal share.")] = None,
    gpus: Annotated[float | None, typer.Option(help="Part of a GPU that a training has, such as 0.5.")] = None,
    device: DeviceOption = "auto",
    devices: DevicesOption = 1,
    objectives: Annotated[str, typer.Option(help="Comma-separated, such as accuracy,macs; the first decides.")] = "",
    task: TaskOption = None,
    target: TargetOption = "",
    layout: LayoutOption = None,
    level: LevelOption = None,
    window: WindowOption = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds a training may take.")] = None,
    memory: Annotated[float | None, typer.Option(help="MB a training may use.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="Ledger: postgresql://... or journal:PATH; default: study.db in the run.")
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Name by which machines without a shared folder share the run; needs postgresql storage.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: runs/SOURCE-SPACE-STRATEGY.")] = None,
    settings: SetOption = [],  # noqa: B006 (typer copies it)
    no_random: Annotated[bool, typer.Option("--no-random", help="Leave out random search at the same cost.")] = False,
) -> None:
    """Search, retrain the best, compare with baselines, and write the report. The same command continues a run."""
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
    """Write a run's report.html anew, and print its table."""
    from archwright.main_job import print_result, rewrite_report

    print_result(rewrite_report(run))


@app.command("dashboard")
def dashboard_command(
    run: Annotated[Path, typer.Argument(help="A run folder; the run may be under way.")],
    host: Annotated[str, typer.Option(help="Address to listen at. The default is for this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8080,
) -> None:
    """Show a run's trials, curves and architectures in Optuna's dashboard, until Ctrl-C."""
    from archwright.report.dashboard import dashboard_server

    with dashboard_server(run, host, port) as server:
        print(f"the dashboard of {run} is at http://{host}:{server.server_port}/ (Ctrl-C ends it)", flush=True)
        server.serve_forever()


@app.command("predict")
def predict_command(
    model: Annotated[Path, typer.Argument(help="The model folder of a run.")],
    source: Annotated[str, typer.Argument(help="Data of the shape the model was trained on; targets are not needed.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="predictions.csv or predictions.npz")],
    layout: LayoutOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Predict each row of SOURCE, in its order; of a text, how probable each token was after those before it."""
    from archwright.export.predictions import write_predictions
    from archwright.formatting import metric_name, metric_text

    written = write_predictions(model, source, output, layout=layout, device=device)
    told = f": {metric_name(written.metric)} {metric_text(written.metric, written.value)}" if written.metric else ""
    print(f"{written.count} predictions written to {output}{told}")


@app.command("train")
def train_command(
    source: Annotated[str, typer.Argument(help="As for search.")],
    architecture: Annotated[Path, typer.Option(help="architecture.json of a model, or a file that holds one.")],
    epochs: Annotated[int | None, typer.Option(help="Epochs of the training.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the training and of the split.")] = 0,
    device: DeviceOption = "auto",
    devices: DevicesOption = 1,
    task: TaskOption = None,
    target: TargetOption = "",
    layout: LayoutOption = None,
    level: LevelOption = None,
    window: WindowOption = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds the training may take.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the model. Default: runs/SOURCE-train.")] = None,
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
    benchmark: Annotated[str, typer.Argument(help="A table of the library by name (nasbench201), or a .csv of your own.")],
    dataset: Annotated[
        str | None, typer.Option(help="Whose columns: DATASET_valid, DATASET_test. Needed if there are several.")
    ] = None,
    space: Annotated[str | None, typer.Option(help="The space of your own table: a name or module:Class.")] = None,
    strategies: Annotated[
        str, typer.Option(help="Comma-separated names; 'all' leaves out slow ones, unless named as well.")
    ] = "all",
    queries: Annotated[int, typer.Option(help="Distinct networks that a search may ask for.")] = 300,
    repeats: Annotated[int, typer.Option(help="Searches of each strategy.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the first repeat; the next is one more.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes. Default: one a core.")] = None,
    in_flight: Annotated[int, typer.Option(help="Queries of a search that are always pending.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder. Default: runs/bench-BENCHMARK-DATASET.")] = None,
    settings: SetOption = [],  # noqa: B006 (typer copies it)
) -> None:
    """Compare strategies on a table of trained networks, in seconds. The same command continues, or prints the result again."""
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
    what: Annotated[str, typer.Argument(help="spaces, strategies, datasets or baselines")],
    as_json: JsonOption = False,
) -> None:
    """List what there is, by name."""
    from archwright.catalogue import catalogue

    rows = catalogue(what)
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        width = max(len(row["name"]) for row in rows)
        print("\n".join(f"{row['name']:<{width}}  {row['summary']}" for row in rows))


@describe_app.command("space")
def describe_space_command(name: str, settings: SetOption = [], as_json: JsonOption = False) -> None:  # noqa: B006
    """A space's settings, questions and size."""
    from archwright.catalogue import space_description

    _print_description(space_description(name, assignments(settings)), as_json)


@describe_app.command("strategy")
def describe_strategy_command(name: str, settings: SetOption = [], as_json: JsonOption = False) -> None:  # noqa: B006
    """A strategy's paper and settings."""
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
    """The parts of a comma-separated text."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def assignments(texts: list[str]) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping. Raises InputError for one without a key or an equals sign, or with a key given twice."""
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
