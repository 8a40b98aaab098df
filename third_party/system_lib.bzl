"""A library the system provides: nothing but link options."""

def system_lib(name, libs, deps = [], **kwargs):
    # --as-needed: a binary names only the .so files it really uses (an unused
    # one would still be loaded and run its constructors at start-up).
    native.cc_library(
        name = name,
        linkopts = ["-Wl,--push-state,--as-needed"] +
                   ["-l" + lib for lib in libs] +
                   ["-Wl,--pop-state"],
        deps = deps,
        **kwargs
    )
