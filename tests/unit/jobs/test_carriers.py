"""Links to carriers' pages: from a number that somebody typed, and never to anywhere else."""

import pytest

from fabnet.config import load_coordinator
from fabnet.errors import ConfigError
from jobs.carriers import KnownCarrier, track_link

POST = KnownCarrier(name="La Poste", track="https://post.example/suivi?code={number}&lang=fr")


@pytest.mark.parametrize(
    ("name", "number", "link"),
    [
        ("La Poste", "6A 12345 67890", "https://post.example/suivi?code=6A1234567890&lang=fr"),
        ("  la  POSTE", "XY1", "https://post.example/suivi?code=XY1&lang=fr"),
        ("La Poste", "1/2.3-4", "https://post.example/suivi?code=1%2F2.3-4&lang=fr"),
        ("La Poste", "", ""),
        ("Poste", "XY1", ""),
        ("", "", ""),
    ],
)
def test_a_number_becomes_a_link_where_its_carrier_is_known(name, number, link):
    assert track_link((POST,), name, number) == link


@pytest.mark.parametrize(
    "track",
    [
        "", "post.example/{number}", "http://post.example/{number}", "javascript:alert({number})",
        "https://{number}.example/", "https:///{number}", "https://post.example/",
        "https://post.example/{number}/{number}", "https://post.example/{number}{0}",
        "https://post.example/ {number}",
    ],
)  # fmt: skip
def test_an_address_that_would_lead_nowhere_or_elsewhere_is_refused(track, tmp_path):
    with pytest.raises(ValueError, match="track"):
        KnownCarrier(name="Post", track=track)
    file = tmp_path / "coordinator.toml"
    file.write_text(f'data_dir = "data"\n[[carriers]]\nname = "Post"\ntrack = "{track}"\n')
    with pytest.raises(ConfigError, match="track"):
        load_coordinator(file)


def test_carriers_are_read_from_the_configuration(tmp_path):
    file = tmp_path / "coordinator.toml"
    file.write_text(
        'data_dir = "data"\n[[carriers]]\nname = "La Poste"\n'
        'track = "https://post.example/suivi?code={number}&lang=fr"\n'
    )
    assert load_coordinator(file).carriers == (POST,)
    with pytest.raises(ValueError, match="name"):
        KnownCarrier(name=" ", track=POST.track)
