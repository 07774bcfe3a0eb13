#!/usr/bin/env python3
"""Freshet beside its yardsticks, end to end, on this machine, in one run.

    python3 Benchmarks/EndToEnd/run.py [--rows 1000000] [--transactions 500000] [--runs 3] [--only TEXT] [--json FILE]

Each figure is the median of the runs; yardstick and Freshet take turns. Every yardstick is measured here and now.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import latency
from broker import Broker, keyed_lines, producer_loop
from measure import cost_of, median
from pipelines import Run, blackhole, files, kafka, mariadb, snapshot_of, sqlite, stream_of, transforms_of
from replication import dump_and_load, empty, replicate, require_equal
from servers import Server
from workloads import make_a, make_b, make_huge

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(description="Freshet beside its yardsticks, end to end")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of workload A")
    parser.add_argument("--transactions", type=int, default=500_000, help="transactions of workload B")
    parser.add_argument("--huge", type=int, default=2 << 30, help="bytes of the one huge transaction")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="length of each paced run")
    parser.add_argument("--only", default="", help="only the paths whose name contains this")
    parser.add_argument("--json", help="write the figures to this file, too")
    parser.add_argument("--freshet", default=f"{ROOT}/.build/release/freshet")
    parser.add_argument("--kafka-mock", default=f"{ROOT}/.build/release/kafka-mock")
    return parser.parse_args()


class Table:
    """Prints each line as soon as it is measured."""

    def __init__(self):
        self.lines = []
        print("| path | yardstick | Freshet | ratio | reach | CPU s (yardstick) | peak MiB |", flush=True)
        print("|---|---:|---:|---:|---:|---:|---:|", flush=True)

    def add(self, path, rows, yardstick, freshet, reach):
        theirs, ours = rows / yardstick.seconds, rows / freshet.seconds
        self.show(path, f"{theirs:,.0f} rows/s", f"{ours:,.0f} rows/s", f"{ours / theirs:.2f}", reach,
                  f"{freshet.cpu:.2f} ({yardstick.cpu:.2f})", f"{freshet.memory / 2**20:.0f}",
                  figures={"yardstick": theirs, "freshet": ours})

    def show(self, path, *cells, figures):
        self.lines.append({"path": path, **figures})
        print("| " + " | ".join([path, *cells]) + " |", flush=True)


def in_turns(runs, yardstick, freshet):
    """Both once to warm up, then in turns: medians."""
    yardstick(), freshet()
    pairs = [(yardstick(), freshet()) for _ in range(runs)]
    return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])


def freshet_cost(options, source, sink_of, rows, until="now", transforms=None):
    run = Run(options.freshet, source, None, until)
    sink = sink_of(run.directory)
    pipeline = json.load(open(run.file))
    pipeline["sinks"] = [sink]
    if transforms:
        pipeline["transforms"] = transforms
    json.dump(pipeline, open(run.file, "w"))
    run.finish()
    delivered = run.report["sinks"]["out"]["rows"]
    if rows is not None and delivered < rows:
        raise SystemExit(f"only {delivered} of {rows} rows arrived")
    run.remove()
    return run.cost


def remote_raw(server):
    """Every packet of the log over the network, written to /dev/null."""
    directory = tempfile.mkdtemp(prefix="freshet-benchmark-raw-")
    logs = server.logs()
    for log in logs:
        os.symlink("/dev/null", f"{directory}/{log}")
    return cost_of(["mariadb-binlog", "--no-defaults", "--raw", "--read-from-remote-server", f"--result-file={directory}/",
                    f"--socket={server.socket}", "--user=root", *logs])


def decoded_rows(server):
    return cost_of(["mariadb-binlog", "--no-defaults", "-v", "--base64-output=decode-rows",
                    *[f"{server.data}/{log}" for log in server.logs()]])


def dump(server, table):
    with tempfile.NamedTemporaryFile(prefix="freshet-benchmark-dump-") as file:
        return cost_of(["mariadb-dump", "--no-defaults", "--single-transaction", f"--socket={server.socket}", "--user=root",
                        *table.split(".")], stdout=file)


def sqlite_loop(baseline, rows):
    with tempfile.TemporaryDirectory(prefix="freshet-benchmark-sqlite-") as directory:
        return cost_of([baseline, f"{directory}/out.db", str(rows), "50000"])


def wanted(options, path):
    return options.only in path


def stream_paths(options, table, server, name, rows, reach_raw, reach_decoded):
    source = stream_of(server, f"bench.{name.lower()}")
    if wanted(options, f"{name} blackhole"):
        costs = in_turns(options.runs, lambda: remote_raw(server),
                         lambda: freshet_cost(options, source, lambda _: blackhole(), rows))
        table.add(f"{name} → blackhole, beside mariadb-binlog --raw", rows, *costs, reach_raw)
    if wanted(options, f"{name} files"):
        costs = in_turns(options.runs, lambda: decoded_rows(server),
                         lambda: freshet_cost(options, source, files, rows))
        table.add(f"{name} → files (debezium-json), beside mariadb-binlog -v", rows, *costs, reach_decoded)


def transform_paths(options, table, server, name, rows):
    """Through filter, compute and mask, beside the same run without."""
    path = f"bench.{name.lower()}"
    source = stream_of(server, path)
    for target, sink in (("blackhole", lambda _: blackhole()), ("files", files)):
        if wanted(options, f"{name} transforms {target}"):
            costs = in_turns(options.runs, lambda: freshet_cost(options, source, sink, rows),
                             lambda: freshet_cost(options, source, sink, rows, transforms=transforms_of(path)))
            table.add(f"{name} → filter, compute, mask → {target}, beside the same without", rows, *costs, "0.8")


def sqlite_path(options, table, server, name, rows, baseline, reach):
    if not wanted(options, f"{name} sqlite"):
        return
    costs = in_turns(options.runs, lambda: sqlite_loop(baseline, rows),
                     lambda: freshet_cost(options, stream_of(server, f"bench.{name.lower()}"), sqlite, None))
    table.add(f"{name} → SQLite, beside a bare insert loop", rows, *costs, reach)


def replicated(options, source, target, table, workers, of=stream_of, rows=None):
    """Freshet into an empty target, which must equal the source in the end."""
    empty(target)
    cost = freshet_cost(options, of(source, table), lambda _: mariadb(target, workers), rows)
    require_equal(source, target, table)
    return cost


def in_turns_with(runs, *contenders):
    """All once to warm up, then in turns: the median of each."""
    for contender in contenders:
        contender()
    rounds = [[contender() for contender in contenders] for _ in range(runs)]
    return [median(list(costs)) for costs in zip(*rounds)]


def bulk_loop(loop, target, rows):
    """What one connection takes at most when nothing is read and nothing reduced."""
    empty(target)
    return cost_of([loop, target.socket, str(rows), "2000", "24000"])


def bench_mariadb(options, table, source, name, rows, loop=None):
    """One applier, parallel appliers, Freshet's one atomic writer, and its two workers, all into one server."""
    if not wanted(options, f"{name} mariadb"):
        return
    with Server(server_id=2, binlog=False) as target:
        path = f"bench.{name.lower()}"
        native, parallel, single, double, *bare = in_turns_with(
            options.runs, lambda: replicate(source, target, 0), lambda: replicate(source, target, 4),
            lambda: replicated(options, source, target, path, 1), lambda: replicated(options, source, target, path, 2),
            *([lambda: bulk_loop(loop, target, rows)] if loop else []))
        faster = min(native, parallel, key=lambda cost: cost.seconds)
        if name == "A":
            table.add("A → MariaDB, one atomic writer, beside one native applier", rows, native, single, "0.85")
            table.add("A → MariaDB, one atomic writer, beside a bare bulk loop", rows, bare[0], single, "–")
        else:
            table.add("B → MariaDB, one atomic writer, beside the faster native", rows, faster, single, "2.5")
        table.add(f"{name} → MariaDB, 2 workers, beside the faster native", rows, faster, double, "1.0" if name == "A" else "–")
        print(f"<!-- {name}: native 1 applier {rows / native.seconds:,.0f} rows/s, 4 threads {rows / parallel.seconds:,.0f} -->")


