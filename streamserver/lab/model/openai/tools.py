"""The tools of a request for a chat completion, and the form that it demands of the text."""

import re
from collections.abc import Mapping
from typing import Any

from streamserver.kit.params import one_of, text
from streamserver.lab.model.asked import Json, Tool
from streamserver.lab.model.members import check_members, flag, list_member, object_member, wrong
from streamserver.lab.model.reading import checked

MAX_TOOLS = 128
MAX_DESCRIPTION = 100_000
_form = one_of("response_format.type", "text", "json_object", "json_schema")
_CHOICES = ("auto", "none", "required")
_is_name = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_parallel = flag("parallel_tool_calls", default=True)


def read_tools(members: Mapping[str, object]) -> Json:
    """The members of ``Asked`` about tools; HTTPError 400 that names a wrong member."""
    given = list_member("tools", members.get("tools"), MAX_TOOLS, "tools")
    tools = [_tool(f"tools[{n}]", tool) for n, tool in enumerate(given)]
    found: Json = {"tools": tools, "parallel_tool_calls": _parallel.of(members)}
    choice = members.get("tool_choice")
    if choice is None:
        return found
    if not tools and choice != "none":
        raise wrong("tool_choice", "left out unless there are tools")
    if isinstance(choice, str) and choice in _CHOICES:
        return found | {"tool_choice": choice}
    name = _chosen(choice)
    if name not in [tool.name for tool in tools]:
        names = ", ".join(_CHOICES)
        raise wrong("tool_choice", f'{names}, or {{"type": "function"}} with the name of a tool')
    return found | {"tool_choice": "function", "tool_name": name}


def _tool(name: str, value: object) -> Tool:
    tool = object_member(name, value, '{"type": "function", "function": {"name": "..."}}')
    if tool.get("type") != "function":
        raise wrong(f"{name}.type", "function, the only kind of tool that this model calls")
    check_members(tool, ("type", "function"), (), f"{name}.")
    function = object_member(f"{name}.function", tool.get("function"), '{"name": "..."}')
    served = ("name", "description", "parameters", "strict")
    check_members(function, served, (), f"{name}.function.")
    if not isinstance(called := function.get("name"), str) or not _is_name(called):
        raise wrong(f"{name}.function.name", "1 to 64 of A-Z, a-z, 0-9, _ and -")
    description = _common(f"{name}.function", function)
    schema = _schema(f"{name}.function.parameters", function.get("parameters"))
    return Tool(called, schema, description)


def _common(name: str, function: Mapping[str, object]) -> str:
    """Check the members that a function and a JSON Schema have, and return the description."""
    checked(flag(f"{name}.strict"), function.get("strict"))
    description = text(f"{name}.description", 0, MAX_DESCRIPTION, default="")
    return checked(description, function.get("description"))


def _chosen(choice: object) -> object:
    """The name of the tool in ``{"type": "function", "function": {"name": "..."}}``."""
    if not isinstance(choice, dict) or choice.get("type") != "function":
        return None
    check_members(choice, ("type", "function"), (), "tool_choice.")
    if not isinstance(function := choice.get("function"), dict):
        return None
    check_members(function, ("name",), (), "tool_choice.function.")
    return function.get("name")


def read_schema(members: Mapping[str, object]) -> Mapping[str, Any] | None:
    """The schema that ``response_format`` demands; None for free text."""
    name = "response_format"
    if members.get(name) is None:
        return None
    form = object_member(name, members[name], '{"type": "json_object"}')
    kind = _form.of({_form.name: form.get("type")})
    check_members(form, ("type", kind), (), f"{name}.")
    if kind == "text":
        return None
    if kind == "json_object":
        return {}
    name += ".json_schema"
    described = object_member(name, form.get(kind), '{"name": "...", "schema": {...}}')
    check_members(described, ("name", "schema", "description", "strict"), (), f"{name}.")
    if not isinstance(called := described.get("name"), str) or not _is_name(called):
        raise wrong(f"{name}.name", "1 to 64 of A-Z, a-z, 0-9, _ and -")
    _common(name, described)
    return _schema(f"{name}.schema", described.get("schema"))


def _schema(name: str, value: object) -> Json:
    return {} if value is None else object_member(name, value, '{"type": "object", ...}')
