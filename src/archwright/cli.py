"""The command line. Heavy imports are inside the commands, so that `archwright --help` responds immediately."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from archwright.benchmark.request import BenchmarkRequest
from archwright.command_options import options_of
from archwright.errors import InputError
from archwright.ledger.interruption import Interrupted, interruptible
from archwright.settings import assignments
from archwright.study.request import Request

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
@options_of(Request)
def search_command(**options: Any) -> None:
    """Search, retrain the best, compare with baselines, and write a report. Run the same command again to resume."""
    from archwright.execute import rank_service

    with resumable(), rank_service(options["executor"]):
        request = Request(**options)
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
@options_of(Request, only=("layout", "device"))
def predict_command(
    model: Annotated[Path, typer.Argument(help="The model folder of a run.")],
    source: Annotated[str, typer.Argument(help="Data of the shape that the model was trained on; targets are optional.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: a .csv or a .npz.")],
    **options: Any,
) -> None:
    """Predict each row of SOURCE, in order; for a text, the probability of each token given the preceding ones."""
    from archwright.export.predictions import write_predictions
    from archwright.formatting import metric_name, metric_text, plural

    written = write_predictions(model, source, output, **options)
    metric = f": {metric_name(written.metric)} {metric_text(written.metric, written.value)}" if written.metric else ""
    print(f"{plural(written.count, 'prediction')} written to {output}{metric}")


@app.command("train")
@options_of(
    Request,
    only=(
        *("source", "epochs", "seed", "device", "devices", "task", "target", "layout", "level", "window", "timeout", "out"),
        "settings",
    ),
    source="The data, as for `archwright search`.",
    epochs="Number of epochs.",
    seed="Random seed of the split and the training.",
    timeout="Time limit, in seconds.",
    out="Output folder. Default: runs/SOURCE-train.",
)
def train_command(
    architecture: Annotated[Path, typer.Option(help="The architecture.json of a model, or any file in its format.")],
    **options: Any,
) -> None:
    """Train one architecture from scratch with the final protocol and save it as a model folder."""
    from archwright.formatting import metric_name, metric_text

    source = options.pop("source")
    out = options.pop("out") or Path("runs") / f"{Path(source).stem or source}-train"
    with resumable():
        from archwright.study.train_architecture import train_architecture  # torch

        trained = train_architecture(architecture, source, out=out, **options)
    metric = trained.problem.metric
    print(f"test {metric_name(metric)} {metric_text(metric, trained.test)} after {trained.outcome.epochs:g} epochs")
    print(f"model: {out / 'model'}")


@app.command("bench")
@options_of(BenchmarkRequest)
def bench_command(**options: Any) -> None:
    """Compare strategies on a table of trained networks, in seconds. Run it again to resume or to show the result."""
    request = BenchmarkRequest(**options)
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


if __name__ == "__main__":
    main()
