"""Manifests with the slips that public ones have: read all the same, and passed on without a lost key."""

import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designs import okh
from designs.errors import ManifestError
from designs.manifest import check_manifest, own_keys
from designs.okh_mending import mend_toml, mend_yaml
from designs.okh_versions import to_toml, to_yaml

ONE = {
    "title": "Lens cap",
    "description": "Keeps dust away.",
    "project-link": "https://example.org/cap",
    "license": {"hardware": "CERN-OHL-P-2.0"},
}
TWO = {
    "okhv": "2.4",
    "name": "Lens cap",
    "repo": "https://example.org/cap",
    "license": "CERN-OHL-P-2.0",
    "licensor": "A Lab",
    "function": "Keeps dust away.",
}
YAML = (
    "title: Lens cap\ndescription: Keeps dust away.\nproject-link: https://example.org/cap\n"
    "license: {hardware: CERN-OHL-P-2.0}\n"
)
TOML = "".join(f'{key} = "{value}"\n' for key, value in TWO.items())


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (
            "contact:\n  social:\n    - platform: x\n      user-handle: @lab # ours\n",
            {"contact": {"social": [{"platform": "x", "user-handle": "@lab"}]}},
        ),
        ("keywords:\n  - @home\n  - `code`\n", {"keywords": ["@home", "`code`"]}),
        ("bom: Frame: PLA, foil: PET\n", {"bom": "Frame: PLA, foil: PET"}),
        ("intended-use: it's for wards: only\n", {"intended-use": "it's for wards: only"}),
        ("date-created: 2020-02-30\n", {"date-created": "2020-02-30"}),
        ("made:\ttrue\t\nversion: '2'\t# new\n", {"made": True, "version": "2"}),
        ("contact:\n\tname: A Lab\n", {"contact": {"name": "A Lab"}}),
        ("bom: |\n  a: b: c\n  @d\nx: @y\n", {"bom": "a: b: c\n@d\n", "x": "@y"}),
        ("version: 2\n---\n", {"version": 2}),
    ],
)
def test_slips_of_yaml_are_mended_and_the_rest_is_as_it_came(more, found):
    document = okh.read("okh.yml", (YAML + more).encode())
    assert document.data == ONE | found
    assert document.text.startswith(YAML)
    again = okh.read("okh.yml", okh.with_fabnet(document, {"revision": "ab"}).encode())
    assert again.data == document.data | {"fabnet": {"revision": "ab"}}
    assert to_yaml(to_toml(document)).data == document.data | (
        {"version": okh.version(document)} if "version" in found else {}
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title:", "name:"),
        ("description:", "function:"),
        ("project-link:", "documentation-home:"),
        ("project-link:", "repo:"),
        ("project-link:", "okh:manifest-version: '1.0'\nrepository:\n  type: GitHub\n  url:"),
    ],
)
def test_what_version_1_calls_otherwise_is_taken_for_it_and_kept_as_it_is(old, new):
    document = okh.read("okh.yml", YAML.replace(old, new).encode())
    should = f"okh.yml: {old[:-1]} should be there"
    assert (should in document.warnings) == (old != "project-link:")
    newer = to_toml(document)
    assert [newer.data[key] for key in ("name", "function", "repo")] == list(ONE.values())[:3]
    assert to_yaml(newer).data == document.data
    written = okh.read("okh.yml", okh.with_fabnet(document, {"revision": "ab"}).encode())
    assert written.data == document.data | {"fabnet": {"revision": "ab"}}


def test_a_key_that_stands_twice_in_toml_is_kept_as_a_comment_the_second_time():
    text = (
        TOML + 'image = "a.jpg"\nimage = "b.jpg"\n[rdf]\nimage = "c"\nprefix = "x"\nprefix = "y"\n'
    )
    document = okh.read("okh.toml", text.encode())
    assert document.data == TWO | {"image": "a.jpg", "rdf": {"image": "c", "prefix": "x"}}
    assert '\n# image = "b.jpg"\n' in document.text
    written = okh.with_fabnet(document, {"revision": "ab"})
    assert tomllib.loads(written) == document.data | {"fabnet": {"revision": "ab"}}