def bench_snapshot_mariadb(options, table, source):
    if not wanted(options, "snapshot mariadb"):
        return
    with Server(server_id=2, binlog=False) as target:
        costs = in_turns(options.runs, lambda: dump_and_load(source, target, "bench.a"),
                         lambda: replicated(options, source, target, "bench.a", 1, of=snapshot_of, rows=options.rows))
        table.add("snapshot → MariaDB, beside mariadb-dump | mariadb", options.rows, *costs, "2.0")


def bench_kafka(options, table, source, loop):
    if not wanted(options, "A kafka"):
        return
    with tempfile.TemporaryDirectory(prefix="freshet-benchmark-kafka-") as directory, Broker(options.kafka_mock) as broker:
        run = Run(options.freshet, stream_of(source, "bench.a"), files(directory)).finish()
        keyed_lines(f"{directory}/archive", f"{directory}/lines")
        run.remove()
        costs = in_turns(options.runs, lambda: producer_loop(loop, broker.servers, f"{directory}/lines", options.rows),
                         lambda: freshet_cost(options, stream_of(source, "bench.a"), lambda _: kafka(broker.servers), options.rows))
        table.add("A → Kafka (debezium-json, transactional), beside a bare producer loop", options.rows, *costs, "0.8")


def bench_a(options, table, baseline, loop, bulk):
    with Server() as server:
        make_a(server, options.rows)
        stream_paths(options, table, server, "A", options.rows, "0.6", "0.65")
        transform_paths(options, table, server, "A", options.rows)
        sqlite_path(options, table, server, "A", options.rows, baseline, "0.8")
        if wanted(options, "snapshot files"):
            costs = in_turns(options.runs, lambda: dump(server, "bench.a"),
                             lambda: freshet_cost(options, snapshot_of(server, "bench.a"), files, options.rows))
            table.add("snapshot → files (debezium-json), beside mariadb-dump", options.rows, *costs, "1.0")
        bench_mariadb(options, table, server, "A", options.rows, bulk)
        bench_snapshot_mariadb(options, table, server)
        bench_kafka(options, table, server, loop)


