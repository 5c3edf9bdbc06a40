#!/usr/bin/env python3
"""How much longer a query takes where catalog and objects lie on servers, than in a data directory.

    bench/distance.py --catalog postgres://… --objects s3://… [--messages N] [--rounds N] [--runs N] [--everpost BIN] [--work DIR]

The database and the prefix must be empty; key and secret come from AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY. See bench/README.md. Python 3.9 and its standard library, Linux.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import ROOT, Failed, git, machine, measure, now, record, table, tree_bytes, version


class Archive:
    """An archive at one address or the other, asked by processes of its own."""

    def __init__(self, program, work, name, servers=()):
        self.data = work / name
        self.command = [str(program), "--data", str(self.data), *servers]
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("EVERPOST_")}

    def make(self, messages):
        return measure([*self.command, "import", "demo", "--messages", str(messages)], self.env)

    def ask(self, rounds, *options):
        command = [*self.command, *options, "bench", "search", "--json", "--rounds", str(rounds)]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(done.stderr[-2000:])
        *answers, summary = [json.loads(line) for line in done.stdout.splitlines()]
        return {
            "kinds": {f"{answer['kind']} {answer['order']}".removesuffix(" -"): answer for answer in answers},
            "opening_ms": answers[0]["first_ms"],
            "first_ms": sum(answer["first_ms"] for answer in answers),
            "p50": summary["warm_p50_ms"],
            "p99": summary["warm_p99_ms"],
        }


def middle(runs):
    """The run whose 99th percentile is the median of all."""
    return sorted(runs, key=lambda run: run["p99"])[len(runs) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--objects", required=True)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=100, help="how often each query is asked (100)")
    parser.add_argument("--runs", type=int, default=3, help="processes at each address, in turn (3)")
    parser.add_argument("--everpost", type=Path, help="the program; default: target/release/everpost")
    parser.add_argument("--work", type=Path, help="where to make the temporary folder")
    parser.add_argument("--no-history", action="store_true", help="add nothing to bench/history.ndjson")
    options = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    program = (options.everpost or target / "release/everpost").resolve()
    work = Path(tempfile.mkdtemp(prefix="everpost-distance-", dir=options.work))
    try:
        compare(options, program, work)
    except Failed as failure:
        sys.exit(str(failure))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def compare(options, program, work):
    near = Archive(program, work, "near")
    far = Archive(program, work, "far", ["--catalog", options.catalog, "--objects", options.objects])
    for archive in (near, far):
        archive.make(options.messages)
    uncached = work / "uncached.toml"
    uncached.write_text("[store]\ncache_bytes = 0\n")
    asked = {"servers, no disk cache": far.ask(options.rounds, "--config", str(uncached))}
    asked["servers, empty disk cache"] = far.ask(options.rounds)
    # In turn, so that whatever else the machine does meets both.
    turns = [(near.ask(options.rounds), far.ask(options.rounds)) for _ in range(options.runs)]
    asked["data directory"] = middle([turn[0] for turn in turns])
    asked["servers, next process"] = middle([turn[1] for turn in turns])
    cache = tree_bytes(far.data / "cache")
    rows = [["ms", "first query", "first of each kind", "warm p50", "warm p99"]]
    for name, found in asked.items():
        rows.append([name, *(f"{found[key]:.2f}" for key in ("opening_ms", "first_ms", "p50", "p99"))])
    table(rows)
    here, there = asked["data directory"], asked["servers, next process"]
    rows = [["warm, ms", "near p50", "far p50", "near p99", "far p99"]]
    for kind, one in here["kinds"].items():
        other = there["kinds"][kind]
        rows.append([kind, *(f"{found[key]:.2f}" for key in ("warm_p50_ms", "warm_p99_ms") for found in (one, other))])
    table(rows)
    ratio = {key: round(there[key] / here[key], 2) for key in ("p50", "p99", "first_ms")}
    print(f"{options.messages:,} messages: far by near, p50 {ratio['p50']}, p99 {ratio['p99']} (goal: 2); {cache:,} bytes in the disk cache")
    if not options.no_history:
        entry = {
            "date": now(),
            "bench": "distance",
            "commit": git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else ""),
            "machine": {**machine(), "load": [round(load, 2) for load in os.getloadavg()[:2]]},
            "versions": {"everpost": version([str(program), "--version"])},
            "messages": options.messages,
            "rounds": options.rounds,
            "runs": options.runs,
            "ms": {name: {key: round(value, 3) for key, value in found.items() if key != "kinds"} for name, found in asked.items()},
            "cache_bytes": cache,
            "ratios": ratio,
        }
        record(entry)


if __name__ == "__main__":
    main()
