"""Prints the digests of dataset_content_test.cc, from the definition in
docs/storage_format.md: python3 storage/dataset/testdata/digest.py"""
import hashlib


def digest(rows):
    fields = ["nevus dataset 1"]
    for row_id, image, split, label, group, attributes in rows:
        fields += [row_id, image, split, label, group, str(len(attributes))]
        for name in sorted(attributes):
            fields += [name, attributes[name]]
    sha = hashlib.sha256()
    for field in (f.encode() for f in fields):
        sha.update(len(field).to_bytes(8, "little") + field)
    return sha.hexdigest()


print(digest([]))
print(digest([
    ("a", "0" * 64, "train", "nevus", "g1", {"age": "45", "sex": "f"}),
    ("b", "1" * 64, "unspecified", "nevus", "", {}),
]))
