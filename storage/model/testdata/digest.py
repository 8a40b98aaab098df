"""Prints the digests of model_store_test.cc, without and with calibration and
detector, from the definition in docs/storage_format.md:
python3 storage/model/testdata/digest.py"""
import hashlib
import struct


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def doubles(*values):
    return struct.pack("<%dd" % len(values), *values)


def digest(fields):
    sha = hashlib.sha256()
    for field in fields:
        sha.update(len(field).to_bytes(8, "little") + field)
    return sha.hexdigest()


plain = [
    b"nevus model 1", b"a" * 64, b"melanoma", b"2", b"0",
    floats(1, 2), floats(1, 2), b"", b"", floats(1, 2), floats(0.5),
    b"youden", doubles(0.25)]
print(digest(plain))
print(digest(plain + [
    b"calibration:", b"isotonic", doubles(1), doubles(0), doubles(-1, 2),
    doubles(0.125, 0.5), b"ood:", floats(1, 2), floats(3, 4, 5), doubles(6)]))
