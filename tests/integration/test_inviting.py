"""What a steward's invitation on the command line says, and how it is withdrawn."""

from jobs.joining import read_code
from tests.doubles.commands import fabnet, one_sentence


def test_who_invites_on_loopback_is_warned(tmp_path):
    path = tmp_path / "coordinator.toml"
    path.write_text('data_dir = "data"\n')
    answer = fabnet("node", "invite", "--lab", "Lab", "--config", path)
    assert answer.returncode == 0
    assert "from this machine only" in answer.stderr
    assert "public_url" in answer.stderr
    code = read_code(answer.stdout)
    assert code.pin == "none"
    assert f"{code.url}/join/{code.token}\n" in answer.stderr


def test_an_invitation_is_withdrawn_by_the_name_of_its_lab(tmp_path):
    path = tmp_path / "coordinator.toml"
    path.write_text('data_dir = "data"\n')
    for _ in range(2):
        fabnet("node", "invite", "--lab", "Lab d’Awa", "--config", path)
    one_sentence(fabnet("node", "uninvite", "Lab", "--config", path), "Lab d’Awa")
    answer = fabnet("node", "uninvite", "Lab d’Awa", "--config", path)
    assert answer.returncode == 0
    assert "cannot join with what it was sent any more" in answer.stderr
    one_sentence(fabnet("node", "uninvite", "Lab d’Awa", "--config", path), "no open invitation")


def test_who_invites_over_plain_http_is_told_what_to_change(tmp_path):
    path = tmp_path / "coordinator.toml"
    path.write_text('data_dir = "data"\npublic_url = "http://fabnet.example"\n')
    answer = fabnet("node", "invite", "--lab", "Lab", "--config", path)
    one_sentence(answer, "public_url", "https://")
