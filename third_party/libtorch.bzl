"""LibTorch as the repository @libtorch: Debian's, or the folder LIBTORCH names.

Such a folder has include/ and lib/ as the archives of pytorch.org and Python's
package torch have. It also brings headers of other libraries, in versions of
its own (oneDNN, pybind11), so only the four folders of its own headers are
taken; and CUDA's, if this LibTorch has CUDA and CUDA_HOME has headers.
"""

load("//third_party:system_lib.bzl", "as_needed")

_OWN_HEADERS = ["ATen", "c10", "caffe2", "torch"]

_BUILD = """\
cc_library(
    name = "libtorch",
    hdrs = glob(["include/**", "cuda/**"], allow_empty = True),
    defines = {defines},
    includes = {includes},
    linkopts = {linkopts},
    visibility = ["@//third_party:__pkg__"],
)
"""

def _write(ctx, includes, linkopts, defines = []):
    ctx.file("BUILD.bazel", _BUILD.format(
        defines = repr(defines),
        includes = repr(includes),
        linkopts = repr(linkopts),
    ))

def _use_debians(ctx):
    # The rest of its headers is where compilers look anyway.
    ctx.symlink("/usr/include/torch/csrc/api/include", "include")
    _write(
        ctx,
        includes = ["include"],
        linkopts = as_needed(["torch", "torch_cpu", "c10", "glog"]),
    )

def _use_folder(ctx, folder):
    if not folder.startswith("/"):
        fail("LIBTORCH is \"%s\", a relative path; give the whole one" % folder)
    version = "include/torch/csrc/api/include/torch/version.h"
    if not ctx.path(folder + "/" + version).exists:
        fail(("LIBTORCH is %s, which has no %s; name the folder that has LibTorch's include/ and " +
              "lib/, or unset LIBTORCH for Debian's") % (folder, version))
    lib = ctx.path(folder + "/lib")
    if not lib.get_child("libtorch_cpu.so").exists or not lib.get_child("libc10.so").exists:
        fail("LIBTORCH is %s, which lacks lib/libtorch_cpu.so or lib/libc10.so; name a whole one" % folder)

    # A function that takes a std::string, in the name it has without the ABI tag.
    old_abi = ctx.execute(["grep", "-qa", "torchCheckFailEPKcS2_jRKSs", str(lib.get_child("libc10.so"))])
    if old_abi.return_code == 0:
        fail(("LIBTORCH is %s, which has the strings of C++ before 2011; Debian's gRPC and Abseil " +
              "have the others. Take LibTorch 2.6 or later, or a \"cxx11 ABI\" archive") % folder)

    for name in _OWN_HEADERS:
        headers = ctx.path(folder + "/include/" + name)
        if headers.exists:
            ctx.symlink(headers, "include/" + name)
    includes = ["include", "include/torch/csrc/api/include"]

    cuda_libs = [
        name
        for name in ["torch_cuda", "c10_cuda"]
        if lib.get_child("lib%s.so" % name).exists
    ]
    cuda = ctx.path(ctx.os.environ.get("CUDA_HOME", "/usr/local/cuda") + "/include")
    if cuda_libs and cuda.exists:
        ctx.symlink(cuda, "cuda")
        includes.append("cuda")

    _write(
        ctx,
        includes = includes,
        # It has a oneDNN inside. Ours first, so that our calls find the one they
        # were compiled for; its own would, too, which is what the define is for.
        defines = ["NEVUS_LIBTORCH_HAS_ONEDNN_INSIDE"],
        linkopts = ["-Wl,--push-state,--as-needed", "-ldnnl", "-L%s" % lib, "-Wl,-rpath,%s" % lib] +
                   ["-l" + name for name in ["torch", "torch_cpu", "c10"]] +
                   # It finds CUDA by what is loaded, though nothing calls it by name.
                   ["-Wl,--no-as-needed"] +
                   ["-l" + name for name in cuda_libs] +
                   ["-Wl,--pop-state"],
    )

def _libtorch_impl(ctx):
    folder = ctx.os.environ.get("LIBTORCH", "")
    if folder:
        _use_folder(ctx, folder.rstrip("/"))
    else:
        _use_debians(ctx)

libtorch_repository = repository_rule(
    implementation = _libtorch_impl,
    environ = ["LIBTORCH", "CUDA_HOME"],
    local = True,
)
