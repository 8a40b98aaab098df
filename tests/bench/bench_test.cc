// Each bench at its smallest, through its command line: it runs and prints its
// figures. What times are is for a person to judge, never for a test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "clients/nevus/context.h"
#include "clients/nevus/output.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/cpu.h"
#include "tests/bench/commands.h"

namespace nevus {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

struct Outcome {
  int exit_code;
  std::string out, err;
};

Outcome Bench(std::vector<std::string> args) {
  args.insert(args.begin(), "bench");
  std::ostringstream out, err;
  const int exit_code =
      RunCommandLine(BenchTable(), args, Terminal{out, err, false, ""});
  return {exit_code, out.str(), err.str()};
}

std::vector<std::string> NamesOf(const Json& entries) {
  std::vector<std::string> names;
  for (const Json& entry : entries) names.push_back(entry["name"]);
  return names;
}

void ExpectFigures(const Json& entries) {
  for (const Json& entry : entries) {
    EXPECT_THAT(entry["values"], SizeIs(1)) << entry;
    EXPECT_GT(entry["median"], 0) << entry;
  }
}

// tools/bench keeps ratios by these.
void ExpectMachine(const Json& facts) {
  for (const char* fact : {"processor", "instruction sets", "threads"}) {
    ASSERT_TRUE(facts.contains(fact)) << fact << " is not in " << facts;
    EXPECT_NE(facts[fact], "") << fact;
  }
}

TEST(BenchTest, ExtractPrintsOursBesideTheNetworkAloneAndEager) {
  // Two images of 32 x 32 pixels; fp32 alone, as on any machine.
  const Outcome outcome =
      Bench({"extract", "--count", "2", "--repeats", "1", "--input-size", "32",
             "--threads", "1", "--precision", "fp32", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(NamesOf(json["lanes"]),
              ElementsAre("LibTorch eager, batch 1", "LibTorch eager, batch 8",
                          "fp32, network alone", "fp32, end to end"));
  EXPECT_THAT(NamesOf(json["ratios"]),
              ElementsAre(HasSubstr("fp32, end to end / LibTorch eager"),
                          "fp32, end to end / network alone"));
  ExpectFigures(json["lanes"]);
  EXPECT_EQ(json["ratios"][0]["at_least"], 1.0);
  EXPECT_EQ(json["ratios"][1]["at_least"], 0.92);
  EXPECT_TRUE(json["ratios"][1]["met"].is_boolean());
  ExpectMachine(json["facts"]);
  for (const char* fact : {"BLAS", "images", "fp32"}) {
    EXPECT_TRUE(json["facts"].contains(fact)) << fact;
  }
}

TEST(BenchTest, ExtractMeasuresEveryPrecisionAndEachLayer) {
  const Outcome outcome =
      Bench({"extract", "--count", "2", "--repeats", "1", "--input-size", "32",
             "--threads", "1", "--layers", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  for (Arithmetic arithmetic : Arithmetics()) {
    const std::string name = ArithmeticName(arithmetic);
    const bool here = CheckArithmeticSupported(arithmetic).ok();
    EXPECT_EQ(json["facts"].contains(name), here) << name;
    EXPECT_EQ(json["facts"].contains(name + " block3_conv2"), here) << name;
    EXPECT_EQ(json["facts"].contains(name + ", peak of a core"), here) << name;
  }
  // What auto takes is the network's lane again, with a target of its own.
  const auto found = std::find_if(
      json["ratios"].begin(), json["ratios"].end(), [](const Json& ratio) {
        return std::string(ratio["name"]).rfind("auto (", 0) == 0;
      });
  ASSERT_NE(found, json["ratios"].end()) << json["ratios"];
  const Json& by_auto = *found;
  const std::string name = by_auto["name"];
  const std::string lane =
      name.substr(6, name.find(") / LibTorch eager, batch ") - 6);
  EXPECT_THAT(NamesOf(json["lanes"]), Contains(lane));
  EXPECT_THAT(lane, HasSubstr(", end to end"));
  EXPECT_EQ(by_auto.value("at_least", 0.0), HasAvx512() ? 2.2 : 0.0);
}

TEST(BenchTest, ExtractMeasuresAnotherNetworkWithoutVgg16sTargets) {
  const Outcome outcome =
      Bench({"extract", "--arch", "resnet50", "--count", "2", "--repeats", "1",
             "--input-size", "32", "--threads", "1", "--precision", "fp32",
             "--layers", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_TRUE(json["facts"].contains("fp32 conv2_block1_1_relu"))
      << json["facts"];
  for (const Json& ratio : json["ratios"]) {
    EXPECT_FALSE(ratio.contains("at_least")) << ratio;
  }
}

// The smallest run with a peer, whose programs are looked for in `path` and
// whose package in a folder of the test's own.
class PeerTest : public ::testing::Test {
 protected:
  PeerTest() : path_(std::getenv("PATH")) {
    setenv("NEVUS_CACHE", files_.File("cache").c_str(), 1);
    setenv("PATH", files_.File("programs").c_str(), 1);
  }
  ~PeerTest() override { setenv("PATH", path_.c_str(), 1); }

  Outcome Extract() const {
    return Bench({"extract", "--count", "2", "--repeats", "1", "--input-size",
                  "32", "--threads", "1", "--precision", "fp32", "--peer",
                  "onnxruntime", "--output", "json"});
  }

  const TempDir files_;

 private:
  const std::string path_;
};

TEST_F(PeerTest, WithoutItExtractGoesOnAndSaysWhatIsMissing) {
  const Outcome outcome = Extract();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(std::string(json["facts"]["peer"]),
              HasSubstr("not measured: npm is not to be found"));
  EXPECT_THAT(json["lanes"], SizeIs(4));
}

TEST_F(PeerTest, OneThatComputesSomethingElseIsRefused) {
  // Its package is there, and its Node.js answers at once, with zeros.
  ASSERT_THAT(WriteFile(files_.File("cache/onnxruntime-node-1.30.0/there"), ""),
              IsOk());
  ASSERT_THAT(WriteFile(files_.File("programs/node"),
                        "#!/bin/sh\n"
                        "echo ready\n"
                        "while read -r batch; do\n"
                        "  /usr/bin/head -c 4096 /dev/zero > \"$7\"\n"
                        "  echo 0.5\n"
                        "done\n"),
              IsOk());
  ASSERT_EQ(chmod(files_.File("programs/node").c_str(), 0700), 0);
  const Outcome outcome = Extract();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_THAT(outcome.err,
              HasSubstr("ONNX Runtime's features are 1 from ours in fp32"));
}

TEST(BenchTest, ImportPrintsImportBesideDecodingAlone) {
  const Outcome outcome =
      Bench({"import", "--count", "3", "--repeats", "1", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(NamesOf(json["lanes"]),
              ElementsAre("libjpeg-turbo alone, one core", "import, synced"));
  ExpectFigures(json["lanes"]);
  EXPECT_EQ(json["ratios"][0]["at_least"], 0.5);
  ExpectMachine(json["facts"]);
}

TEST(BenchTest, AnImportOfOtherImagesThanJpegsHasNoYardstick) {
  const TempDir images;
  // One grey pixel.
  ASSERT_THAT(
      WriteFile(images.File("pixel.png"),
                absl::HexStringToBytes(
                    "89504e470d0a1a0a0000000d49484452000000010000000108000000"
                    "003a7e9b550000000a49444154789c6368000000820081"
                    "77cd72b60000000049454e44ae426082")),
      IsOk());
  const Outcome outcome =
      Bench({"import", "--images", images.path(), "--count", "1"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("the yardstick is libjpeg-turbo"));
}

TEST(BenchTest, DecodePrintsReducedBesideWhole) {
  const Outcome outcome =
      Bench({"decode", "--count", "1", "--repeats", "1", "--input-size", "32",
             "--threads", "1", "--precision", "fp32", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(NamesOf(json["ratios"]),
              ElementsAre("reduced / whole", "eight views / eight decodings"));
  ExpectFigures(json["lanes"]);
  ExpectMachine(json["facts"]);
}

TEST(BenchTest, ServePrintsEachPhaseBesideTheNetworkAlone) {
  const Outcome outcome =
      Bench({"serve", "--count", "2", "--repeats", "1", "--seconds", "1",
             "--input-size", "32", "--threads", "1", "--precision", "fp32",
             "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(
      NamesOf(json["ratios"]),
      ElementsAre(
          "end to end / network alone", "saturation / network in batches",
          "p99 at 70 %, even arrivals / lone request",
          "p99 at 70 %, Poisson arrivals / a perfect server's",
          "answered at 200 % / saturation", "memory grown at 200 % / 50 MiB",
          "p99 while versions swap / before", "failed while versions swap"));
  EXPECT_EQ(json["ratios"][1]["at_least"], 0.9);
  for (const Json& lane : json["lanes"]) {
    EXPECT_THAT(lane["values"], SizeIs(1)) << lane;
  }
  EXPECT_THAT(std::string(json["facts"]["swaps"]),
              AllOf(HasSubstr(" begun in 1 rounds, each to another network"),
                    Not(HasSubstr("0 begun"))));
  EXPECT_THAT(std::string(json["facts"]["p99.9"]), HasSubstr(" answers"));
}

TEST(BenchTest, ASoakPrintsWhatMemoryItCost) {
  const Outcome outcome =
      Bench({"serve", "--soak", "3000", "--threads", "1", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(NamesOf(json["lanes"]),
              ElementsAre("memory after the warm-up", "memory at the end",
                          "requests", "load, check and promote"));
  ExpectFigures(json["lanes"]);
  // Whether it is met is not asserted: pools and caches fill in the first fifty
  // swaps, and there are three.
  EXPECT_THAT(std::string(json["ratios"][0]["name"]), HasSubstr("growth over"));
}

TEST(BenchTest, TrainPrintsWhichLimitBinds) {
  const Outcome outcome = Bench(
      {"train", "--count", "400", "--dimension", "128", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(
      NamesOf(json["lanes"]),
      ElementsAre("features read back", "limit: rows from the disk, uncached",
                  "limit: the matrix products, one core",
                  "training, an epoch"));
  ExpectFigures(json["lanes"]);
  EXPECT_THAT(
      NamesOf(json["ratios"]),
      ElementsAre(HasSubstr("which bind"), "features read back / 500 MB/s"));
  EXPECT_EQ(json["facts"]["training rows"], "380");
}

TEST(BenchTest, WorkersPrintTwoBesideOne) {
  const Outcome outcome =
      Bench({"workers", "--count", "40", "--repeats", "1", "--input-size", "32",
             "--precision", "fp32", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(NamesOf(json["lanes"]), ElementsAre("one worker of one thread",
                                                  "two workers of one thread"));
  ExpectFigures(json["lanes"]);
  EXPECT_EQ(json["ratios"][0]["at_least"], 1.8);
}

TEST(BenchTest, SchedulerPrintsItsTargetsAtEachSize) {
  const Outcome outcome = Bench({"scheduler", "--jobs", "1100", "--tasks", "2",
                                 "--clients", "2", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_THAT(
      NamesOf(json["lanes"]),
      ElementsAre("submit, 1000 jobs queued", "cost of a job, 1000 queued",
                  "submit, 1100 jobs queued", "cost of a job, 1100 queued",
                  "list a page of 50", "lease a task",
                  "500 idle workers, the server",
                  "500 idle workers, their own side", "start again"));
  EXPECT_THAT(
      NamesOf(json["ratios"]),
      ElementsAre("submit / 2000 jobs/s",
                  "cost of a job, 1100 queued / 1000 queued",
                  "list a page / 20 ms", "lease a task / 2 ms",
                  "idle workers / 5 % of a core", "start again / 10 s"));
  EXPECT_TRUE(json["facts"].contains("synced write"));
}

TEST(BenchTest, HelpShowsAnExampleAtEachLevel) {
  for (const std::string bench : {"decode", "extract", "import", "scheduler",
                                  "serve", "soak", "train", "workers"}) {
    const Outcome outcome = Bench({bench, "--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("Example:\n  nevus bench " + bench));
    EXPECT_THAT(Bench({"--help"}).out, HasSubstr("bench " + bench));
  }
}

TEST(BenchTest, MistakesAreWrongUsage) {
  EXPECT_EQ(Bench({"extract", "--repeats", "0"}).exit_code, 2);
  EXPECT_EQ(Bench({"extract", "--weights", "random:x"}).exit_code, 2);
  const Outcome few = Bench({"import", "--images", ".", "--count", "99999"});
  EXPECT_EQ(few.exit_code, 2);
  EXPECT_THAT(few.err, HasSubstr("99999 are needed"));
}

}  // namespace
}  // namespace nevus
