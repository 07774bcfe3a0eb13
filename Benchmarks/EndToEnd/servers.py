"""Private MariaDB servers: in a temporary directory, on their own socket and port, gone at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
import time

import pymysql


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


BINLOG = ["--log-bin=binlog", "--binlog-format=ROW", "--binlog-row-metadata=FULL", "--max-binlog-size=1G", "--sync-binlog=0"]


class Server:
    """One mariadbd; both sides of every comparison use these settings. A target has no log of its own, as a replica."""

    def __init__(self, server_id=1, extra=(), binlog=True):
        self.directory = tempfile.mkdtemp(prefix="freshet-benchmark-")
        self.data = f"{self.directory}/data"
        self.socket = f"{self.directory}/s"
        self.port = free_port()
        user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db",
             "--auth-root-authentication-method=normal", *user],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}", f"--port={self.port}",
             f"--log-error={self.directory}/error.log", f"--tmpdir={self.directory}", "--bind-address=127.0.0.1",
             "--skip-name-resolve", f"--server-id={server_id}", *(BINLOG if binlog else ["--skip-log-bin"]),
             "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M",
             "--character-set-server=utf8mb4", "--binlog-annotate-row-events=0", *user, *extra],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                self.connect().close()
                return
            except pymysql.err.OperationalError:
                time.sleep(0.05)
        raise SystemExit(f"mariadbd does not answer, see {self.directory}/error.log")

    def connect(self, database=None):
        return pymysql.connect(unix_socket=self.socket, user="root", database=database, autocommit=True)

    def run(self, *statements, database=None):
        with self.connect(database) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    def url(self):
        """Through the socket, as the yardsticks connect."""
        return f"mariadb://root@localhost/?socket={self.socket}"

    def logs(self):
        """The binary log files, oldest first."""
        return [row[0] for row in self.run("SHOW BINARY LOGS")]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
