// A real nevusd on a disk that fills up while an import and an extraction are
// under way: what the user is told, that the job waits and goes on, and that
// nothing acknowledged is lost.
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/small_disk.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/cluster.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kExtracted = 32;
constexpr int kImported = 40;
// What is free when nevusd starts: less than RocksDB would keep ahead for a
// log, so that what is written from then on is what fills the disk.
constexpr size_t kFree = 20 << 20;
// More than a store wants to see before it goes on, for each of the two.
constexpr size_t kBallast = 220 << 20;

// Waits until `reached`; false after a time that only a failure reaches.
template <typename Reached>
bool Eventually(const Reached& reached) {
  const StopSignal never;
  const Stopwatch watch;
  while (!reached()) {
    if (watch.Seconds() > 120) return false;
    never.WaitFor(absl::Milliseconds(20));
  }
  return true;
}

class FullDiskTest : public testing::Test {
 protected:
  // Images and features are on the small disk; what the jobs and models are
  // stays on the machine's.
  void SetUp() override {
    const std::string disk = dir_.File("disk");
    fs::create_directory(disk);
    auto mounted =
        SmallDisk::Mount(disk, absl::StrCat("size=", kFree + kBallast));
    if (!mounted.ok())
      GTEST_SKIP() << "skipped: " << mounted.status().message();
    disk_ = *std::move(mounted);
    ASSERT_TRUE(WriteBallast(disk + "/ballast", kBallast));
    fs::create_directories(dir_.File("cluster/data-all"));
    for (const char* service : {"ingestion", "extraction"}) {
      fs::create_directory(absl::StrCat(disk, "/", service));
      fs::create_directory_symlink(
          absl::StrCat(disk, "/", service),
          dir_.File(absl::StrCat("cluster/data-all/", service)));
    }
    auto started = Cluster::Start(Topology::kOneProcess, dir_.File("cluster"));
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
  }

  json Run(std::vector<std::string> arguments) {
    const std::string text = cluster_->CliJson(std::move(arguments));
    json value = json::parse(text, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << "not one JSON value: " << text;
    return value;
  }

  std::vector<std::string> ImportOf(const std::string& dataset) {
    const std::string folder = dir_.File(dataset);
    return {"dataset",
            "import",
            dataset,
            "--images",
            folder + "/images",
            "--labels",
            folder + "/labels.csv",
            "--label-column",
            "label"};
  }

  void Generate(const std::string& name, int count, int size) {
    Run({"dataset", "generate", dir_.File(name), "--count", absl::StrCat(count),
         "--size", absl::StrCat(size), "--seed", "1"});
  }

  // What is acknowledged now and must be there later.
  json Acknowledged() {
    return {Run({"dataset", "show", "few@1"}),
            Run({"backbone", "show", "large"})};
  }

  TempDir dir_;
  std::unique_ptr<SmallDisk> disk_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(FullDiskTest, WorkWaitsForSpaceAndGoesOnAndNothingIsLost) {
  Generate("few", kExtracted, 64);
  Generate("many", kImported, 256);
  Run(ImportOf("few"));
  Run({"dataset", "seal", "few"});
  Run({"backbone", "import", "large", "--arch", "vgg16", "--weights",
       "random:0", "--input-size", "320"});
  const json acknowledged = Acknowledged();
  const std::string job =
      Run({"extract", "few@1", "--backbone", "large"})["id"];
  json now;
  const auto is_in = [&](const std::string& state) {
    now = Run({"job", "show", job});
    return now["state"] == state;
  };
  ASSERT_TRUE(Eventually([&] {
    return Run({"job", "show", job})["progress"]["done"] > 0;
  })) << cluster_->Logs();

  // The disk fills up.
  EXPECT_FALSE(WriteBallast(dir_.File("disk/rest"), kFree));
  const CommandResult import = cluster_->Cli(ImportOf("many"));
  EXPECT_EQ(import.exit_code, 1);
  EXPECT_THAT(import.err, HasSubstr("the disk is full: free some space"));
  ASSERT_TRUE(Eventually([&] { return is_in("PAUSED"); })) << now;
  EXPECT_EQ(now["reason"], "DISK_FULL") << now;
  EXPECT_LT(now["progress"]["done"], kExtracted) << "it was full too late";
  EXPECT_EQ(Acknowledged(), acknowledged) << "reads go on";
  EXPECT_THAT(cluster_->Logs(), HasSubstr("store.full"));

  // Space comes back.
  fs::remove(dir_.File("disk/ballast"));
  fs::remove(dir_.File("disk/rest"));
  ASSERT_TRUE(Eventually([&] { return is_in("SUCCEEDED"); })) << now;
  const json rest = Run(ImportOf("many"));
  EXPECT_EQ(rest["taken"].get<int>() + rest["already_there"].get<int>(),
            kImported);
  EXPECT_THAT(cluster_->Ended(), IsEmpty());

  // Nor is anything lost that only memory had.
  ASSERT_THAT(cluster_->Restart("all").status(), IsOk());
  EXPECT_EQ(Acknowledged(), acknowledged);
  EXPECT_EQ(Run({"extract", "few@1", "--backbone", "large",
                 "--wait"})["progress"]["total"],
            0)
      << "a feature is missing";
  EXPECT_EQ(Run(ImportOf("many"))["already_there"], kImported);
  const json verified = Run({"admin", "verify"});
  for (const char* service : {"ingestion", "extraction", "scheduler"}) {
    EXPECT_GT(verified[service]["values"], 0) << service;
    EXPECT_EQ(verified[service]["damaged"].size(), 0u) << verified;
  }
}

}  // namespace
}  // namespace nevus
