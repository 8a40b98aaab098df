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

    def test_a_tensor_that_does_not_lie_in_order_is_refused(self):
        self.refused("turned.pth", "tensor turned does not lie in order (strides (1, 3))")

    def test_damaged_files_are_refused(self):
        for name in ("state_dict.pth", "state_dict_before_1_6.pth"):
            with open(os.path.join(HERE, "testdata", name), "rb") as file:
                content = file.read()
            for length in range(0, len(content) - 1, 37):
                with open(self.source, "wb") as file:
                    file.write(content[:length])
                self.assert_refused(self.source, self.source)

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
