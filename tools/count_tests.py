"""Counts the test cases of one `bazel test` and prints "N passed, N failed".

    count_tests.py EVENTS EXIT_CODE

What was skipped and what failed is named before it. Reads Bazel's build events
(JSON lines) to find the result files of this very run, so that results of an
earlier one are never counted. A target that did not build is one failure, and so
is a run that failed (EXIT_CODE) for no reason that the events tell. Exits 1 if
anything failed or nothing ran.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree


def read_cases(result):
    """The <testcase>s of one test's result; none if it died before it wrote."""
    cases = []
    for output in result.get("testActionOutput", []):
        if output["name"] != "test.xml":
            continue
        path = urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
        try:
            cases += xml.etree.ElementTree.parse(path).getroot().iter("testcase")
        except (OSError, xml.etree.ElementTree.ParseError):
            pass
    return cases


def main(events_path, exit_code):
    passed, failed, skipped, not_built = 0, [], [], set()
    for line in open(events_path, encoding="utf-8"):
        event = json.loads(line)
        if "targetCompleted" in event["id"]:
            if not event.get("completed", {}).get("success", False):
                not_built.add(event["id"]["targetCompleted"]["label"])
            continue
        if "testResult" not in event:
            continue
        label = event["id"]["testResult"]["label"]
        result = event["testResult"]
        failed_before = len(failed)
        for case in read_cases(result):
            name = f"{label} {case.get('classname', '')}.{case.get('name', '')}"
            failures = case.findall("failure") + case.findall("error")
            if failures:
                failed.append(f"{name}: {' '.join(failures[0].get('message', '').split())[:300]}")
            elif case.find("skipped") is not None or case.get("result") == "skipped":
                skipped.append((name, case.find("skipped")))
            else:
                passed += 1
        if result["status"] != "PASSED" and len(failed) == failed_before:
            # Crashed or timed out, whatever the cases say.
            failed.append(f"{label}: {result['status']}")
    failed += [f"{label}: NOT BUILT" for label in sorted(not_built)]
    if exit_code != 0 and not failed:
        failed.append(f"bazel ended with {exit_code}: see its messages above")
    for name, why in skipped:
        message = why.get("message", "") if why is not None else ""
        print(f"skipped: {name}: {message.splitlines()[-1] if message else 'no reason given'}")
    if skipped:
        print(f"{len(skipped)} skipped")
    # After what was skipped: who reads only the end of a log sees these.
    for what in failed:
        print(f"failed: {what}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
