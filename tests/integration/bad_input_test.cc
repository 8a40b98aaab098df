// What a careless or hostile user brings: the server answers with a reason and
// goes on answering.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/cluster.h"

namespace nevus {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Cluster::Start(TopologyFromEnvironment());
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
  }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(cluster_->File(name), std::ios::binary) << text;
    return cluster_->File(name);
  }

  // Imports the images of `folder` under these labels.
  CommandResult Import(const std::string& folder, const std::string& labels,
                       std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {
        "dataset", "import",         "d",     "--images", folder, "--labels",
        labels,    "--label-column", "label", "--output", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return cluster_->Cli(arguments);
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(BadInputTest, EachBadImageIsRefusedByNameAndTheRestIsTaken) {
  const char* data = std::getenv("NEVUS_TEST_DATA");
  if (data == nullptr ||
      !std::filesystem::exists(std::string(data) + "/images/manifest.csv")) {
    GTEST_SKIP() << "skipped: no ../shared/data";
  }
  const std::string folder = std::string(data) + "/images";
  std::ifstream manifest(folder + "/manifest.csv");
  std::string labels = "file,label\n";
  std::set<std::string> bad;
  int good = 0;
  std::string line;
  std::getline(manifest, line);
  while (std::getline(manifest, line)) {
    const std::string file = line.substr(0, line.find(','));
    labels += file + ",nevus\n";
    if (line.find(",reject,") != std::string::npos) {
      bad.insert(file);
    } else {
      ++good;
    }
  }
  const CommandResult result = Import(folder, Write("labels.csv", labels));
  EXPECT_EQ(result.exit_code, 1) << "something was refused";
  const json summary = json::parse(result.out, nullptr, false);
  ASSERT_FALSE(summary.is_discarded()) << result.out << result.err;
  EXPECT_EQ(summary["taken"], good);
  EXPECT_EQ(summary["refused"], bad.size());
  for (const json& refusal : summary["refusals"]) {
    const std::string id = refusal["id"];
    // The id is the file's name, without extension unless two would be one.
    bool named = bad.count(id) != 0;
    for (const std::string& file : bad) {
      named |= file.substr(0, file.rfind('.')) == id;
    }
    EXPECT_TRUE(named) << id << " is a good image";
    EXPECT_THAT(refusal["reason"].get<std::string>(),
                testing::StartsWith("IMAGE_"));
  }
  // --skip-bad accepts the loss.
  EXPECT_EQ(
      Import(folder, cluster_->File("labels.csv"), {"--skip-bad"}).exit_code,
      0);
  EXPECT_EQ(json::parse(
                cluster_->CliJson({"dataset", "show", "d"}))["draft_examples"],
            good);
}

TEST_F(BadInputTest, BadLabelFilesAreRefusedBeforeAnythingIsSent) {
  cluster_->CliJson({"dataset", "generate", cluster_->File("g"), "--count", "2",
                     "--size", "32"});
  const std::string folder = cluster_->File("g/images");
  const std::string row = "synthetic_00001,nevus\n";
  const std::pair<std::string, std::string> cases[] = {
      {"", "empty"},
      {"file,other\n" + row, "label"},
      {"file,label\n" + row + row, "synthetic_00001"},
      {"file,label\na/b,nevus\n", "slash"},
      {"file,label\n\"a\nb\",nevus\n", "control"},
      {"file,label\nsynthetic_00001,\n", "label"},
  };
  for (const auto& [text, expected] : cases) {
    SCOPED_TRACE(text);
    const CommandResult result = Import(folder, Write("bad.csv", text));
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr(expected));
  }
  EXPECT_EQ(cluster_->Cli({"dataset", "show", "d"}).exit_code, 1)
      << "nothing was made";
}

TEST_F(BadInputTest, WeightFilesThatAreNoneAreRefused) {
  // A header length of 2^63.
  const std::string length("\0\0\0\0\0\0\0\x80", 8);
  for (const std::string& content :
       {std::string("not weights"), length + "{}", std::string()}) {
    const std::string path = Write("w.safetensors", content);
    for (const char* arch : {"vgg16", "torchscript"}) {
      const CommandResult result = cluster_->Cli(
          {"backbone", "import", "b", "--arch", arch, "--weights", path});
      EXPECT_EQ(result.exit_code, 1) << result.err;
    }
  }
  EXPECT_EQ(json::parse(cluster_->CliJson({"backbone", "list"})).size(), 0u);
}

}  // namespace
}  // namespace nevus
