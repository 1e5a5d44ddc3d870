"""Each encoder writes the form that its readers take, and refuses what JSON cannot say."""

import ast
import json
from collections.abc import Callable

import pytest

from streamserver.wire.json_text import to_ascii_json, to_indented_json, to_json
from support.process import ROOT

Encode = Callable[[object], str]
ENCODERS_OF_JSON = {"json.dump", "json.dumps", "json.JSONEncoder"}
ENCODERS = [to_json, to_ascii_json, to_indented_json]


@pytest.mark.parametrize("encode", ENCODERS)
def test_what_is_written_can_be_read_back(encode: Encode) -> None:
    value = {"text": 'é☃\ud800"\\\n', "numbers": [0, -1.5, 1e300, None, True], "": {}}
    assert json.loads(encode(value)) == value


@pytest.mark.parametrize(
    ("encode", "text"),
    [
        (to_json, '{"a":["é",1]}'),
        (to_ascii_json, r'{"a":["\u00e9",1]}'),
        (to_indented_json, '{\n "a": [\n  "\\u00e9",\n  1\n ]\n}'),
    ],
)
def test_each_has_a_form_of_its_own(encode: Encode, text: str) -> None:
    assert encode({"a": ["é", 1]}) == text


@pytest.mark.parametrize("encode", [to_json, to_indented_json])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_without_a_json_form_is_refused(encode: Encode, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode([value])


@pytest.mark.parametrize("encode", ENCODERS)
def test_a_value_of_another_kind_is_refused(encode: Encode) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode({1, 2})


def test_no_other_module_configures_an_encoder() -> None:
    """Except the ladder, which imports nothing of ours, and the model, which hashes the text."""
    package = ROOT / "streamserver"
    paths = [path for path in package.rglob("*.py") if path.parent.name != "learn"]
    found = {
        str(path.relative_to(package))
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ENCODERS_OF_JSON
    }
    assert found == {"wire/json_text.py", "lab/model/text.py"}
