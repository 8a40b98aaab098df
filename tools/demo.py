"""The demo's play: starts a real nevusd and drives it with the real CLI.

Called by tools/demo, which has built both; see its --help. Standard library
only. Progress and the commands go to stderr, the result to stdout.
"""

import argparse
import contextlib
import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SHOWN_UNSEEN = 3
START_TIMEOUT_S = 60
ID_COLUMNS = ("image_id", "image", "id", "isic_id", "file", "filename")


class DemoError(Exception):
    """What a person should read; the demo ends with it."""


@contextlib.contextmanager
def running_server(nevusd, directory):
    """Yields the address of a nevusd that is stopped at the end, whatever comes."""
    port_file = directory / "port"
    log_path = directory / "nevusd.log"
    with open(log_path, "wb") as log:
        server = subprocess.Popen(
            [nevusd, f"--data={directory / 'data'}", "--listen=127.0.0.1:0",
             f"--port_file={port_file}"],
            stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not port_file.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise DemoError("nevusd did not start:\n" + log_path.read_text())
            time.sleep(0.02)
        yield "127.0.0.1:" + port_file.read_text().strip()
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def end_children():
    """Ends the command that began as the signal came: its exception may hide a child
    that subprocess never returned, and what that writes would outlive the directory."""
    children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    for child in children.split():
        os.kill(int(child), signal.SIGTERM)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


class Cli:
    """The nevus command against one server; every call is shown."""

    def __init__(self, program, address):
        self.program = program
        self.address = address

    def __call__(self, *arguments):
        """Runs one command and returns its JSON; its progress passes through."""
        print("$ nevus " + " ".join(map(str, arguments)), file=sys.stderr, flush=True)
        result = subprocess.run(
            [self.program, *map(str, arguments), "--output=json",
             f"--server={self.address}"],
            stdout=subprocess.PIPE, text=True)
        if result.returncode != 0:
            raise DemoError(f"nevus {arguments[0]} ended with {result.returncode}")
        return json.loads(result.stdout)


def read_columns(labels):
    with open(labels, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise DemoError(f"{labels} has no rows; its first line names the columns")
    return rows


def choose_label(options, rows):
    """The label column and the class to find, asked for or recognised."""
    columns = list(rows[0])
    column = options.label_column or next(
        (name for name in ("melanoma", "label", "dx", "diagnosis") if name in columns), None)
    if column not in columns:
        raise DemoError(f"which column is the label? Give --label-column, one of: "
                        f"{', '.join(columns)}")
    if options.positive:
        return column, options.positive
    values = {row[column] for row in rows}
    if values <= {"0", "1", "0.0", "1.0"}:
        return column, column
    positive = next((name for name in ("melanoma", "mel") if name in values), None)
    if positive is None:
        raise DemoError(f"which class is to be found? Give --positive, one of: "
                        f"{', '.join(sorted(values)[:20])}")
    return column, positive


def choose_id(rows, others):
    """The column of the image's name, found as nevus dataset import does."""
    free = [column for column in rows[0] if column not in others]
    if not free:
        raise DemoError("no column is left for the image's name")
    return next((name for name in ID_COLUMNS if name in free), free[0])


def hold_back(images, rows, id_column, group_column, directory):
    """Links the images to learn from in `directory`/seen: all but three and whatever
    is of their groups. Returns the folder, its rows, and the three."""
    files = sorted(path for path in pathlib.Path(images).iterdir() if path.is_file())
    if len(files) < 20:
        raise DemoError(f"{images} holds {len(files)} files; the demo needs at least 20")

    def among(path, names):
        return path.name in names or path.stem in names

    names = {row[id_column] for row in rows}
    labelled = [path for path in files if among(path, names)]
    step = max(1, len(labelled) // SHOWN_UNSEEN)
    unseen = labelled[::step][:SHOWN_UNSEEN]
    held = {path.name if path.name in names else path.stem for path in unseen}
    if group_column:
        groups = {row[group_column] for row in rows if row[id_column] in held} - {""}
        held |= {row[id_column] for row in rows if row[group_column] in groups}
    seen = directory / "seen"
    seen.mkdir()
    for path in files:
        if not among(path, held):
            os.symlink(path.resolve(), seen / path.name)
    return seen, [row for row in rows if row[id_column] not in held], unseen


def prepare(options, cli, directory):
    """The images to learn from, their labels, and three that nobody has seen."""
    if not options.images:
        made = directory / "synthetic"
        cli("dataset", "generate", made, "--count", options.count, "--seed", options.seed)
        fresh = directory / "unseen"
        cli("dataset", "generate", fresh, "--count", SHOWN_UNSEEN,
            "--seed", options.seed + 1_000_000)
        return (made / "images", made / "labels.csv",
                sorted((fresh / "images").iterdir()))
    rows = read_columns(options.labels)
    group = options.group_column
    if group and group not in rows[0]:
        raise DemoError(f"{options.labels} has no column {group}; its columns are "
                        f"{', '.join(rows[0])}")
    label, _ = choose_label(options, rows)
    seen, left, unseen = hold_back(
        options.images, rows, choose_id(rows, {label, group}), group, directory)
    # The label file without the others: an image that is missing is an error.
    labels = directory / "labels.csv"
    with open(labels, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(left)
    return seen, labels, unseen


def play(options, cli, directory):
    images, labels, unseen = prepare(options, cli, directory)
    column, positive = choose_label(options, read_columns(labels))
    figures = {"synthetic": not options.images}

    begun = time.monotonic()
    group = ["--group-column", options.group_column] if options.group_column else []
    imported = cli("dataset", "import", "demo", "--images", images, "--labels", labels,
                   "--label-column", column, *group,
                   *(["--skip-bad"] if options.images else []))
    figures["import"] = imported
    figures["import_images_per_second"] = imported["taken"] / (time.monotonic() - begun)
    cli("dataset", "split", "demo", "--train", 0.6, "--validation", 0.2, "--test", 0.2,
        "--seed", options.seed)
    figures["dataset"] = cli("dataset", "seal", "demo")

    figures["backbone"] = cli("backbone", "import", "vgg16", "--arch", "vgg16",
                              "--weights", options.weights)
    begun = time.monotonic()
    figures["extraction"] = cli("extract", "demo@1", "--backbone", "vgg16", "--wait")
    figures["extract_images_per_second"] = (
        figures["extraction"]["progress"]["total"] / (time.monotonic() - begun))
    figures["training"] = cli("train", "demo@1", "--backbone", "vgg16", "--model", "melanoma",
                              "--positive", positive, "--seed", options.seed, "--wait")
    evaluation = cli("evaluate", "melanoma@1", "--dataset", "demo@1", "--split", "test",
                     "--final", "--report", options.report, "--wait")
    figures["evaluation"] = evaluation
    cli("model", "promote", "melanoma@1", "--alias", "production")
    figures["predictions"] = cli("classify", *unseen, "--model", "melanoma@production")
    figures["report"] = str(options.report)
    return figures


def share(at, name):
    return f"{at[name]:.2f} ({at[name + '_low']:.2f} to {at[name + '_high']:.2f})"


def show(figures):
    evaluation = figures["evaluation"]
    lines = [
        ("images", f"{figures['dataset']['examples']} in demo@1"
                   + (", SYNTHETIC" if figures["synthetic"] else "")),
        ("import", f"{figures['import_images_per_second']:.0f} images/s"),
        ("extraction, VGG16", f"{figures['extract_images_per_second']:.1f} images/s"),
        ("test images", f"{evaluation['positives']} positive, {evaluation['negatives']} others"),
        ("AUC (95 %)", f"{evaluation['auc']:.3f} ({evaluation['auc_low']:.3f} to "
                       f"{evaluation['auc_high']:.3f})"),
    ]
    for at in evaluation["points"]:
        name = at["point"]["name"]
        lines.append((f"sensitivity, {name}", share(at, "sensitivity")))
        lines.append((f"specificity, {name}", share(at, "specificity")))
    lines.append(("report", figures["report"]))
    width = max(len(name) for name, _ in lines)
    print()
    for name, value in lines:
        print(f"{name:<{width}}  {value}")
    print("\nThree images that nobody had seen:")
    for prediction in figures["predictions"]:
        file = pathlib.Path(prediction["file"]).name
        print(f"  {file:<28} {prediction['probability']:.3f}  {prediction['decision']}")
    if figures["synthetic"]:
        print("\nSYNTHETIC images, random weights: the way is real, the medicine is not.")
    print("Research use only; not a medical device.")


def main():
    parser = argparse.ArgumentParser()
    for name in ("nevusd", "nevus", "images", "labels", "label-column", "positive",
                 "group-column", "weights", "report", "output"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nevus-demo-"))
    # A signal ends the demo as an exception does: the server is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with running_server(options.nevusd, directory) as address:
            figures = play(options, Cli(options.nevus, address), directory)
        if options.output == "json":
            print(json.dumps(figures, indent=2))
        else:
            show(figures)
    except DemoError as error:
        print(f"tools/demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        end_children()
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
