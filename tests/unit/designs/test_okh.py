"""Open Know-How manifests: every key that comes in goes out, in the same format and in the other."""

import tomllib

import pytest
import ruamel.yaml

from designs import okh
from designs.errors import ManifestError
from designs.manifest import check_manifest, own_keys
from designs.okh import Format
from designs.okh_versions import to_toml, to_yaml

TOML = b"""okhv = "2.4"
name = "Visi\xc3\xa8re"  # as nurses call it
repo = "https://git.example.org/visor"
version = "1.10"
license = "CERN-OHL-S-2.0"
licensor = { name = "A Lab", email = "lab@example.org" }
function = "Holds a sheet before the face."
documentation-language = ["fr", "en"]
tsdc = ["ASM", "3DP"]
printing-process = "FDM"
material = "PETG, or pla"
x-of-somebody = { deep = [1, 2.5, true, 2020-04-02] }

[outer-dimensions]
width = 190
depth = 170
height = 300

[[part]]
name = "Head band"
tsdc = "3DP"
export = ["stl/band.step", "stl/band.stl"]
[part.fabnet]
per_kit = 2

[[part]]
name = "Clear sheet"
tsdc = ["BUY"]
source = "https://shop.example.org/sheet"
"""

YAML = b"""%Open Know-How Manifest 1.0
---
# Written in a hurry.
title: Visor
description: Holds a sheet.
intended-use: In a ward.
date-created: 2020-04-02
made: true
version: 1.10
keywords:   # many
  - visor
  - covid
contact: {name: A Lab, social: [{platform: web, user-handle: lab}]}
empty:
project-link: https://git.example.org/visor
documentation-home: https://docs.example.org/visor
license:
  hardware: CERN-OHL-S-2.0
  documentation: CC-BY-4.0
manufacturing-files:
  - {path: stl/frame.stl, title: Frame}
  - path: docs/how.pdf
making-instructions:
  - path: docs/how.pdf
standards-used:
  - standard-title: EN 166
"""


def test_a_toml_manifest_goes_out_as_it_came_with_its_comments():
    document = okh.read("okh.toml", TOML)
    text = okh.with_fabnet(document, {"revision": "ab" * 32})
    assert tomllib.loads(text) == tomllib.loads(TOML.decode()) | {"fabnet": {"revision": "ab" * 32}}
    assert "# as nurses call it" in text
    assert document.warnings == ()


def test_a_yaml_manifest_goes_out_as_it_came_with_its_comments():
    document = okh.read("okh-visor.yml", YAML)
    text = okh.with_fabnet(document, {"revision": "ab" * 32})
    assert text.startswith("%Open Know-How Manifest 1.0\n---\n")
    for kept in ("# Written in a hurry.", "# many", "version: 1.10", "empty:"):
        assert kept in text
    again = okh.read("okh-visor.yml", text.encode())
    assert again.data == document.data | {"fabnet": {"revision": "ab" * 32}}


def test_there_and_back_loses_no_key():
    toml, yaml = okh.read("okh.toml", TOML), okh.read("okh.yml", YAML)
    assert to_toml(to_yaml(toml)).data == toml.data
    assert to_yaml(to_toml(yaml)).data == yaml.data | {"empty": "", "version": "1.10"}
    assert to_toml(toml) is toml
    assert to_yaml(yaml) is yaml


def test_version_1_is_mapped_as_its_keepers_map_it():
    data = to_toml(okh.read("okh.yml", YAML)).data
    assert {key: data[key] for key in ("okhv", "name", "repo", "version", "license")} == {
        "okhv": "2.4",
        "name": "Visor",
        "repo": "https://docs.example.org/visor",
        "version": "1.10",
        "license": "CERN-OHL-S-2.0",
    }
    assert data["function"] == "Holds a sheet.\n\nIn a ward."
    assert data["manufacturing-instructions"] == ["docs/how.pdf"]
    assert data["standard-compliance"] == ["EN 166"]
    assert data["technology-readiness-level"] == "OTRL-3"
    assert data["licensor"] == "A Lab"


def test_parts_of_a_manifest_are_printed_or_bought():
    manifest = check_manifest(own_keys(okh.read("okh.toml", TOML)))
    band, sheet = manifest.part
    assert (band.id, band.file, band.per_kit) == ("head-band", "stl/band.stl", 2)
    assert band.materials == ("PETG", "PLA")
    assert (sheet.id, sheet.tsdc, sheet.file, sheet.per_kit) == ("clear-sheet", "BUY", "", 1)
    assert (manifest.fabnet.design, manifest.version) == ("visiere", "1.10")


