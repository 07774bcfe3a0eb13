"""A broker for the Kafka paths: librdkafka's mock cluster, or a real one that FRESHET_TEST_KAFKA names.

The mock cluster keeps a few megabytes a partition in memory and writes nothing to disk: both sides of the comparison meet
the same broker, and neither rate says what a real one can do.
"""

import glob
import os
import re
import subprocess
import tempfile

from measure import Cost, cost_of


class Broker:
    def __init__(self, program):
        self.process = None
        self.servers = os.environ.get("FRESHET_TEST_KAFKA")
        if not self.servers:
            self.process = subprocess.Popen([program, "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.servers = self.process.stdout.readline().strip()
            self.topic("rows")

    def topic(self, name, partitions=4):
        self.process.stdin.write(f"topic {name} {partitions}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "ok":
            raise SystemExit("the mock cluster does not make a topic")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


def keyed_lines(archive, path):
    """The archive's records as `key TAB value`, as the Kafka sink sends them."""
    key = re.compile(rb'"after":\{"id":(\d+)')
    with open(path, "wb") as output:
        for segment in sorted(glob.glob(f"{archive}/**/*.jsonl", recursive=True)):
            with open(segment, "rb") as lines:
                for line in lines:
                    found = key.search(line)
                    if found:
                        output.write(b'{"id":' + found.group(1) + b"}\t" + line)


def producer_loop(program, servers, path, rows):
    """The loop's own seconds: from the first message to the last commit."""
    with tempfile.TemporaryFile() as output:
        cost = cost_of([program, servers, "rows", path], stdout=output)
        output.seek(0)
        messages, seconds = output.read().split()
    if int(messages) != rows:
        raise SystemExit(f"the producer loop sent {messages} of {rows} messages")
    return Cost(float(seconds), cost.cpu, cost.memory)
