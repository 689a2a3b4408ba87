"""The demo command: a network of labs, one order, its people; what became of it."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

import requests

from fabnet import clock
from fabnet.demo.browser import Form, PageError
from fabnet.demo.labs import labs
from fabnet.demo.network import Network
from fabnet.demo.people import Cast
from fabnet.errors import FabnetError
from printers.slicing import find_slicer

_log = logging.getLogger(__name__)

_ONCE_S = 600.0
_KITS_ONCE = 6
_KITS = 24
#: A lab that is out of reach for so long loses its plates that are not started.
_SILENT_ONCE_S = 3.0
_SILENT_S = 20.0
#: At this pace a plate of two visors takes about a minute, so that there is something to see.
_LINES_PER_S = 2500


def run_demo(
    *,
    once: bool,
    kits: int | None,
    port: int,
    design: Path | None,
    octoprint: bool,
    stop: threading.Event,
) -> dict[str, int | float | str] | None:
    """Run the demo; with `once`, return the summary of its one order.

    No `kits` asks for as many as show everything in a reasonable time. `design` is a model file (STL,
    3MF) that is ordered instead of our own visor frame. With `octoprint`, one more lab drives its
    printer through a real OctoPrint.

    Raises:
        FabnetError: something could not be started; nothing is left running.
        DesignError: the design cannot be made.
    """
    if design is not None and not find_slicer().name.startswith("PrusaSlicer"):
        raise FabnetError(
            f"{design.name} has to be sliced, and there is no slicer on this machine; install it with:"
            " sudo apt-get install prusa-slicer"
        )
    folder = Path(tempfile.mkdtemp(prefix="fabnet-demo-"))
    began_s = clock.boottime_s()
    network: Network | None = None
    keep = False
    try:
        network = Network(
            folder,
            labs(octoprint=octoprint),
            port=0 if once else port,
            lines_per_s=0 if once else _LINES_PER_S,
            silent_after_s=_SILENT_ONCE_S if once else _SILENT_S,
            design=design,
        )
        _say_what_is_missing(network)
        network.start()
        cast = Cast(network, dark_s=2 * network.silent_after_s)
        link = _ask(cast, kits or (_KITS_ONCE if once else _KITS), stop)
        if once:
            summary = _play_once(network, cast, stop, began_s)
            keep = summary["delivered"] != summary["ordered"]
            return summary
        _welcome(network, link)
        cast.play(stop, rest_s=3.0)
        if cast.delivered:
            _tell("The order is delivered. The pages stay open until Ctrl-C.")
        stop.wait()
        return None
    finally:
        if network is not None:
            network.stop()
        if keep:
            _tell(f"The logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _play_once(
    network: Network, cast: Cast, stop: threading.Event, began_s: float
) -> dict[str, int | float | str]:
    deadline = threading.Timer(_ONCE_S, stop.set)
    deadline.daemon = True
    deadline.start()
    cast.play(stop, rest_s=0.2)
    deadline.cancel()
    for words in cast.what_is_missing():
        _tell(words)
    return network.summary(clock.boottime_s() - began_s)


def _ask(cast: Cast, kits: int, stop: threading.Event) -> str:
    due = (clock.now() + timedelta(days=7)).date()
    form: Form | None = None
    while not stop.is_set():
        try:
            form = form or cast.form()
            return cast.ask(form, kits, due)
        except (requests.RequestException, PageError) as error:
            _log.warning("asking again: %s", error)
            stop.wait(0.5)
    return ""


def _say_what_is_missing(network: Network) -> None:
    if network.broker == "iotcore":
        _tell(
            "no mosquitto here: the demo runs on the embedded broker (iotcore), on this machine only"
        )
    if not network.slicer.startswith("PrusaSlicer"):
        _tell("no slicer here: the demo prints slices of the visor that come with fabnet")


def _welcome(network: Network, link: str) -> None:
    _tell(f"An order for visors is on its way: {link}")
    names = ", ".join(lab.lab for lab in network.labs)
    _tell(f"{names} work on it; steward, makers and inspector do their part. Ctrl-C ends the demo.")
    labs = {lab.login: lab.lab for lab in network.labs}
    _tell(f"Sign in at {network.url}/sign-in, with a name and its password:")
    for login, password in network.accounts.values():
        whose = f"  (maker, {labs[login]})" if login in labs else ""
        sys.stderr.write(f"  {login} / {password}{whose}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"fabnet: {text}\n")
    sys.stderr.flush()
