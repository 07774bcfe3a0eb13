"""Lag of a paced workload, measured outside: from the acknowledged commit to the row being readable at the target."""

import glob
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

from measure import percentile
from pipelines import Run, files, mariadb, sqlite
from servers import Server


class Writer(threading.Thread):
    """Commits `rows_per_second` rows for `seconds`, `rows_per_transaction` at once, and notes when each commit returned."""

    def __init__(self, server, rows_per_second, seconds, rows_per_transaction):
        super().__init__()
        self.connection = server.connect("bench")
        self.rows_per_transaction = rows_per_transaction
        self.interval = rows_per_transaction / rows_per_second
        self.count = int(rows_per_second * seconds / rows_per_transaction)
        self.committed = []  # (last id of the transaction, time)

    def run(self):
        next_id, due = 0, time.monotonic()
        with self.connection.cursor() as cursor:
            for _ in range(self.count):
                values = ",".join(f"({next_id + k},'payload of row {next_id + k}')" for k in range(1, self.rows_per_transaction + 1))
                next_id += self.rows_per_transaction
                cursor.execute(f"INSERT INTO paced VALUES {values}")
                self.committed.append((next_id, time.monotonic()))
                due += self.interval
                pause = due - time.monotonic()
                if pause > 0:
                    time.sleep(pause)


def lags(writer, newest):
    """Polls `newest()`, the largest id that can be read at the target, until the writer's last row is there."""
    seen = []  # (id, time)
    deadline = time.monotonic() + 120
    writer.start()
    while not seen or writer.is_alive() or seen[-1][0] < writer.committed[-1][0]:
        value = newest()
        if value and (not seen or value > seen[-1][0]):
            seen.append((value, time.monotonic()))
        if time.monotonic() > deadline:
            raise SystemExit("the target did not catch up")
        time.sleep(0.0003)
    result, index = [], 0
    for last_id, committed in writer.committed:
        while seen[index][0] < last_id:
            index += 1
        result.append(max(0.0, seen[index][1] - committed) * 1000)
    return {"p50": percentile(result, 0.5), "p99": percentile(result, 0.99), "max": max(result)}


def prepare(server):
    server.run("CREATE DATABASE IF NOT EXISTS bench", "DROP TABLE IF EXISTS bench.paced",
               "CREATE TABLE bench.paced (id BIGINT NOT NULL PRIMARY KEY, body VARCHAR(100) NOT NULL)",
               "INSERT INTO bench.paced VALUES (0, 'there before anybody looks')")


def native_lag(server, rows_per_second, seconds, rows_per_transaction):
    """Native replication into a second server."""
    prepare(server)
    with Server(server_id=2, binlog=False) as replica:
        position = server.run("SELECT @@gtid_binlog_pos")[0][0]
        replica.run("CREATE DATABASE bench", "CREATE TABLE bench.paced (id BIGINT NOT NULL PRIMARY KEY, body VARCHAR(100) NOT NULL)",
                    f"SET GLOBAL gtid_slave_pos='{position}'",
                    f"CHANGE MASTER TO master_host='127.0.0.1', master_port={server.port}, master_user='root', master_use_gtid=slave_pos",
                    "START SLAVE")
        time.sleep(1)
        return lags(Writer(server, rows_per_second, seconds, rows_per_transaction), newest_in_mariadb(replica))


def freshet_lag(freshet, server, target, rows_per_second, seconds, rows_per_transaction):
    if target == "mariadb":
        with Server(server_id=2, binlog=False) as copy:
            return freshet_lag_into(mariadb(copy), lambda: newest_in_mariadb(copy), freshet, server, rows_per_second, seconds,
                                    rows_per_transaction)
    directory = tempfile.mkdtemp(prefix="freshet-benchmark-paced-")
    try:
        sink, newest = (sqlite, newest_in_sqlite) if target == "sqlite" else (files, newest_in_files)
        return freshet_lag_into(sink(directory), lambda: newest(directory), freshet, server, rows_per_second, seconds,
                                rows_per_transaction)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def freshet_lag_into(sink, watch, freshet, server, rows_per_second, seconds, rows_per_transaction):
    prepare(server)
    source = {"type": "mariadb", "url": server.url(), "tables": ["bench.paced"], "snapshot": {"mode": "initial"}}
    run = Run(freshet, source, sink, until=None)
    process = subprocess.Popen(run.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        time.sleep(1.5)
        newest = watch()
        return lags(Writer(server, rows_per_second, seconds, rows_per_transaction), newest)
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read().decode()
        if process.wait() != 0:
            raise SystemExit(errors)
        run.remove()


def newest_in_mariadb(server):
    cursor = server.connect("bench").cursor()

    def newest():
        cursor.execute("SELECT MAX(id) FROM paced")
        return cursor.fetchone()[0]

    return newest


def newest_in_sqlite(directory):
    path = f"{directory}/out.db"
    connection = None

    def newest():
        nonlocal connection
        if connection is None:
            if not os.path.exists(path):
                return None
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        try:
            return connection.execute("SELECT MAX(id) FROM paced").fetchone()[0]
        except sqlite3.OperationalError:
            return None  # the table is not there before the first row

    return newest


def newest_in_files(directory):
    """Rows are 1, 2, 3 …, so the count of durable rows is the newest id."""
    path, stamp, count = f"{directory}/archive/manifest.json", None, None

    def newest():
        nonlocal stamp, count
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return None
        if (status.st_ino, status.st_mtime_ns) != stamp:
            stamp = (status.st_ino, status.st_mtime_ns)
            manifest = json.load(open(path))
            count = sum(segment["changes"] for segment in manifest["segments"] if "paced" in segment.get("table", ""))
        return count

    return newest
