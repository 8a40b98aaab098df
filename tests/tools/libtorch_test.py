#!/usr/bin/python3
"""What third_party/libtorch.bzl makes of LIBTORCH: which folders it takes and
refuses, and what it then tells the compiler and the linker. Bazel itself reads the
rule, in a workspace that has nothing else."""

import os
import pathlib
import shutil
import subprocess
import unittest

TMP = pathlib.Path(os.environ["TEST_TMPDIR"])
WORKSPACE = TMP / "workspace"
BAZEL = ["bazel", f"--output_user_root={TMP}/bazel", "--max_idle_secs=60",
         "--host_jvm_args=-Xmx512m"]
VERSION = "include/torch/csrc/api/include/torch/version.h"


def ask(**environment):
    """The rule @libtorch as Bazel prints it, or its error."""
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    answer = subprocess.run(
        [*BAZEL, "query", "--output=build", "@libtorch//:libtorch"], cwd=WORKSPACE,
        env={**kept, "HOME": str(TMP), **environment}, text=True, capture_output=True)
    return answer.stdout if answer.returncode == 0 else answer.stderr


def folder(name, *files, libc10=b"torchCheckFailEPKcS2_jRKNSt7__cxx11"):
    """A folder with these empty files, and a libc10.so with such a symbol."""
    root = TMP / name
    for file in (VERSION, "lib/libtorch.so", "lib/libtorch_cpu.so", "lib/libc10.so", *files):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(libc10 if path.name == "libc10.so" else b"")
    return root


class LibTorch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        (WORKSPACE / "third_party").mkdir(parents=True)
        (WORKSPACE / "third_party/BUILD").touch()
        for rule in ("libtorch.bzl", "system_lib.bzl"):
            shutil.copy(f"third_party/{rule}", WORKSPACE / "third_party")
        (WORKSPACE / "WORKSPACE").write_text(
            'load("//third_party:libtorch.bzl", "libtorch_repository")\n'
            'libtorch_repository(name = "libtorch")\n')

    @classmethod
    def tearDownClass(cls):
        subprocess.run([*BAZEL, "shutdown"], cwd=WORKSPACE, check=True)

    def test_without_it_debians(self):
        for rule in (ask(), ask(LIBTORCH="")):
            self.assertIn('includes = ["include"]', rule)
            self.assertIn("-ltorch_cpu", rule)
            self.assertNotIn("-L", rule)
            self.assertNotIn("NEVUS_LIBTORCH_HAS_ONEDNN_INSIDE", rule)

    def test_a_folder(self):
        root = folder("cpu", "include/dnnl.h", "include/ATen/ATen.h")
        rule = ask(LIBTORCH=f"{root}/")
        self.assertIn(f'"-L{root}/lib", "-Wl,-rpath,{root}/lib"', rule)
        self.assertLess(rule.index("-ldnnl"), rule.index("-ltorch_cpu"))
        self.assertIn("NEVUS_LIBTORCH_HAS_ONEDNN_INSIDE", rule)
        self.assertNotIn("torch_cuda", rule)
        self.assertIn("include/ATen/ATen.h", rule)
        self.assertNotIn("dnnl.h", rule)

    def test_a_folder_with_cuda(self):
        root = folder("cuda", "lib/libtorch_cuda.so", "lib/libc10_cuda.so")
        toolkit = TMP / "toolkit"
        (toolkit / "include").mkdir(parents=True)
        (toolkit / "include/cuda_runtime_api.h").touch()
        rule = ask(LIBTORCH=str(root), CUDA_HOME=str(toolkit))
        self.assertIn('"-Wl,--no-as-needed", "-ltorch_cuda", "-lc10_cuda"', rule)
        self.assertIn("cuda/cuda_runtime_api.h", rule)
        rule = ask(LIBTORCH=str(root), CUDA_HOME="/nowhere")
        self.assertIn("-ltorch_cuda", rule)
        self.assertNotIn("cuda_runtime_api.h", rule)

    def test_refused(self):
        no_version, no_library = folder("no_version"), folder("no_library")
        (no_version / VERSION).unlink()
        (no_library / "lib/libtorch_cpu.so").unlink()
        old = folder("old", libc10=b"_ZN3c106detail14torchCheckFailEPKcS2_jRKSs")
        for named, words in (
                ("libtorch", "a relative path"),
                ("/nowhere", f"/nowhere, which has no {VERSION}"),
                (no_version, f"{no_version}, which has no {VERSION}"),
                (no_library, "lacks lib/libtorch_cpu.so"),
                (old, 'LibTorch 2.6 or later, or a "cxx11 ABI" archive')):
            with self.subTest(named):
                self.assertIn(words, ask(LIBTORCH=str(named)))


if __name__ == "__main__":
    unittest.main()
