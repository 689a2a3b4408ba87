"""The camera of a real OctoPrint, on the page of a node: a JPEG for its owner, and for nobody else."""

import http.server
import io
import json
import threading
from typing import ClassVar

import pytest
from PIL import Image

from fabnet import clock
from fabnet.cli.told import lines
from fabnet.config import NodeConfig
from fabnet.errors import ConfigError
from fabnet.node.cameras import Cameras
from fabnet.printer_config import PrinterConfig
from jobs.errors import NotFoundError, RefusedError
from jobs.owner import BedView, NodeView
from printers.model import PrinterState
from tests.doubles.octo_printer import OctoPrinter
from web.node_app import NodeSettings, create_node_app


class Webcam(http.server.BaseHTTPRequestHandler):
    """A camera that says what it was asked with."""

    asked: ClassVar[list] = []
    body = b""
    status = 200

    def do_GET(self):
        Webcam.asked.append((self.path, dict(self.headers)))
        self.send_response(Webcam.status)
        if Webcam.status == 302:
            self.send_header("Location", "/other")
        self.send_header("Content-Length", str(len(Webcam.body)))
        self.end_headers()
        self.wfile.write(Webcam.body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def webcam():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webcam)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def config(tmp_path_factory, webcam):
    folder = tmp_path_factory.mktemp("camera")
    octo = OctoPrinter(folder)
    settings = json.loads((octo.folder / "config.yaml").read_text())
    settings["webcam"]["webcamEnabled"] = True
    plugins = settings["plugins"]
    plugins["_disabled"] = [name for name in plugins["_disabled"] if name != "classicwebcam"]
    plugins["classicwebcam"] = {
        "_config_version": 1,
        "snapshot": f"{webcam}/?action=snapshot",
        "stream": f"{webcam}/?action=stream",
    }
    (octo.folder / "config.yaml").write_text(json.dumps(settings))
    octo.start()
    (folder / "key").write_text(octo.key)
    shown = PrinterConfig(
        id="p1", preset="generic-250x210", octoprint=octo.url, api_key_file=str(folder / "key"),
        camera=True,
    )  # fmt: skip
    yield NodeConfig(
        id="lab-a", lab="Atelier Nord", coordinator="http://127.0.0.1:1",
        broker="mqtt://127.0.0.1:1", data_dir=str(folder), password_file="s", key_file="k",
        attended="00:00-24:00",
        printers=(shown, PrinterConfig(id="p2", preset="generic-250x210", manual=True)),
    )  # fmt: skip
    octo.stop()


@pytest.fixture(autouse=True)
def fresh():
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "SECRET"
    Image.new("RGB", (64, 48), "red").save(out, "JPEG", exif=exif)
    Webcam.asked, Webcam.body, Webcam.status = [], out.getvalue(), 200


class OneLook:
    """A desk of a node with two printers; what stands on it is not what is tested here."""

    def ask(self, _wish):
        now = clock.now()
        beds = tuple(
            BedView(
                printer=name, title=name, state=PrinterState.IDLE, fault="", clear=True,
                by_hand=False, attempt=None, fraction_done=None, nozzle_c=None, bed_c=None,
                material="", grams=0.0,
            )
            for name in ("p1", "p2")
        )  # fmt: skip
        return NodeView(
            node="lab-a", lab="Atelier Nord", at=now, linked=False, link_since=now, unsent=0,
            paused=False, beds=beds, plates=(),
        )  # fmt: skip


def client(config, password=""):
    settings = NodeSettings(
        secret_key=b"k" * 32, lab="Atelier Nord", password=password, cameras=Cameras(config)
    )
    return create_node_app(OneLook(), clock.now, settings).test_client()


def test_the_owner_sees_the_picture_and_only_the_picture(config):
    page = client(config)
    text = page.get("/?lang=en").get_data(as_text=True)
    assert 'src="/beds/p1/camera.jpg"' in text
    assert "/beds/p2/camera.jpg" not in text
    answer = page.get("/beds/p1/camera.jpg")
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"SECRET" not in answer.data
    assert Image.open(io.BytesIO(answer.data)).size == (64, 48)
    ((path, headers),) = Webcam.asked
    assert path == "/?action=snapshot"
    assert not {"x-api-key", "cookie", "authorization"} & {name.lower() for name in headers}
    assert page.get("/beds/p2/camera.jpg").status_code == 404


def test_nobody_else_sees_it(config):
    answer = client(config, "a long password").get("/beds/p1/camera.jpg")
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert Webcam.asked == []


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [(200, b"<html>", "no JPEG picture"), (404, b"", "404"), (302, b"", "302"),
     (200, bytes(5 << 20), "more than 4 MiB")],
)  # fmt: skip
def test_what_is_no_picture_is_said_on_the_page(config, status, body, says):
    Webcam.status, Webcam.body = status, body
    answer = client(config).get("/beds/p1/camera.jpg?lang=en")
    assert answer.status_code == 409
    assert says in answer.get_data(as_text=True)
    assert len(Webcam.asked) == 1


def test_an_octoprint_that_is_away_is_said(config, tmp_path):
    away = PrinterConfig(
        id="p1", preset="x", octoprint="http://127.0.0.1:1", camera=True,
        api_key_file=config.printers[0].api_key_file,
    )  # fmt: skip
    cameras = Cameras(NodeConfig(
        id="a", lab="A", coordinator="c", broker="b", data_dir=str(tmp_path), password_file="s",
        key_file="k", printers=(away,),
    ))  # fmt: skip
    with pytest.raises(RefusedError, match="nothing runs at this address"):
        cameras.picture("p1")
    with pytest.raises(NotFoundError):
        cameras.picture("p2")


def test_it_is_told_what_is_shown(config):
    assert any("Its cameras (p1) are shown" in line for line in lines(config))


def test_a_key_that_is_not_there_is_said_at_the_start(config):
    lost = PrinterConfig(id="p1", preset="x", octoprint="http://x", camera=True, api_key_file="/no")
    with pytest.raises(ConfigError, match="cannot be read"):
        Cameras(NodeConfig(
            id="a", lab="A", coordinator="c", broker="b", data_dir=config.data_dir,
            password_file="s", key_file="k", printers=(lost,),
        ))  # fmt: skip
