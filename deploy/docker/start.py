"""Starts the module of REPARTEE_MODULE as a container's first process, with the words behind the image's name."""

import os
import runpy
import signal

# The kernel keeps SIGTERM from a first process that has not asked for it: one that is told to leave while it still
# loads would stay until its grace is over, and so would a migration. Services ask for it once they serve.
signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
runpy.run_module(os.environ["REPARTEE_MODULE"], run_name="__main__", alter_sys=True)
