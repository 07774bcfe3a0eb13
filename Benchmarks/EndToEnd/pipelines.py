"""Runs Freshet on a private directory and reads its report."""

import itertools
import json
import os
import shutil
import tempfile

from measure import cost_of


runs = itertools.count(1)


class Run:
    """One run of Freshet from an empty state: its cost, its report, and its directory until `remove`."""

    def __init__(self, freshet, source, sink, until="now"):
        self.directory = tempfile.mkdtemp(prefix="freshet-benchmark-run-")
        pipeline = {
            "pipeline": "bench", "source": source, "sinks": [sink], "state": f"{self.directory}/state"}
        self.file = f"{self.directory}/pipeline.yaml"
        with open(self.file, "w") as file:
            json.dump(pipeline, file)  # JSON is YAML
        self.report_file = f"{self.directory}/report.json"
        self.command = [freshet, "run", self.file, "--report", self.report_file]
        if until:
            self.command += ["--until", until]

    def finish(self):
        self.cost = cost_of(self.command)
        self.report = json.load(open(self.report_file))
        for sink in self.report["sinks"].values():
            if sink["accounting"]["unaccounted"] != 0:
                raise SystemExit(f"unaccounted changes: {self.report}")
        return self

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def stream_of(server, table):
    """The whole log of one table, from its first byte."""
    return {"type": "mariadb", "url": server.url(), "tables": [table], "snapshot": {"mode": "never"}, "start": "earliest"}


def snapshot_of(server, table):
    return {"type": "mariadb", "url": server.url(), "tables": [table], "snapshot": {"mode": "only"}}


def transforms_of(table):
    """A quarter of the rows left out, a column computed, a column hidden."""
    return [
        {"filter": {"table": table, "where": "status <> 'draft'"}},
        {"compute": {"table": table, "columns": {"gross": "amount * 1.19"}}},
        {"mask": {"table": table, "columns": {"n": "hash"}, "secret": "benchmark-benchmark"}}]


def blackhole():
    return {"type": "blackhole", "name": "out"}


def files(directory):
    return {"type": "files", "name": "out", "path": f"{directory}/archive", "format": "debezium-json"}


def sqlite(directory):
    return {"type": "sqlite", "name": "out", "path": f"{directory}/out.db"}


def mariadb(server, workers=1):
    sink = {"type": "mariadb", "name": "out", "url": server.url()}
    return sink if workers == 1 else {**sink, "apply": {"workers": workers}}


def kafka(brokers):
    """Each run has a checkpoint of its own, so that it begins at the log's first byte."""
    return {"type": "kafka", "name": "out", "brokers": brokers.split(","), "topic": "rows", "format": "debezium-json",
            "topics": {"create": "broker"}, "checkpoint_topic": f"checkpoint-{next(runs)}"}


def size_of(directory):
    return sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(directory) for name in names)
