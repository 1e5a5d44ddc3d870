"""JSON as it is written: one encoder for each use, so that all of it has the same form.

NaN and infinity have no form in JSON: ``to_json`` and ``to_indented_json`` raise ValueError;
all three raise TypeError for a value of another kind.
"""

import json

to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Compact text for UTF-8: what peers receive, and cassettes. A lone surrogate stays one."""

to_ascii_json = json.JSONEncoder(separators=(",", ":")).encode
"""Compact ASCII for logs and pipes: one line for any str, lone surrogates included."""

to_indented_json = json.JSONEncoder(indent=1, allow_nan=False).encode
"""ASCII with line breaks, for reports that people read too."""
