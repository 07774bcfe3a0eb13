"""Runs commands and tells what they cost."""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Cost:
    seconds: float
    cpu: float
    memory: int  # bytes, the largest resident set


def cost_of(command, stdout=subprocess.DEVNULL, **options):
    """Runs a command to its end and returns what it cost; a failing command ends the benchmark."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, **options)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{errors.decode(errors='replace')[-4000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def median(costs):
    """The run with the median time; cpu and memory are medians and maximum of all runs."""
    return Cost(
        statistics.median(cost.seconds for cost in costs), statistics.median(cost.cpu for cost in costs),
        max(cost.memory for cost in costs))


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
