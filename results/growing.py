"""A record that grows line by line, with a part for each data set."""

from typing import Any

from vsclib.data import DataSet


def part_of(record: dict[str, Any], name: str, images: DataSet) -> dict[str, Any]:
    """The part of a data set, begun anew where its images are not those of the lines it holds."""
    part = record["sets"].get(name)
    if part is None or part["sha256"] != images.sha256:
        part = {"sha256": images.sha256, "lines": {}}
        record["sets"][name] = part
    return part
