"""A small process that runs a command and tells what it took, as one JSON line.

Small, because Linux counts the memory of the process that forked as the command's own: measured
from a process that has generated data, everything would look large.

Usage: python -I -S launch.py DESCRIPTOR LIMIT COMMAND [WORD ...]

The line goes to the descriptor. After LIMIT seconds (0: never) the command is killed.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Wait for the command and its children; times in seconds, memory in KB."""
    told, limit, words = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.close(told)
            os.execvp(words[0], words)
        finally:
            os._exit(127)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.alarm(limit)
    _, status, usage = os.wait4(child, 0)
    found = {
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    os.write(told, json.dumps(found).encode())


if __name__ == "__main__":
    main()
