#!/usr/bin/python3
"""The line that tools/test closes with, from events as Bazel 4.2.3 writes them."""

import json
import os
import pathlib
import subprocess
import unittest

TMP = pathlib.Path(os.environ["TEST_TMPDIR"])


def completed(label, success):
    # Bazel leaves out what is false.
    return {"id": {"targetCompleted": {"label": label}},
            "completed": {"success": True} if success else {}}


def result(label, status, cases):
    xml = TMP / (label.strip("/").replace(":", "_") + ".xml")
    xml.write_text("<testsuites><testsuite>" + cases + "</testsuite></testsuites>")
    return {"id": {"testResult": {"label": label}},
            "testResult": {"status": status, "testActionOutput": [
                {"name": "test.xml", "uri": xml.as_uri()}]}}


class CountTestsTest(unittest.TestCase):
    def count(self, exit_code, *events):
        path = TMP / "events.json"
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
        run = subprocess.run(
            ["/usr/bin/python3", "tools/count_tests.py", path, str(exit_code)],
            stdout=subprocess.PIPE, text=True)
        return run.returncode, run.stdout.splitlines()

    def test_all_passed(self):
        code, lines = self.count(
            0, completed("//a:t", True),
            result("//a:t", "PASSED", '<testcase name="x"/><testcase name="y"/>'))
        self.assertEqual((code, lines), (0, ["2 passed, 0 failed"]))

    def test_the_skipped_are_told_before_the_last_line(self):
        code, lines = self.count(
            0, completed("//a:t", True),
            result("//a:t", "PASSED", '<testcase classname="A" name="x"/>'
                   '<testcase classname="A" name="y"><skipped message="no data"/></testcase>'))
        self.assertEqual(code, 0)
        self.assertEqual(lines, ["skipped: //a:t A.y: no data", "1 skipped",
                                 "1 passed, 0 failed"])

    def test_failed_cases_and_crashes_are_named_and_count(self):
        code, lines = self.count(
            3, completed("//a:t", True), completed("//a:u", True),
            result("//a:t", "FAILED", '<testcase name="x"/>'
                   '<testcase classname="A" name="y"><failure message="t.cc:7&#x0A;no"/>'
                   '<failure message="nor this"/></testcase>'
                   '<testcase classname="A" name="z"><skipped message="no data"/></testcase>'),
            result("//a:u", "TIMEOUT", ""))
        self.assertEqual(code, 1)
        self.assertEqual(lines, ["skipped: //a:t A.z: no data", "1 skipped",
                                 "failed: //a:t A.y: t.cc:7 no", "failed: //a:u: TIMEOUT",
                                 "1 passed, 2 failed"])

    def test_what_does_not_build_has_failed(self):
        code, lines = self.count(
            1, completed("//a:t", True), completed("//a:broken", False),
            result("//a:t", "PASSED", '<testcase name="x"/>'))
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed"))
        self.assertIn("failed: //a:broken: NOT BUILT", lines)

    def test_a_run_that_failed_is_never_none_failed(self):
        code, lines = self.count(
            1, completed("//a:t", True),
            result("//a:t", "PASSED", '<testcase name="x"/>'))
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed"))

    def test_nothing_that_ran_is_no_success(self):
        self.assertEqual(self.count(0), (1, ["0 passed, 0 failed"]))


if __name__ == "__main__":
    unittest.main()