def test_model_files_of_a_manifest_without_parts_are_its_parts():
    manifest = check_manifest(own_keys(okh.read("okh.yml", YAML)))
    assert [(row.id, row.file) for row in manifest.part] == [("frame", "stl/frame.stl")]
    assert manifest.version == "1.10"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"okhv", b"okh-version", "missing required field"),  # then it is one of our own
        (b'name = "Visi', b'called = "Visi', "okh.toml: name: is missing"),
        (b"https://git", b"git@git", "repo: must be an address"),
        (b"stl/band.stl", b"../band.stl", "part.Head band: '../band.stl' leads out"),
        (b"stl/band.stl", b"band.wrl", "part.Head band: names no STL"),
        (b'version = "1.10"', b'bom = "file:///etc/passwd"', "bom: 'file:///etc/passwd' leads out"),
        (b'version = "1.10"', b'bom = "//host/share"', "leads out"),
        (b'version = "1.10"', b'readme = "a\\\\..\\\\b"', "leads out"),
        (b"per_kit = 2", b"per_kit = 0", "per_kit: must be 1 or more"),
        (b'tsdc = ["BUY"]', b'tsdc = ["buy it"]', "must be a code"),
        (b"[[part]]", b"[[part]", "is no TOML"),
        (b"Visi\xc3", b"Visi\xff", "no UTF-8"),
    ],
)
def test_a_wrong_toml_manifest_is_refused_by_its_key(old, new, says):
    with pytest.raises(ManifestError, match=says.replace("[", r"\[").replace(".", r"\.")):
        check_manifest(own_keys(okh.read("okh.toml", TOML.replace(old, new))))


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{this}: &{this} [{', '.join(['*' + that] * 9)}]\n"
    for that, this in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (YAML.replace(b"title: Visor", b"called: Visor"), "title: is missing"),
        (YAML.replace(b"https://docs", b"docs").replace(b"https://git", b"git"), "must be an address"),
        (YAML.replace(b"hardware:", b"software-:").replace(b"documentation: CC", b"x: CC"), "no licence"),
        (YAML.replace(b"stl/frame.stl", b"../../frame.stl"), "leads out"),
        (b"- just\n- a list\n", "no list of keys"),
        (b"# Visit the form to make this manifest.\n\n", "nothing but comments"),
        (b"title: [\n", "is no YAML"),
        (b"title: !!python/object/apply:os.system ['true']\n", "is missing"),
        (YAML + LAUGHS.encode(), "holds more than 20000 values"),
        (b"a: " + b"[" * 1500, "too deep"),
        (b"x" * (1 << 20) + b"y", "more than 1 MiB"),
    ],
)  # fmt: skip
def test_a_wrong_or_hostile_yaml_manifest_is_refused(text, says):
    with pytest.raises(ManifestError, match=says):
        okh.read("okh.yml", text)


def test_what_should_be_there_is_said_and_not_refused():
    document = okh.read("okh.toml", TOML.replace(b'version = "1.10"\n', b""))
    assert document.warnings == ("okh.toml: version should be there",)
    assert check_manifest(own_keys(document)).version == "unversioned"


def test_licensors_of_every_form_become_one_of_version_1():
    for form in (b'"A Lab"', b'["A Lab", "B"]', b'{ name = "A Lab" }', b'[{ name = "A Lab" }]'):
        line = b'licensor = { name = "A Lab", email = "lab@example.org" }'
        made = to_yaml(okh.read("okh.toml", TOML.replace(line, b"licensor = " + form)))
        assert made.data["licensor"] == {"name": "A Lab"}
        assert ruamel.yaml.YAML(typ="safe").load(made.text.split("---\n", 1)[1]) == made.data
    assert made.format is Format.YAML


MINIMAL_1 = """title: OttoDIY   # required | text
description: |
  A robot for education; easily made.
project-link: https://example.org/robot
license:
  documentation: Creative Commons Attribution-ShareAlike 4.0
"""
MINIMAL_2 = """okhv = "OKH-LOSHv1.0"
name = "Scope"
repo = "https://example.org/scope"
license = "CERN-OHL-S-2.0"
licensor = "A. Pollina, B. Bazile"
function = "Looks at plankton."
"""

