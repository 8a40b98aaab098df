"""C++ and gRPC code from .proto files with the system protoc and plugin.

    proto_cc_library(name = "echo_cc", srcs = ["echo.proto"], grpc = True,
                     deps = [":types_cc"])

gives a cc_library. Imports are written from the workspace root
(import "proto/types.proto"); google/protobuf/*.proto come from /usr/include.
"""

ProtoSrcsInfo = provider(fields = {"srcs": "depset of .proto files, transitive"})

def _proto_gen_impl(ctx):
    transitive = depset(
        ctx.files.srcs,
        transitive = [d[ProtoSrcsInfo].srcs for d in ctx.attr.deps],
    )
    args = ctx.actions.args()
    args.add("--proto_path=.")
    args.add("--proto_path=/usr/include")
    args.add("--cpp_out=" + ctx.bin_dir.path)
    if ctx.attr.grpc:
        args.add("--plugin=protoc-gen-grpc=" + ctx.attr.grpc_plugin)
        args.add("--grpc_out=" + ("generate_mock_code=true:" if ctx.attr.mocks else "") + ctx.bin_dir.path)
    args.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = ctx.attr.protoc,
        arguments = [args],
        inputs = transitive,
        outputs = ctx.outputs.outs,
        mnemonic = "ProtocCpp",
        progress_message = "Generating C++ for %s" % ctx.label,
    )
    return [
        DefaultInfo(files = depset(ctx.outputs.outs)),
        ProtoSrcsInfo(srcs = transitive),
    ]

_proto_gen = rule(
    implementation = _proto_gen_impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".proto"]),
        "deps": attr.label_list(providers = [ProtoSrcsInfo]),
        "outs": attr.output_list(),
        "grpc": attr.bool(),
        "mocks": attr.bool(),
        "protoc": attr.string(default = "/usr/bin/protoc"),
        "grpc_plugin": attr.string(default = "/usr/bin/grpc_cpp_plugin"),
    },
    output_to_genfiles = False,
)

def _gen_name(dep):
    return (dep if ":" in dep else dep + ":" + dep.rpartition("/")[2]) + "_gen"

def proto_cc_library(name, srcs, deps = [], grpc = False, mocks = False, **kwargs):
    stems = [s[:-len(".proto")] for s in srcs]
    hdrs = [s + ".pb.h" for s in stems]
    ccs = [s + ".pb.cc" for s in stems]
    if grpc:
        hdrs += [s + ".grpc.pb.h" for s in stems]
        ccs += [s + ".grpc.pb.cc" for s in stems]
        if mocks:
            hdrs += [s + "_mock.grpc.pb.h" for s in stems]
    _proto_gen(
        name = name + "_gen",
        srcs = srcs,
        deps = [_gen_name(d) for d in deps],
        outs = hdrs + ccs,
        grpc = grpc,
        mocks = mocks,
        visibility = kwargs.get("visibility"),
    )
    native.cc_library(
        name = name,
        srcs = ccs,
        hdrs = hdrs,
        # Generated code: not ours to lint.
        copts = ["-w"],
        deps = deps + ["//third_party:protobuf"] + (["//third_party:grpc"] if grpc else []),
        **kwargs
    )
