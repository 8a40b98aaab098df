"""Holds the bans of tools/bans.txt and the size limits of files.

Prints each breach as FILE:LINE: what is wrong. Exits 1 if there is one.
"""

import re
import sys

MAX_HEADER_LINES = 200
MAX_SOURCE_LINES = 500


def read_rules(path):
    rules = []
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        pattern, why, allowed = line.rstrip("\n").rsplit(" | ", 2)
        rules.append((re.compile(pattern), why, re.compile(allowed)))
    return rules


def main(files):
    rules = read_rules("tools/bans.txt")
    breaches = 0
    for name in files:
        with open(name, encoding="utf-8") as file:
            lines = file.read().splitlines()
        limit = MAX_HEADER_LINES if name.endswith(".h") else MAX_SOURCE_LINES
        if len(lines) > limit:
            print(f"{name}: {len(lines)} lines; the most is {limit}: split it by idea")
            breaches += 1
        for number, line in enumerate(lines, 1):
            code = line.split("//")[0] if "TODO" not in line else line
            for pattern, why, allowed in rules:
                if pattern.search(code) and not allowed.search(name):
                    print(f"{name}:{number}: {pattern.search(code).group(0)}: {why}")
                    breaches += 1
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
