"""Counts the test cases of one `bazel test` and prints "N passed, N failed".

Reads Bazel's build events (JSON lines) to find the result files of this very
run, so that results of an earlier one are never counted. Exits 1 if anything
failed or nothing ran.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree


def main(events_path):
    passed, failed, skipped = 0, 0, []
    for line in open(events_path, encoding="utf-8"):
        event = json.loads(line)
        if "testResult" not in event:
            continue
        label = event["id"]["testResult"]["label"]
        result = event["testResult"]
        xml_files = [
            output["uri"]
            for output in result.get("testActionOutput", [])
            if output["name"] == "test.xml"
        ]
        cases = []
        for uri in xml_files:
            path = urllib.parse.unquote(urllib.parse.urlparse(uri).path)
            try:
                cases += xml.etree.ElementTree.parse(path).getroot().iter("testcase")
            except (OSError, xml.etree.ElementTree.ParseError):
                pass  # The test died before it wrote: counted as one failure below.
        case_failures = 0
        for case in cases:
            name = f"{label} {case.get('classname', '')}.{case.get('name', '')}"
            if case.find("failure") is not None or case.find("error") is not None:
                case_failures += 1
            elif case.find("skipped") is not None or case.get("result") == "skipped":
                skipped.append((name, case.find("skipped")))
            else:
                passed += 1
        if result["status"] != "PASSED" and case_failures == 0:
            case_failures = 1  # Crashed or timed out, whatever the cases say.
            print(f"{label}: {result['status']}")
        failed += case_failures
    for name, why in skipped:
        message = why.get("message", "") if why is not None else ""
        print(f"skipped: {name}: {message.splitlines()[-1] if message else 'no reason given'}")
    line = f"{passed} passed, {failed} failed"
    print(line + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