def test_what_is_not_broken_is_not_mended():
    assert mend_toml(TOML) == TOML
    assert mend_yaml(YAML + "# a: b: c\nx: 'a: b'\ny: {a: 1}\nz: &k 1\n") == (
        YAML + "# a: b: c\nx: 'a: b'\ny: {a: 1}\nz: &k 1\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("okh.yml", YAML + "x: [a\n", "is no YAML"),
        ("okh.yml", YAML + "---\ntitle: another\n", "expected a single document"),
        ("okh.toml", TOML + "made: true\n", "is no TOML"),
        ("okh.toml", TOML + 'readme = """\nreadme = 1\n', "is no TOML"),
        ("okh.toml", TOML + 'fabnet = "us"\n', "fabnet: must be a table"),
        ("okh.yml", YAML + "bom: file:///etc/passwd\n", "leads out"),
        ("okh.yml", YAML + "bom: javascript:alert(1)\n", "leads out"),
    ],
)
def test_what_has_no_one_reading_is_refused_with_the_first_reason(name, text, says):
    with pytest.raises(ManifestError, match=says):
        okh.read(name, text.encode())


def test_a_manifest_in_utf_16_and_one_with_words_for_a_path_are_read():
    assert okh.read("okh.yml", YAML.encode("utf-16")).data == ONE
    text = YAML + "bom: 'Parts: two'\narchive-download: ftp://example.org/cap.zip\n"
    assert okh.read("okh.yml", text.encode()).data["bom"] == "Parts: two"


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("[MIT, CC0-1.0, MIT]", "MIT AND CC0-1.0"),
        ("{hardware: {spdx: CERN-OHL-S-2.0, url: 'https://x.org'}}", "CERN-OHL-S-2.0"),
        ("{hardware: , software: GPL-3.0-only}", "GPL-3.0-only"),
        ("[{title: CC-BY-4.0}]", "CC-BY-4.0"),
    ],
)
def test_a_licence_of_any_form_is_named(told, name):
    text = YAML.replace("{hardware: CERN-OHL-P-2.0}", told)
    document = okh.read("okh.yml", text.encode())
    assert okh.licence(document) == name
    assert to_toml(document).data["license"] == name


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("1.10", "1.10"),
        ("007  # agent", "007"),
        ('"1.0#2"', "1.0#2"),
        (">-\n  1.0\n  beta", "1.0 beta"),
        ("2020-04-02", "2020-04-02"),
        ("", ""),
    ],
)
def test_a_version_of_any_form_is_told_as_it_is_written(told, name):
    document = okh.read("okh.yml", (YAML + f"version: {told}\n").encode())
    assert okh.version(document) == name


def test_anchors_merges_and_a_kept_end_go_out_as_they_came():
    text = (
        YAML + "a: &one {p: 1}\nb: {<<: *one, q: 2}\nc: *one\n? [x, y]\n: z\nend: |+\n  words\n\n\n"
    )
    document = okh.read("okh.yml", text.encode())
    assert document.data["b"] == {"p": 1, "q": 2}
    written = okh.with_fabnet(document, {"revision": "ab"})
    assert written == f"{text}fabnet:\n  revision: ab\n"
    # A document that is written as one table takes the new key within.
    flow = b'{title: a, description: b, license: MIT, project-link: "https://example.org"}'
    document = okh.read("okh.yml", flow)
    assert okh.read("x.yml", okh.with_fabnet(document, {"revision": "ab"}).encode()).data == (
        document.data | {"fabnet": {"revision": "ab"}}
    )


def test_a_manifest_with_a_slip_can_be_made():
    text = YAML + "contact: @lab\nmanufacturing-files:\n  - path: stl/cap.stl\n"
    manifest = check_manifest(own_keys(okh.read("okh.yml", text.encode())))
    assert [row.file for row in manifest.part] == ["stl/cap.stl"]


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cn", "Cc")), max_size=10) | st.sampled_from(
    ["1.10", "yes", "~", "0x1F", "2020-01-01", "- a", "a: b", "<<", "!x", "&a", "*a", "[", "|", "'", " a\n b"]
)  # fmt: skip
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.dates() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    [
        "standards-used",
        "made",
        "licensor",
        "contact",
        "keywords",
        "part",
        "outer-dimensions",
        "mass",
        "x",
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS | _TEXT.map("x-{}".format), _VALUE, max_size=4))
def test_whatever_else_a_manifest_says_goes_there_and_back(more):
    one = okh.read("okh.yml", okh.dump(okh.yaml_of(), more | ONE).encode())
    assert to_yaml(to_toml(one)).data == okh.without_none(one.data)
    two = to_toml(okh.read("okh.yml", okh.dump(okh.yaml_of(), more | TWO).encode()))
    assert to_toml(to_yaml(two)).data == two.data
    for document in (one, two):
        written = okh.read(document.name, okh.with_fabnet(document, {"revision": "ab"}).encode())
        assert written.data == document.data | {"fabnet": {"revision": "ab"}}
