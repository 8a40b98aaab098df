"""One source, two tests: in one process, and in nine."""

def cluster_test(name, **kwargs):
    stem = name[:-len("_test")]
    for suffix, topology in [("one_process", "one"), ("many_processes", "many")]:
        native.cc_test(
            name = "%s_%s_test" % (stem, suffix),
            env = {"NEVUS_TOPOLOGY": topology},
            **kwargs
        )
