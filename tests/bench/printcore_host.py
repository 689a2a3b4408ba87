"""Prints a file with Printrun's printcore; runs in its own virtual environment: FILE PORT BAUDRATE."""

import os
import pathlib
import sys
import threading
import time

from printrun import gcoder
from printrun.printcore import printcore

path, port, baudrate = sys.argv[1:]
with pathlib.Path(path).open(encoding="ascii") as file:
    model = gcoder.LightGCode([line.strip() for line in file])
ended = threading.Event()
host = printcore()
host.endcb = ended.set
host.errorcb = print
host.connect(port, int(baudrate))
until = time.monotonic() + 20
while not host.online and time.monotonic() < until:
    time.sleep(0.05)
host.startprint(model)
ended.wait(120)
time.sleep(0.3)
os._exit(0)