#: As the manifests of public projects that were read are written (17 of 46 files); the words are ours.
FOUND_1 = [
    "",
    "version: 2.02\nimage: ''\nsub:\n- {title: A printer, web: https://example.org}\n",
    "contact: https://example.org/issues\nmanifest-author: somebody\nderivative-of: https://example.org\n",
    "project-link: https://example.org/another\n",  # a second time
    "documentation-home: 'https://example.org/docs '\nversion:\nmade: false\n",
    "manufacturing-files:\n  - path: https://example.org/Build_Files\n    title: 3D\n",
    "design-files:\n  - path: ./Design_Files/\nsoftware:\n  - path: /firmware\n",
    "standards-used:\n  - standard-title: ISO\n    certification:\n      - {certifier: Self}\n",
    "keywords: [a, 3D-printer; making, 'yes', on, 1_000, 0x1F, 2e3, ~]\n",
    "date-created: 2019-10-05\ndate-updated: 2024-05-27T10:00:00Z\n",
    "intended-use: >-\n  Long words\n  over lines\nunknown-key: {a: {b: [1, {c: d}]}}\n",
    "contributors:\n  - &one {name: A}\n  - *one\n  - name: B\n    affiliation: C\n",
]
FOUND_2 = [
    "",
    'readme = "/README.md"\nimage = "/docs/images/x.webp"\nbom = "/hardware/bom.csv"\n',
    'image = ""\n[[software]]\nrelease = "0.1"\ninstallation-guide = "/README.md"\n',
    'outer-dimension-dim = "mm"\nouter-dimension = "cube(size = [165,140,30])"\n',
    'bom = ["bom/cube.csv", "bom/slider.csv"]\nuser-manual = ["docs/cube.md"]\n',
    'tsdc = ["CNC", "PCB"]\n[[part]]\nname = "Hat"\ntsdc = "PCB"\nsource = "/hat/Hat.brd"\n',
    'organisation = "X e.V."\ndocumentation-readiness-level = "ODRL-3*"\nmass = 62\n',
    '[outer-dimensions]\nopenSCAD = "cube(size = [400,350,150])"\nunit = "mm"\n',
    'standard-compliance = "DIN EN 1335"\n[[image]]\nlocation = "a.jpg"\nslots = ["model-main"]\n',
    'forkOf = "https://example.org"\nx.y.z = 1\nwhen = 2020-04-02T10:00:00Z\nnan = inf\n',
]


@pytest.mark.parametrize("more", FOUND_1)
@pytest.mark.parametrize("first", ["", "%Open know-how manifest 0.1\n---\n", "\ufeff# Words\n"])
def test_manifests_of_version_1_as_they_are_found_lose_no_key(first, more):
    text = first + MINIMAL_1 + more
    document = okh.read("okh-x.yml", text.encode())
    again = okh.read("okh-x.yml", okh.with_fabnet(document, {"revision": "ab"}).encode())
    assert {k: v for k, v in again.data.items() if k != "fabnet"} == document.data
    back = to_yaml(to_toml(document))
    assert back.data == okh.without_none(document.data) | (
        {"version": okh.version(document)} if "version" in document.data else {}
    )


@pytest.mark.parametrize("more", FOUND_2)
def test_manifests_of_version_2_as_they_are_found_lose_no_key(more):
    document = okh.read("okh.toml", (MINIMAL_2 + more).encode())
    again = okh.read("okh.toml", okh.with_fabnet(document, {"revision": "ab"}).encode())
    assert {k: v for k, v in again.data.items() if k != "fabnet"} == document.data
    assert to_toml(to_yaml(document)).data == document.data


def test_version_2_written_as_yaml_is_read_and_a_path_from_the_root_is_one_in_the_folder():
    text = (
        '# SPDX-License-Identifier: CC0-1.0\n\n# of a "switch"\n'
        "okhv: OKH-LOSHv1.0\nname: 'Click Me: a switch'\nrepo: https://example.org/click\n"
        "license: {hardware: CERN-OHL-W-2.0}\nlicensor: {name: B. J.}\nfunction: Clicks.\nempty:\n"
        "export: [/stl/case.stl, ./stl/cap.stl]\n"
    )
    document = okh.read("okh.yml", text.encode())
    assert document.format is Format.TOML
    assert document.data["empty"] == ""
    assert document.text.startswith('# SPDX-License-Identifier: CC0-1.0\n\n# of a "switch"\nokhv')
    assert okh.read(document.name, document.text.encode()).data == document.data
    manifest = check_manifest(own_keys(document))
    assert [row.file for row in manifest.part] == ["stl/case.stl", "stl/cap.stl"]
    assert manifest.license == "CERN-OHL-W-2.0"
