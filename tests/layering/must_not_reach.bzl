"""Holds the transitive side of the layering law: visibility sees only direct
edges, a genquery sees them all."""

def must_not_reach_test(name, target, forbidden, why):
    """Fails if `target` depends, over any number of steps, on a label that
    matches one of `forbidden` (regular expressions over labels)."""
    native.genquery(
        name = name + "_found",
        testonly = True,
        expression = "filter('{}', deps({}))".format("|".join(forbidden), target),
        scope = [target],
    )
    native.sh_test(
        name = name,
        size = "small",
        srcs = ["expect_empty.sh"],
        args = ["$(location :%s_found)" % name, target, "'%s'" % why],
        data = [":%s_found" % name],
    )
