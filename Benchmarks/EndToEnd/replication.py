"""Native replication, and dump and load: what Freshet's `mariadb` sink stands beside."""

import subprocess
import time

from measure import Cost


def empty(target):
    """The target as if nobody had ever written to it."""
    target.run("DROP DATABASE IF EXISTS bench", "DROP DATABASE IF EXISTS freshet")


def processor_seconds(server):
    """CPU seconds that the server has used so far."""
    fields = open(f"/proc/{server.process.pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def replicate(source, target, threads):
    """Fetches and applies the source's whole log; the seconds until the target has its last transaction."""
    empty(target)
    end = source.run("SELECT @@gtid_binlog_pos")[0][0]
    target.run("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL gtid_slave_pos=''", f"SET GLOBAL slave_parallel_threads={threads}",
               f"CHANGE MASTER TO master_host='127.0.0.1', master_port={source.port}, master_user='root', master_use_gtid=slave_pos")
    started, used = time.monotonic(), processor_seconds(target)
    target.run("START SLAVE")
    with target.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT MASTER_GTID_WAIT('{end}', 600)")
        if cursor.fetchone()[0] != 0:
            raise SystemExit("native replication did not reach the log's end")
    cost = Cost(time.monotonic() - started, processor_seconds(target) - used, 0)
    target.run("STOP SLAVE", "RESET SLAVE ALL")
    return cost


def dump_and_load(source, target, table):
    empty(target)
    database, name = table.split(".")
    target.run(f"CREATE DATABASE {database}")
    started = time.monotonic()
    subprocess.run(
        f"mariadb-dump --no-defaults --single-transaction --socket={source.socket} --user=root {database} {name}"
        f" | mariadb --no-defaults --socket={target.socket} --user=root {database}", shell=True, check=True)
    return Cost(time.monotonic() - started, 0, 0)


def require_equal(source, target, table):
    """The same rows at both, by the server's own checksum."""
    sums = [server.run(f"CHECKSUM TABLE {table}")[0][1] for server in (source, target)]
    if sums[0] is None or sums[0] != sums[1]:
        raise SystemExit(f"{table} differs: {sums}")
