"""What a whole command takes."""
import os
import resource
import subprocess
import threading
import time


def whole(command, limit=900, **options):
    """Seconds of a command, and of processor time that it and all its children took.

    It is waited for without a time limit of subprocess's, which looks at the process only every 50 ms; after `limit`
    seconds it is killed.
    """
    before, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    watch = threading.Timer(limit, process.kill)
    watch.daemon = True
    watch.start()
    process.returncode = os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])
    clock = time.perf_counter() - before
    watch.cancel()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
