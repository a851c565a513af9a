"""Request and response bodies: CSV, libsvm, JSON and npy to arrays and back.

Source: docs/container-contract.md.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from loopback.images.serving.answers import RequestRefused

CSV, JSON, JSONLINES, NPY = "text/csv", "application/json", "application/jsonlines", "application/x-npy"
LIBSVM = ("text/libsvm", "text/x-libsvm")
RECORDIO = "application/x-recordio-protobuf"
XGBOOST_KINDS = {
    "csv": "csv",
    "libsvm": "libsvm",
    "parquet": "parquet",
    "recordio-protobuf": "recordio-protobuf",
    CSV: "csv",
    **dict.fromkeys(LIBSVM, "libsvm"),
    "application/x-parquet": "parquet",
    RECORDIO: "recordio-protobuf",
}
TEXTS = frozenset({CSV, JSON})  # bodies that user functions get as str


def media_type(header: str | None) -> str:
    """`text/csv` of `Text/CSV; charset=utf-8`."""
    return (header or "").partition(";")[0].strip().lower()


def xgboost_kind(header: str) -> str:
    """The format that the XGBoost container takes a ContentType for: csv, libsvm, parquet or recordio-protobuf.

    Its `get_content_type`, of training channels and requests alike. Raises ValueError.
    """
    main, *parameters = [part.strip() for part in header.lower().split(";")]
    if main not in XGBOOST_KINDS:
        raise ValueError(f"{header} is not an accepted ContentType: {', '.join(XGBOOST_KINDS)}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if XGBOOST_KINDS[main] == "csv" and name.strip() == "label_size" and value.strip().strip('"') != "1":
            raise ValueError(
                f"{header} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
            )
    return XGBOOST_KINDS[main]


def csv_rows(text: str, *, filling: bool) -> Any:
    """Rows of numbers as float32; an empty field is missing if `filling`. Raises ValueError."""
    import numpy as np

    lines = text.strip("\r\n").splitlines()
    delimiter = "," if "," in lines[0] else _delimiter(lines[0])
    rows = [line.split(delimiter) for line in lines]
    width = len(rows[0])
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise ValueError(f"row {number} has {len(row)} fields, the first row has {width}")
    if filling:
        rows = [[field if field.strip() else "nan" for field in row] for row in rows]
    return np.array(rows, dtype=np.float32)


def _delimiter(line: str) -> str:
    try:
        return csv.Sniffer().sniff(line[:512], delimiters=";\t| ").delimiter
    except csv.Error:
        return ","


def libsvm_rows(text: str) -> Any:
    """Rows of `idx:val` (a leading label is ignored) as a sparse matrix. Raises ValueError."""
    import numpy as np
    import scipy.sparse

    starts, columns, values = [0], list[int](), list[float]()
    for line in text.splitlines():
        for field in line.split():
            column, colon, value = field.partition(":")
            if colon:
                columns.append(int(column))
                values.append(float(value))
            else:
                float(column)
        starts.append(len(columns))
    return scipy.sparse.csr_matrix((np.array(values, dtype=np.float32), columns, starts))


def npy(body: bytes) -> Any:
    """An array saved by numpy, without pickled objects. Raises ValueError."""
    import numpy as np

    return np.load(io.BytesIO(body), allow_pickle=False)


def json_array(body: bytes | str) -> Any:
    """A JSON list as float32. Raises ValueError."""
    import numpy as np

    return np.array(json.loads(body), dtype=np.float32)


def _csv_array(body: bytes | str) -> Any:
    return csv_rows(body.decode() if isinstance(body, bytes) else body, filling=False)


DECODERS: Mapping[str, Callable[[Any], Any]] = {JSON: json_array, CSV: _csv_array, NPY: npy}


def decode(body: bytes | str, content_type: str) -> Any:
    """The toolkit's default `input_fn`. Raises Refused."""
    kind = media_type(content_type)
    if kind not in DECODERS:
        raise RequestRefused(415, f"Content type {content_type} is not supported by this framework.")
    return DECODERS[kind](body)


def encode(prediction: Any, accept: str) -> bytes:
    """The toolkit's default `output_fn`. Raises Refused."""
    import numpy as np

    kind = media_type(accept)
    array = np.asarray(prediction)
    if kind == JSON:
        return json.dumps(array.tolist()).encode()
    if kind == CSV:
        rows = array.reshape(len(array), -1).tolist() if array.ndim else [[array.item()]]
        return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()
    if kind == NPY:
        target = io.BytesIO()
        np.save(target, array)
        return target.getvalue()
    raise RequestRefused(406, f"Accept type {accept} is not supported by this framework.")
