#!/usr/bin/env python3
"""Copies the tensors of a PyTorch file into a .safetensors file, and runs nothing.

    safetensors_from_torch.py vgg16-397923af.pth vgg16.safetensors

A .pth or .pt is a pickle, which may call any function when it is loaded. Here it may
make tensors, dictionaries and empty objects only; anything else is refused by name. Such a
file may still be made to use much memory. Reads what torch.save wrote (a state_dict;
also the format before PyTorch 1.6) and what torch.jit.save wrote. A tensor of a module
in a module is called as in a state_dict; tensors in lists are left out.
"""

import argparse
import collections
import functools
import io
import json
import math
import os
import pickle
import struct
import sys
import zipfile

# By the name of its storage: safetensors' name and the bytes of one number.
TYPES = {
    "DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}
# How the format before PyTorch 1.6 begins (torch/serialization.py).
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MAX_DEPTH = 64
MAX_OBJECTS = 100_000


class FileError(Exception):
    """Says what is wrong with the file and what to do."""


class Module:
    """What stands for an object of TorchScript: its attributes, no code."""


Storage = collections.namedtuple("Storage", "kind key")
Tensor = collections.namedtuple("Tensor", "storage offset shape stride")


def rebuild_tensor(storage, offset, shape, stride, *_):
    sizes = (offset, *shape, *stride)
    if (not isinstance(storage, Storage) or len(shape) != len(stride) or len(shape) > MAX_DEPTH
            or not all(type(size) is int and 0 <= size < 2**40 for size in sizes)):
        raise FileError(f"a tensor is not sound: offset {offset}, shape {shape}, strides {stride}")
    return Tensor(storage, offset, tuple(shape), tuple(stride))


class Unpickler(pickle.Unpickler):
    ALLOWED = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    }

    def find_class(self, module, name):
        if module == "torch" and name in TYPES:
            return name
        if module.split(".")[0] == "__torch__":
            return Module
        if module == "torch.jit._pickle" and name.startswith("build_"):
            return lambda values: values
        if (module, name) not in self.ALLOWED:
            raise FileError(f"it wants {module}.{name}, which is no tensor; save a state_dict "
                            "(torch.save(model.state_dict(), FILE))")
        return self.ALLOWED[module, name]

    def persistent_load(self, pid):
        if pid[0] == "module":  # the format before 1.6, a whole model
            return pid[1]
        if len(pid) > 5 and pid[5] is not None:
            raise FileError("its tensors are views of each other; save it again with a newer PyTorch")
        return Storage(pid[1], str(pid[2]))


def read_zip(file):
    """The tensors by name, and a function that gives a storage's bytes."""
    archive = zipfile.ZipFile(file)
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise FileError("it is a zip file, but not PyTorch's; it has no data.pkl")
    root = pickles[0][:-len("data.pkl")]
    if root + "byteorder" in archive.namelist() and archive.read(root + "byteorder") != b"little":
        raise FileError("it was written on a big-endian machine; save it again on another")
    tensors = named_tensors(Unpickler(io.BytesIO(archive.read(pickles[0]))).load())
    return tensors, lambda storage: archive.read(f"{root}data/{storage.key}")


def read_legacy(file):
    """The same of the format before PyTorch 1.6."""
    if Unpickler(file).load() != LEGACY_MAGIC:
        raise FileError("it is no PyTorch file")
    Unpickler(file).load()  # the version of the format
    if not Unpickler(file).load().get("little_endian", True):
        raise FileError("it was written on a big-endian machine; save it again on another")
    tensors = named_tensors(Unpickler(file).load())
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in tensors.values()}
    contents = {}
    for key in Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        if key not in kinds:
            raise FileError(f"nothing says what type storage {key} has; save a state_dict")
        contents[key] = file.read(count * TYPES[kinds[key]][1])
    return tensors, lambda storage: contents[storage.key]


def named_tensors(root):
    """Every tensor below `root`, by its name in a state_dict."""
    tensors, seen = {}, 0

    def visit(value, names):
        nonlocal seen
        seen += 1
        if len(names) > MAX_DEPTH or seen > MAX_OBJECTS:
            raise FileError(f"it holds more than {MAX_OBJECTS} objects or is nested more than "
                            f"{MAX_DEPTH} deep; save a state_dict")
        if isinstance(value, Tensor):
            name = ".".join(names)
            if name in tensors or name == "__metadata__":
                raise FileError(f"a tensor cannot be called {name} here, or two are; rename it")
            tensors[name] = value
        children = vars(value) if isinstance(value, Module) else value
        if isinstance(children, dict):
            for name, child in children.items():
                visit(child, (*names, str(name)))

    visit(root, ())
    return tensors


def contiguous_strides(shape):
    return tuple(math.prod(shape[i + 1:]) for i in range(len(shape)))


def tensor_bytes(name, tensor, read):
    size = TYPES[tensor.storage.kind][1]
    count = math.prod(tensor.shape)
    wanted = contiguous_strides(tensor.shape)
    if count and any(s > 1 and a != b for s, a, b in zip(tensor.shape, tensor.stride, wanted)):
        raise FileError(f"tensor {name} does not lie in order (strides {tensor.stride}); "
                        "call contiguous() on it before saving")
    content = read(tensor.storage)[tensor.offset * size:(tensor.offset + count) * size]
    if len(content) != count * size:
        raise FileError(f"tensor {name} is cut off: {len(content)} bytes of {count * size}")
    return content


def convert(source, target):
    """Writes `target` from `source`, an open file. How many tensors it has."""
    zipped = source.read(4) == b"PK\x03\x04"
    source.seek(0)
    tensors, read = (read_zip if zipped else read_legacy)(source)
    read = functools.lru_cache(maxsize=1)(read)
    if not tensors:
        raise FileError("it holds no tensors; save a state_dict")
    header, contents, at = {}, [], 0
    for name, tensor in tensors.items():
        content = tensor_bytes(name, tensor, read)
        header[name] = {"dtype": TYPES[tensor.storage.kind][0], "shape": list(tensor.shape),
                        "data_offsets": [at, at + len(content)]}
        contents.append(content)
        at += len(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "xb") as out:
        try:
            out.write(struct.pack("<Q", len(text)) + text)
            out.writelines(contents)
            out.flush()
        except OSError:
            os.remove(target)
            raise
    return len(tensors)


def main(arguments):
    parser = argparse.ArgumentParser(
        description="Copies a PyTorch file's tensors into a .safetensors file; runs nothing of it.")
    parser.add_argument("source", metavar="FILE.pth", help="what torch.save or torch.jit.save wrote")
    parser.add_argument("target", metavar="OUT.safetensors", help="must not be there yet")
    options = parser.parse_args(arguments)
    try:
        with open(options.source, "rb") as source:
            count = convert(source, options.target)
    except OSError as error:
        sys.exit(f"{error.filename or options.source}: {error.strerror or error}")
    except FileError as error:
        sys.exit(f"{options.source}: {error}")
    except Exception as error:  # a damaged file can make pickle and zipfile raise anything
        sys.exit(f"{options.source}: it is no PyTorch file, or damaged ({error!r})")
    print(f"{options.target}: {count} tensors")


if __name__ == "__main__":
    main(sys.argv[1:])
