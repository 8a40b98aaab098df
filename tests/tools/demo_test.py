#!/usr/bin/python3
"""tools/demo.py as tools/demo starts it, on both kinds of images: its figures, and
that it leaves nothing behind."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import unittest

TMP = pathlib.Path(os.environ["TEST_TMPDIR"])
WORK = TMP / "work"  # where the demo keeps its server's data
REPORT = TMP / "report.html"
NEVUS = "clients/nevus/nevus"


def command(**flags):
    flags = {"images": "", "labels": "", "label-column": "", "positive": "",
             "group-column": "", "weights": "random:0", "report": REPORT, "count": 80,
             "seed": 1, "output": "json", "nevus": NEVUS,
             "nevusd": "services/nevusd/nevusd", **flags}
    return ["/usr/bin/python3", "tools/demo.py",
            *(f"--{name.replace('_', '-')}={value}" for name, value in flags.items())]


def processes():
    """Command lines that name what lies in the demo's directory."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if str(WORK).encode() in line:
            found.append(line)
    return found


class DemoTest(unittest.TestCase):
    def setUp(self):
        WORK.mkdir(exist_ok=True)
        self.environment = {**os.environ, "TMPDIR": str(WORK)}

    def tearDown(self):
        self.assertEqual(processes(), [])
        self.assertEqual(list(WORK.iterdir()), [])

    def run_demo(self, **flags):
        run = subprocess.run(command(**flags), env=self.environment,
                             stdout=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 0)
        figures = json.loads(run.stdout)
        self.assertLessEqual(
            {"synthetic", "import", "import_images_per_second", "dataset", "backbone",
             "extraction", "extract_images_per_second", "training", "evaluation",
             "predictions", "report"}, set(figures))
        self.assertEqual(figures["extraction"]["state"], "SUCCEEDED")
        self.assertEqual(figures["training"]["result"], "melanoma@1")
        self.assertEqual(len(figures["predictions"]), 3)
        self.assertIn("<svg", REPORT.read_text())
        return figures

    def test_synthetic_images(self):
        figures = self.run_demo()
        self.assertTrue(figures["synthetic"])
        self.assertEqual(figures["dataset"]["examples"], 80)
        self.assertGreater(figures["evaluation"]["auc"], 0)
        self.assertLess(figures["evaluation"]["auc"], 1)
        self.assertIn("SYNTHETIC", REPORT.read_text())

    # Names, labels and lesions are all small numbers: none may be taken for
    # another, and the name stands last.
    def test_ones_own_images(self):
        made = TMP / "made"
        subprocess.run([NEVUS, "dataset", "generate", made, "--count=60", "--size=128",
                        "--seed=3"], stdout=subprocess.DEVNULL, check=True)
        with open(made / "labels.csv", newline="", encoding="utf-8") as file:
            labels = [row["label"] for row in csv.DictReader(file)]
        rows = []
        for i, image in enumerate(sorted((made / "images").iterdir())):
            image.rename(image.with_name(f"{i}.jpg"))
            rows.append((int(labels[i] == "melanoma"), i // 2, i))
        with open(made / "own.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("melanoma", "lesion", "photo"), *rows])

        figures = self.run_demo(images=made / "images", labels=made / "own.csv",
                                group_column="lesion")
        self.assertFalse(figures["synthetic"])
        shown = {int(pathlib.Path(prediction["file"]).stem)
                 for prediction in figures["predictions"]}
        lesions = {lesion for _, lesion, photo in rows if photo in shown}
        learned = [label for label, lesion, _ in rows if lesion not in lesions]
        self.assertEqual(figures["import"]["taken"], len(learned))
        self.assertEqual(figures["import"]["refused"], 0)
        counts = figures["dataset"]["counts"]
        melanomas = sum(count for key, count in counts.items()
                        if key.endswith("/melanoma"))
        self.assertEqual(melanomas, sum(learned))
        self.assertEqual(sum(counts.values()), len(learned))

    def test_a_demo_that_is_ended_ends_its_server(self):
        demo = subprocess.Popen(command(), env=self.environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True)
        # Its first line is its first command: the server is up.
        self.assertTrue(demo.stderr.readline().startswith("$ nevus "))
        self.assertNotEqual(processes(), [])
        demo.send_signal(signal.SIGTERM)
        demo.communicate()
        self.assertEqual(demo.returncode, 143)


if __name__ == "__main__":
    unittest.main()
