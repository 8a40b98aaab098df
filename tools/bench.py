"""Runs `nevus bench`, compares ratios with tests/bench/baselines.json, draws them.

Called by tools/bench, which builds first. Knows of a bench only what its
`--output json` says: ratios with their values and targets, and facts about the
machine. A ratio of another kind of machine is no yardstick, so baselines are kept
by processor.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / ".bazel/bin/tests/bench/nevus-bench"
BASELINES = ROOT / "tests/bench/baselines.json"
PLOT = ROOT / "docs/benchmarks.svg"
# Ranges that do not overlap have moved; under this share nobody would notice.
NOTICED = 0.03


def parse_arguments(benches):
    parser = argparse.ArgumentParser(
        prog="tools/bench",
        description="Builds and runs the benches and prints which ratios moved "
        "against tests/bench/baselines.json: their ranges do not overlap. "
        "Exits 1 if a bench fails or a target that was met is missed.",
        epilog="Example: tools/bench extract serve --keep",
    )
    parser.add_argument("bench", nargs="*", metavar="BENCH",
                        help=f"which, of {', '.join(benches)} (default: all)")
    parser.add_argument("--keep", action="store_true",
                        help="write what was measured to baselines.json and draw docs/benchmarks.svg")
    parser.add_argument("--peer", choices=["onnxruntime"],
                        help="extract measures it, too; npm fetches it the first time")
    parser.add_argument("--plot", action="store_true",
                        help="draw docs/benchmarks.svg from baselines.json; runs nothing")
    arguments = parser.parse_args()
    unknown = set(arguments.bench) - set(benches)
    if unknown:
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(benches)}")
    return arguments


def known_benches():
    """The benches that the program's help names, one a line."""
    if not PROGRAM.exists():
        return []
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    lines = text.split("Commands:", 1)[-1].split("\n\n", 1)[0].splitlines()
    return [line.split()[1] for line in lines if line.startswith("  bench ")]


def run(bench, peer):
    """One bench's JSON object; its progress goes to our standard error."""
    command = [PROGRAM, bench, "--output", "json"]
    if peer and bench == "extract":
        command += ["--peer", peer]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"tools/bench: nevus bench {bench} ended with {done.returncode}")
    return json.loads(done.stdout)


def machine_of(facts):
    return f"{facts['processor']}; {facts['instruction sets']}; {facts['threads']}"


def verdict(ratio, before):
    """What a person wants to know of a ratio: moved, new, or the same."""
    if before is None:
        return "new"
    apart = ratio["low"] > before["high"] or ratio["high"] < before["low"]
    change = ratio["median"] - before["median"]
    if not apart or abs(change) < NOTICED * before["median"]:
        return "as before"
    if before["median"] == 0:  # failures, or memory grown
        return f"MOVED from 0 to {ratio['median']:.3g}"
    return f"MOVED {change / before['median']:+.0%}"


def target_of(ratio):
    if "at_least" in ratio:
        return f"at least {ratio['at_least']:g}"
    if "at_most" in ratio:
        return f"at most {ratio['at_most']:g}"
    return ""


def compare(bench, measured, kept):
    """Prints a line a ratio; the names of targets newly missed."""
    lost = []
    for ratio in measured["ratios"]:
        before = kept.get(ratio["name"])
        missed = ratio.get("met") is False
        if missed and (before is None or before.get("met", True)):
            lost.append(f"{bench}: {ratio['name']}")
        print(f"{bench:10} {ratio['name']:55} {ratio['median']:7.3f} "
              f"({ratio['low']:.3f} to {ratio['high']:.3f})  "
              f"{verdict(ratio, before):12} {target_of(ratio)}{' MISSED' if missed else ''}")
    return lost


def entry(ratio, today):
    kept = {key: round(ratio[key], 4) for key in ("median", "low", "high")}
    kept.update({key: ratio[key] for key in ("at_least", "at_most", "met") if key in ratio})
    kept["date"] = today
    return kept


def plot(baselines):
    """Each ratio as a bar with its range and target, on a logarithmic scale."""
    left, width, row = 430, 420, 20
    low, high = 0.05, 20.0

    def x(value):
        import math
        share = math.log(min(max(value, low), high) / low) / math.log(high / low)
        return left + share * width

    parts, y = [], 16
    for machine, benches in baselines.items():
        parts.append(f'<text x="8" y="{y}" font-weight="bold">{machine.split(";")[0]}, '
                     f'{machine.split(";")[-1].strip()}</text>')
        y += row
        for bench, ratios in benches.items():
            for name, ratio in ratios.items():
                colour = "#b3261e" if ratio.get("met") is False else "#2e6f9e"
                label = f"{bench}: {name}".replace("&", "&amp;").replace("<", "&lt;")
                parts.append(f'<text x="8" y="{y}">{label}</text>')
                parts.append(f'<rect x="{left}" y="{y - 9}" width="{x(ratio["median"]) - left:.1f}" '
                             f'height="9" fill="{colour}"/>')
                parts.append(f'<path d="M{x(ratio["low"]):.1f} {y - 4.5}H{x(ratio["high"]):.1f}" '
                             'stroke="#000"/>')
                target = ratio.get("at_least", ratio.get("at_most"))
                if target:
                    parts.append(f'<path d="M{x(target):.1f} {y - 12}v14" stroke="#888" '
                                 'stroke-dasharray="2"/>')
                parts.append(f'<text x="{left + width + 8}" y="{y}">{ratio["median"]:.2f}</text>')
                y += row
        y += row // 2
    for value in (0.1, 0.5, 1, 2, 5, 10):
        parts.append(f'<text x="{x(value) - 6:.1f}" y="{y}">{value:g}</text>')
    PLOT.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" '
                    f'height="{y + 10}" font-family="sans-serif" font-size="11">\n'
                    '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def main():
    benches = known_benches()
    arguments = parse_arguments(benches)
    baselines = json.loads(BASELINES.read_text()) if BASELINES.exists() else {}
    if arguments.plot:
        plot(baselines)
        return
    today = datetime.date.today().isoformat()
    lost = []
    for bench in arguments.bench or benches:
        measured = run(bench, arguments.peer)
        kept = baselines.setdefault(machine_of(measured["facts"]), {}).setdefault(bench, {})
        lost += compare(bench, measured, kept)
        if arguments.keep:
            kept.clear()
            kept.update({ratio["name"]: entry(ratio, today) for ratio in measured["ratios"]})
            BASELINES.write_text(json.dumps(baselines, indent=1) + "\n")
            plot(baselines)
    if lost:
        print("targets missed: " + "; ".join(lost))
        sys.exit(1)


if __name__ == "__main__":
    main()
