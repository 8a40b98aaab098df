"""C++ and gRPC code from .proto files with the system protoc and plugin.

    proto_cc_library(name = "dataset", srcs = ["dataset.proto"], grpc = True,
                     deps = [":image"])

gives a cc_library `dataset` of messages, and, if `grpc`, a cc_library
`dataset_grpc` of stubs and services: two targets, so that storage can keep
messages without reaching gRPC. Imports are written from the workspace root;
google/protobuf/*.proto come from the system.
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
    if ctx.attr.grpc:
        args.add("--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin")
        args.add("--grpc_out=" + ctx.bin_dir.path)
    else:
        args.add("--cpp_out=" + ctx.bin_dir.path)
    args.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = "/usr/bin/protoc",
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
    },
    output_to_genfiles = False,
)

def proto_cc_library(name, srcs, deps = [], grpc = False, visibility = None):
    stems = [s[:-len(".proto")] for s in srcs]
    gen_deps = [d + "_gen" for d in deps]

    _proto_gen(
        name = name + "_gen",
        srcs = srcs,
        outs = [s + ext for s in stems for ext in [".pb.h", ".pb.cc"]],
        deps = gen_deps,
    )
    native.cc_library(
        name = name,
        srcs = [s + ".pb.cc" for s in stems],
        hdrs = [s + ".pb.h" for s in stems],
        copts = ["-w"],  # generated: not ours to lint
        visibility = visibility,
        deps = deps + ["//third_party:protobuf"],
    )
    if grpc:
        _proto_gen(
            name = name + "_grpc_gen",
            srcs = srcs,
            outs = [s + ext for s in stems for ext in [".grpc.pb.h", ".grpc.pb.cc"]],
            grpc = True,
            deps = gen_deps,
        )
        native.cc_library(
            name = name + "_grpc",
            srcs = [s + ".grpc.pb.cc" for s in stems],
            hdrs = [s + ".grpc.pb.h" for s in stems],
            copts = ["-w"],
            visibility = ["//:rpc_users"],
            deps = [":" + name, "//third_party:grpc"],
        )