def bench_b(options, table, baseline):
    rows = options.transactions * 4
    with Server() as server:
        make_b(server, options.transactions)
        stream_paths(options, table, server, "B", rows, "1.5", "6")
        transform_paths(options, table, server, "B", rows)
        sqlite_path(options, table, server, "B", rows, baseline, "–")
        bench_mariadb(options, table, server, "B", rows)


def median_lag(lags):
    """The median of each figure of several runs."""
    return {name: statistics.median(lag[name] for lag in lags) for name in lags[0]}


def bench_paced(options, table):
    paths = [path for path in (("sqlite", "p99 ≤ 5 ms"), ("files", "p99 ≤ 20 ms"), ("mariadb", "p99 ≤ 1.5 ×")) if wanted(options, f"paced {path[0]}")]
    for rate, together in ((1000, 1), (5000, 5)):
        with Server() as server:
            rounds = [[latency.native_lag(server, rate, options.seconds, together)] + [
                latency.freshet_lag(options.freshet, server, target, rate, options.seconds, together) for target, _ in paths]
                for _ in range(options.runs)]
            native, *lags = [median_lag(lag) for lag in zip(*rounds)]
            for (target, reach), ours in zip(paths, lags):
                text = [f"p50 {lag['p50']:.1f} p99 {lag['p99']:.1f} max {lag['max']:.1f} ms" for lag in (native, ours)]
                table.show(f"paced {rate:,} rows/s → {target}, beside native replication", *text,
                           f"{ours['p99'] / native['p99']:.2f}", reach, "", "",
                           figures={"yardstick": native, "freshet": ours})


def bench_huge(options, table):
    if not any(wanted(options, f"huge {name}") for name in ("blackhole", "files", "sqlite", "mariadb")):
        return
    with Server(extra=["--max-allowed-packet=64M"]) as server, \
            Server(server_id=2, extra=["--max-allowed-packet=64M"], binlog=False) as target:
        make_huge(server, options.huge)
        targets = [("blackhole", lambda _: blackhole()), ("files", files), ("sqlite", sqlite), ("mariadb", lambda _: mariadb(target))]
        for name, sink in targets:
            if wanted(options, f"huge {name}"):
                cost = freshet_cost(options, stream_of(server, "bench.huge"), sink, None)
                table.show(f"one transaction of {options.huge / 2**30:.1f} GiB → {name}", "", f"{options.huge / cost.seconds / 1e6:.0f} MB/s",
                           "", "≤ 256 MiB", f"{cost.cpu:.2f}", f"{cost.memory / 2**20:.0f}",
                           figures={"seconds": cost.seconds, "memory": cost.memory})


def machine():
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) / 2**20
    version = subprocess.run(["mariadbd", "--version"], capture_output=True, text=True).stdout.split()[2]
    return f"{os.cpu_count()} cores {processor}, {memory:.0f} GiB, MariaDB {version}, {time.strftime('%Y-%m-%d')}"


def main():
    options = arguments()
    sys.stdout.reconfigure(encoding="utf-8")
    print(machine() + "\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="freshet-benchmark-tools-") as tools:
        here = os.path.dirname(os.path.abspath(__file__))
        baseline, loop, bulk = f"{tools}/sqlite_baseline", f"{tools}/producer_loop", f"{tools}/bulk_loop"
        subprocess.run(["cc", "-O2", "-o", baseline, f"{here}/sqlite_baseline.c", "-lsqlite3"], check=True)
        subprocess.run(["cc", "-O2", "-o", loop, f"{here}/producer_loop.c", "-lrdkafka"], check=True)
        flags = subprocess.run(["mariadb_config", "--cflags", "--libs"], check=True, capture_output=True, text=True).stdout.split()
        subprocess.run(["cc", "-O2", "-o", bulk, f"{here}/bulk_loop.c", *flags], check=True)
        table = Table()
        if any(wanted(options, path) for path in ("A blackhole", "A files", "A transforms blackhole", "A transforms files", "A sqlite", "snapshot files", "A mariadb", "snapshot mariadb", "A kafka")):
            bench_a(options, table, baseline, loop, bulk)
        if any(wanted(options, path) for path in ("B blackhole", "B files", "B transforms blackhole", "B transforms files", "B sqlite", "B mariadb")):
            bench_b(options, table, baseline)
        if any(wanted(options, path) for path in ("paced sqlite", "paced files", "paced mariadb")):
            bench_paced(options, table)
        bench_huge(options, table)
    if options.json:
        json.dump({"machine": machine(), "paths": table.lines}, open(options.json, "w"), indent=2)


if __name__ == "__main__":
    main()
