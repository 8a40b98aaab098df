#!/usr/bin/python3
"""safetensors_from_torch.py against files that PyTorch wrote (testdata/make_torch_files.py)."""

import contextlib
import io
import json
import os
import pickle
import struct
import sys
import tempfile
import unittest
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import safetensors_from_torch  # noqa: E402

WEIGHT = ("F32", [2, 3], struct.pack("<6f", 1, -2, 0.5, 3, 4, -0.25))
BIAS = ("F32", [2], struct.pack("<2f", 0.125, 8))
NET = {"features.0.weight": WEIGHT, "features.0.bias": BIAS}
STATE_DICT = dict(NET, half=("F16", [3], struct.pack("<3e", 2, 3, 4)),
                  counter=("I64", [], struct.pack("<q", 7)))


class TouchesAFile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


class Rebuilt:
    """A tensor, pickled as the call that makes it."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return Rebuilt, self.arguments


class Writer(pickle._Pickler):  # pylint: disable=protected-access
    """Pickles as PyTorch does, without it: `Rebuilt` is called as PyTorch's function."""

    def save_global(self, obj, name=None):
        self.write(b"ctorch._utils\n_rebuild_tensor_v2\n")
        self.memoize(obj)

    def persistent_id(self, obj):
        return ("storage", "FloatStorage", "0", "cpu", 2) if obj == "STORAGE" else None

    dispatch = pickle._Pickler.dispatch.copy()
    dispatch[type] = save_global


class SafetensorsFromTorchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.target = os.path.join(folder.name, "out.safetensors")
        self.source = os.path.join(folder.name, "in.pth")

    def convert(self, name):
        with contextlib.redirect_stdout(io.StringIO()):
            safetensors_from_torch.main([os.path.join(HERE, "testdata", name), self.target])
        with open(self.target, "rb") as file:
            content = file.read()
        (length,) = struct.unpack("<Q", content[:8])
        self.assertEqual(length % 8, 0)
        values = content[8 + length:]
        return {name: (entry["dtype"], entry["shape"], values[slice(*entry["data_offsets"])])
                for name, entry in json.loads(content[8:8 + length]).items()}

    def assert_refused(self, path, what):
        with self.assertRaises(SystemExit) as refused:
            safetensors_from_torch.main([path, self.target])
        self.assertIn(what, str(refused.exception.code))
        self.assertFalse(os.path.exists(self.target))

    def refused(self, name, what):
        self.assert_refused(os.path.join(HERE, "testdata", name), what)

    def test_a_state_dict_in_either_format(self):
        self.assertEqual(self.convert("state_dict.pth"), STATE_DICT)
        os.remove(self.target)
        self.assertEqual(self.convert("state_dict_before_1_6.pth"), STATE_DICT)

    def test_a_torch_script_has_the_names_of_its_state_dict(self):
        self.assertEqual(self.convert("script.pt"), NET)

    def test_what_is_no_tensor_is_refused_by_name(self):
        self.refused("whole_model.pth", "it wants __main__.Net, which is no tensor")

    def test_nothing_in_a_file_is_run(self):
        touched = self.source + ".touched"
        with open(self.source, "wb") as file:
            pickle.dump(TouchesAFile(touched), file)
        self.assert_refused(self.source, "it wants io.open")
        self.assertFalse(os.path.exists(touched))

    def write_zip(self, value):
        content = io.BytesIO()
        Writer(content, protocol=2).dump(value)
        with zipfile.ZipFile(self.source, "w") as archive:
            archive.writestr("a/data.pkl", content.getvalue())
            archive.writestr("a/data/0", struct.pack("<2f", 1, 2))

    def test_a_file_that_lies_about_a_tensor_is_refused(self):
        def tensor(offset, shape, stride):
            return {"t": Rebuilt("STORAGE", offset, shape, stride)}

        self.write_zip(tensor(0, (2,), (1,)))
        self.assertEqual(self.convert(self.source), {"t": ("F32", [2], struct.pack("<2f", 1, 2))})
        os.remove(self.target)
        for wrong in (tensor(-1, (1,), (1,)), tensor(0, (-2,), (1,)), tensor(0, (True,), (1,)),
                      tensor(0, (2,), ()), tensor(0, (1,) * 5000, (1,) * 5000)):
            self.write_zip(wrong)
            self.assert_refused(self.source, "a tensor is not sound")
        self.write_zip(tensor(1, (2,), (1,)))
        self.assert_refused(self.source, "tensor t is cut off: 4 bytes of 8")

    def test_names_are_one_tensors(self):
        one = Rebuilt("STORAGE", 0, (1,), (1,))
        self.write_zip({"a.b": one, "a": {"b": one}})
        self.assert_refused(self.source, "a tensor cannot be called a.b here, or two are")
        self.write_zip({"__metadata__": one})
        self.assert_refused(self.source, "cannot be called __metadata__")

    def test_dictionaries_that_double_at_each_level_end(self):
        value = {}
        for _ in range(40):
            value = {"a": value, "b": value}
        self.write_zip(value)
        self.assert_refused(self.source, "more than 100000 objects")

    def test_a_tensor_that_does_not_lie_in_order_is_refused(self):
        self.refused("turned.pth", "tensor turned does not lie in order (strides (1, 3))")

    def test_damaged_files_are_refused(self):
        for name in ("state_dict.pth", "state_dict_before_1_6.pth"):
            with open(os.path.join(HERE, "testdata", name), "rb") as file:
                content = file.read()
            for length in range(0, len(content) - 1, 37):
                with open(self.source, "wb") as file:
                    file.write(content[:length])
                self.assert_refused(self.source, "it ")

    def test_a_target_that_is_there_is_kept(self):
        with open(self.target, "w") as file:
            file.write("mine")
        with self.assertRaises(SystemExit) as refused:
            self.convert("state_dict.pth")
        self.assertIn("File exists", str(refused.exception.code))
        with open(self.target) as file:
            self.assertEqual(file.read(), "mine")


if __name__ == "__main__":
    unittest.main()
