"""Prints the digest of model_store_test.cc, from the definition in
docs/storage_format.md: python3 storage/model/testdata/digest.py"""
import hashlib
import struct


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


sha = hashlib.sha256()
for field in [
        b"nevus model 1", b"a" * 64, b"melanoma", b"2", b"0",
        floats(1, 2), floats(1, 2), b"", b"", floats(1, 2), floats(0.5),
        b"youden", struct.pack("<d", 0.25)]:
    sha.update(len(field).to_bytes(8, "little") + field)
print(sha.hexdigest())
