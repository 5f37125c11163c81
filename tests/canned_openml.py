"""A small openml.org, replayed: enough for scikit-learn's fetch_openml, without a network."""

from __future__ import annotations

import hashlib
import io
import json
from email.message import Message
from urllib.error import URLError

import numpy as np


class Answer(io.BytesIO):
    """What urlopen returns."""

    def info(self):
        return Message()


class CannedOpenML:
    """Serves one data set of image rows under a name and a number.

    ``requests`` lists the addresses that were asked for; after `unplug`, asking fails as it
    does without a network.
    """

    def __init__(self, name: str, number: int, rows: np.ndarray, labels: list[str]):
        columns = [f"pixel{i}" for i in range(rows.shape[1])]
        classes = sorted(set(labels))
        head = [f"@attribute {column} numeric" for column in columns]
        head.append(f"@attribute class {{{','.join(classes)}}}")
        lines = [
            ",".join([*map(str, row), label])
            for row, label in zip(rows.tolist(), labels, strict=True)
        ]
        arff = "\n".join(["@relation canned", *head, "@data", *lines]).encode()
        features = [
            {
                "index": str(i),
                "name": column,
                "data_type": "numeric" if column != "class" else "nominal",
                "is_target": str(column == "class").lower(),
                "is_ignore": "false",
                "is_row_identifier": "false",
                "number_of_missing_values": "0",
            }
            for i, column in enumerate([*columns, "class"])
        ]
        found = {"did": number, "name": name, "version": 1, "status": "active"}
        description = {
            "id": str(number),
            "name": name,
            "version": "1",
            "description": "canned",
            "format": "ARFF",
            "status": "active",
            "file_id": "7",
            "url": f"https://www.openml.org/data/v1/download/7/{name}.arff",
            "md5_checksum": hashlib.md5(arff).hexdigest(),
        }
        qualities = [{"name": "NumberOfInstances", "value": str(float(len(rows)))}]
        self.answers = {
            f"data_name/{name.lower()}/limit": {"data": {"dataset": [found]}},
            f"json/data/features/{number}": {"data_features": {"feature": features}},
            f"json/data/qualities/{number}": {"data_qualities": {"quality": qualities}},
            f"json/data/{number}": {"data_set_description": description},
            "data/v1/download/7": arff,
        }
        self.requests: list[str] = []
        self.plugged = True

    def unplug(self):
        self.plugged = False

    def urlopen(self, request, timeout=None):
        url = request if isinstance(request, str) else request.full_url
        self.requests.append(url)
        if not self.plugged:
            raise URLError("no network here")
        for part, answer in self.answers.items():
            if part in url:
                return Answer(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        raise AssertionError(f"not canned: {url}")
