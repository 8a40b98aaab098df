"""A library the system provides: nothing but link options."""

def as_needed(libs):
    # --as-needed: a binary names only the .so files it really uses (an unused
    # one would still be loaded and run its constructors at start-up).
    return (["-Wl,--push-state,--as-needed"] +
            ["-l" + lib for lib in libs] +
            ["-Wl,--pop-state"])

def system_lib(name, libs, deps = [], **kwargs):
    native.cc_library(
        name = name,
        linkopts = as_needed(libs),
        deps = deps,
        **kwargs
    )
