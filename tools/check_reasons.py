"""Holds the reasons that errors carry (WithReason) to the documentation.

Every reason in the code stands in docs/operations.md or docs/api.md, and every
one in the table "Reasons of errors" of docs/operations.md is in the code.
Prints each breach; exits 1 if there is one.
"""

import re
import sys

DOCS = ["docs/operations.md", "docs/api.md"]
TABLE = ("docs/operations.md", "## Reasons of errors")
# Where reasons are made up: tests, their helpers, and models of the code.
NO_PRODUCT = re.compile(r"(^tests/|_test\.cc$|/testing/|/fake_|fixture\.h$|/job_model\.cc$|/simulation/|/transcript)")
# A reason is written whole, as one literal: "JOB_ENDED". Of one word only next
# to WithReason.
REASON = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"')
ONE_WORD = re.compile(r'WithReason\((?:[^;]|;[^\n])*?"([A-Z]{4,})"', re.S)
# Such literals that are no reasons.
OTHERS = {
    "AVX2_VNNI": "an instruction set",
    "AVX512_CORE": "an instruction set",
    "AVX512_CORE_BF16": "an instruction set",
    "AVX512_CORE_VNNI": "an instruction set",
    "F8_E4M3": "a kind of number in a weight file",
    "F8_E5M2": "a kind of number in a weight file",
    "NEVUS_SERVER": "an environment variable",
    "ONEDNN_MAX_CPU_ISA": "an environment variable",
    "TEST_TMPDIR": "an environment variable",
}


def main(files):
    told = {name: open(name, encoding="utf-8").read() for name in DOCS}
    in_docs = set(re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", "".join(told.values())))
    in_code = {}
    for name in files:
        if NO_PRODUCT.search(name):
            continue
        text = re.sub(r"//[^\n]*", "", open(name, encoding="utf-8").read())
        for found in REASON.findall(text) + ONE_WORD.findall(text):
            in_code.setdefault(found, name)
    breaches = []
    for reason, name in sorted(in_code.items()):
        if reason not in in_docs and reason not in OTHERS:
            breaches.append(f"{name}: {reason} is in neither {' nor '.join(DOCS)}: say there what to do")
    table = told[TABLE[0]].partition(TABLE[1])[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| ([A-Z0-9_, ]+) \|", table, re.M))
    listed = {word for row in listed for word in re.split(r"[, ]+", row)}
    if len(listed) < 50:
        breaches.append(f"{TABLE[0]}: {len(listed)} reasons in \"{TABLE[1]}\"; the table was not read")
    for reason in sorted(listed - in_code.keys()):
        breaches.append(f"{TABLE[0]}: {reason} is no reason of the code")
    if len(in_code) < 100:
        breaches.append(f"only {len(in_code)} reasons found in the code; this script no longer reads it")
    print("\n".join(breaches), end="\n" if breaches else "")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
