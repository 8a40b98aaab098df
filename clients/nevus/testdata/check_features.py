"""Reads what feature_files_test.cc wrote, with NumPy and from the formats'
specifications, and prints it: one line a row, the same for every format.

  check_features.py npy DIRECTORY | safetensors FILE | parquet FILE

Exit code 77: NumPy is not installed.
"""

import csv
import json
import struct
import sys

try:
    import numpy as np
except ImportError:
    sys.exit(77)


def read_npy(directory):
    features = np.load(directory + "/features.npy", allow_pickle=False)
    with open(directory + "/rows.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "image", "split", "label", "group"], rows[0]
    return rows[1:], features


# https://github.com/huggingface/safetensors, "Format".
def read_safetensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0
    header = json.loads(data[8 : 8 + length])
    tensor = header["features"]
    begin, end = tensor["data_offsets"]
    body = data[8 + length :]
    assert (begin, end) == (0, len(body))
    features = np.frombuffer(
        body, {"F16": "<f2", "F32": "<f4"}[tensor["dtype"]]
    ).reshape(tensor["shape"])
    metadata = header["__metadata__"]
    assert all(isinstance(text, str) for text in metadata.values())
    names = ["id", "image", "split", "label", "group"]
    return list(zip(*(json.loads(metadata[name]) for name in names))), features


class Thrift:
    """The compact protocol: a struct as a dict from field number to value."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def value(self, kind):
        if kind in (5, 6):
            number = self.varint()
            return number >> 1 ^ -(number & 1)
        if kind == 8:
            length = self.varint()
            self.at += length
            return self.data[self.at - length : self.at]
        if kind == 9:
            head = self.byte()
            size = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15) for _ in range(size)]
        assert kind == 12, kind
        fields, number = {}, 0
        while (head := self.byte()) != 0:
            assert head >> 4 != 0
            number += head >> 4
            fields[number] = self.value(head & 15)
        return fields


# The hybrid of RLE and bit packing, its runs alone, one bit wide.
def read_levels(data, at, count):
    (length,) = struct.unpack_from("<I", data, at)
    reader, levels = Thrift(data, at + 4), []
    while reader.at < at + 4 + length:
        run = reader.varint()
        assert run & 1 == 0
        levels += [reader.byte()] * (run >> 1)
    assert len(levels) == count
    return levels, at + 4 + length


# https://github.com/apache/parquet-format: README.md, Encodings.md and
# parquet.thrift.
def read_parquet(path):
    data = open(path, "rb").read()
    assert data[:4] == b"PAR1" == data[-4:]
    (length,) = struct.unpack("<I", data[-8:-4])
    reader = Thrift(data, len(data) - 8 - length)
    metadata = reader.value(12)
    assert reader.at == len(data) - 8
    tree = [(e[4], e.get(1), e.get(3), e.get(5)) for e in metadata[2]]
    assert tree == [(b"features", None, None, 6)] + [
        (name, 6, 0, None)
        for name in (b"id", b"image", b"split", b"label", b"group")
    ] + [(b"features", None, 0, 1), (b"list", None, 2, 1), (b"element", 4, 0, None)]
    rows, features = [], []
    for group in metadata[4]:
        texts = []
        for chunk in group[1]:
            column = chunk[3]
            assert column[4] == 0  # uncompressed
            reader = Thrift(data, column[9])
            page = reader.value(12)
            at, end = reader.at, reader.at + page[3]
            assert end - column[9] == column[7]
            count = page[5][1]
            assert (page[1], page[5][2], count) == (0, 0, column[5])
            if column[1] == 6:
                texts.append([])
                for _ in range(count):
                    (size,) = struct.unpack_from("<I", data, at)
                    texts[-1].append(data[at + 4 : at + 4 + size].decode())
                    at += 4 + size
                assert at == end
                continue
            repetitions, at = read_levels(data, at, count)
            definitions, at = read_levels(data, at, count)
            assert set(definitions) == {1}
            numbers = np.frombuffer(data[at:end], "<f4")
            starts = [i for i, level in enumerate(repetitions) if level == 0]
            assert starts[0] == 0 and len(starts) == group[3]
            features += np.split(numbers, starts[1:])
        rows += zip(*texts)
    assert len(rows) == metadata[3]
    return rows, np.stack(features)


if __name__ == "__main__":
    rows, features = globals()["read_" + sys.argv[1]](sys.argv[2])
    print(features.dtype, *features.shape)
    for row, feature in zip(rows, features):
        print("|".join(row), *(float(value).hex() for value in feature[:4]))
