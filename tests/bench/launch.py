"""A small process that runs a command and tells what it took, as one JSON line.

Small, because Linux counts the memory of the process that forked as the command's own: measured
from a process that has generated data, everything would look large.

Usage: python -I -S launch.py DESCRIPTOR COMMAND [WORD ...]      the line goes to the descriptor
"""

import json
import os
import sys
import time


def main() -> None:
    """Wait for the command and its children; times in seconds, memory in KB."""
    told, words = int(sys.argv[1]), sys.argv[2:]
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            os.close(told)
            os.execvp(words[0], words)
        finally:
            os._exit(127)
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
