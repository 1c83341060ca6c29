#!/usr/bin/env python3
"""Holds reports of `trien verify --json` against their schema, with the library jsonschema (draft 2020-12, formats too).

    report.py SCHEMA FILE...

Prints one line for each breach, with its file and place; exit code 1 if there is one.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator

schema = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
Draft202012Validator.check_schema(schema)
judge = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
breaches = [
    f"{file}: {error.json_path}: {error.message}"
    for file in sys.argv[2:]
    for error in judge.iter_errors(json.loads(Path(file).read_text(encoding="utf-8")))
]
print("\n".join(breaches))
sys.exit(bool(breaches))
