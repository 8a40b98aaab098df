"""One source, two tests: in one process, and in nine."""

def cluster_test(name, tags = [], **kwargs):
    stem = name[:-len("_test")]
    for suffix, topology in [("one_process", "one"), ("many_processes", "many")]:
        native.cc_test(
            name = "%s_%s_test" % (stem, suffix),
            env = {"NEVUS_TOPOLOGY": topology},
            # Nine processes on two cores take their time to start.
            tags = tags + (["slow"] if topology == "many" else []),
            **kwargs
        )
