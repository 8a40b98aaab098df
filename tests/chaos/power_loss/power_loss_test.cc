// The power goes at random points of the histories that users make; then every
// acknowledged write is there, every other whole or not at all.
//
// The stores of all services stand on one FaultyFileSystem. Each seed runs the
// histories, cuts the power three times (while stores are opened and recover,
// too) and looks after each. NEVUS_SEEDS=1000 runs more seeds than the 120 of
// every build, NEVUS_SEED=17 replays one.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/engine/testing/faulty_file_system.h"
#include "tests/chaos/power_loss/histories.h"
#include "tests/chaos/power_loss/oracle.h"
#include "tests/chaos/power_loss/random.h"

namespace nevus {
namespace {

constexpr int kSeeds = 120;
constexpr int kCutsPerSeed = 3;
// Operations of the disk until the cut: opening the four stores takes about a
// fifth of them.
constexpr int64_t kMostOperations = 500;
constexpr int kMostSteps = 300;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number
                                                            : otherwise;
}

struct Seeds {
  uint64_t first = 1;
  uint64_t last = kSeeds;
};

Seeds SeedsToRun() {
  const auto one = static_cast<uint64_t>(FromEnvironment("NEVUS_SEED", 0));
  if (one > 0) return {one, one};
  return {1, static_cast<uint64_t>(FromEnvironment("NEVUS_SEEDS", kSeeds))};
}

RocksDbOptions On(const FaultyFileSystem& disk) {
  RocksDbOptions options;
  options.env = disk.env();
  // Small, so that tables and blob files are written in the midst of it.
  options.write_buffer_bytes = 64 << 10;
  return options;
}

// The stores of a platform, on one disk.
class Platform {
 public:
  explicit Platform(uint64_t seed) : random_(seed) {
    for (auto* make : {NewDatasetHistory, NewFeatureHistory, NewRegistryHistory,
                       NewJobHistory}) {
      parts_.emplace_back();
      parts_.back().history = make();
    }
  }

  // Runs until the power goes, then looks at what is left.
  absl::Status CutAndCheck() {
    disk_.CutAfter(Draw(random_, 0, kMostOperations));
    absl::Status status = Open();
    for (int step = 0; status.ok() && step < kMostSteps; ++step) {
      Part& part = parts_[static_cast<size_t>(Draw(random_, 0, 3))];
      RecordingStore store(*part.store, part.oracle);
      status = part.history->Step(store, random_);
    }
    if (!status.ok() && !disk_.is_cut()) {
      return Annotate(status, "before the power went");
    }
    for (Part& part : parts_) part.store.reset();
    // Every second time what was not synced is gone whole.
    const uint64_t seed = random_();
    disk_.LosePower(seed % 2 == 0 ? 0 : seed);

    RETURN_IF_ERROR(Annotate(Open(), "opening after the power was back"));
    for (Part& part : parts_) {
      RETURN_IF_ERROR(
          Annotate(part.oracle.Compare(*part.store), part.history->name()));
      RETURN_IF_ERROR(
          Annotate(part.history->Check(*part.store), part.history->name()));
    }
    for (Part& part : parts_) part.store.reset();
    return absl::OkStatus();
  }

  int64_t settled() const {
    int64_t all = 0;
    for (const Part& part : parts_) all += part.oracle.settled();
    return all;
  }

 private:
  struct Part {
    std::unique_ptr<History> history;
    Oracle oracle;
    std::unique_ptr<RocksDbStore> store;
  };

  absl::Status Open() {
    for (Part& part : parts_) {
      ASSIGN_OR_RETURN(
          part.store,
          RocksDbStore::Open("/data/" + part.history->name(), On(disk_)));
    }
    return absl::OkStatus();
  }

  std::mt19937_64 random_;
  FaultyFileSystem disk_;
  std::vector<Part> parts_;
};

TEST(PowerLossTest, EveryAcknowledgedWriteOfEveryStoreIsThere) {
  const Seeds seeds = SeedsToRun();
  int64_t cuts = 0, settled = 0;
  for (uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    Platform platform(seed);
    for (int cut = 1; cut <= kCutsPerSeed; ++cut, ++cuts) {
      ASSERT_THAT(platform.CutAndCheck(), IsOk())
          << "cut " << cut << "; NEVUS_SEED=" << seed << " replays it";
    }
    settled += platform.settled();
  }
  std::cout << "power loss: " << cuts << " cuts, " << settled
            << " acknowledged writes, seeds " << seeds.first << " to "
            << seeds.last << " (NEVUS_SEED=N replays one, NEVUS_SEEDS=N runs "
            << "N)\n";
  // A history that never gets to write proves nothing.
  EXPECT_GT(settled, 10 * cuts);
}

// Writers that share a sync: each has its own keys, two in a batch.
TEST(PowerLossTest, WritersThatShareASyncLoseNothing) {
  constexpr int kWriters = 4;
  const Seeds seeds = SeedsToRun();
  for (uint64_t seed = seeds.first; seed <= seeds.last; seed += 4) {
    SCOPED_TRACE(absl::StrCat("NEVUS_SEED=", seed));
    std::mt19937_64 random(seed);
    FaultyFileSystem disk;
    auto store = RocksDbStore::Open("/data/store", On(disk));
    ASSERT_THAT(store, IsOk());
    disk.CutAfter(Draw(random, 1, 300));
    int acknowledged[kWriters] = {};
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        for (int i = 0;; ++i) {
          const std::string key = absl::StrCat("key", writer, "!", i);
          const std::string value(static_cast<size_t>(200 + 300 * writer), 'x');
          const std::vector<Mutation> batch = {{key + "left", value},
                                               {key + "right", value}};
          if (!(*store)->Apply(batch).ok()) return;
          acknowledged[writer] = i + 1;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    ASSERT_TRUE(disk.is_cut());
    store->reset();
    disk.LosePower(seed % 2 == 0 ? 0 : seed);
    store = RocksDbStore::Open("/data/store", On(disk));
    ASSERT_THAT(store, IsOk());
    for (int writer = 0; writer < kWriters; ++writer) {
      for (int i = 0; i <= acknowledged[writer]; ++i) {
        const std::string key = absl::StrCat("key", writer, "!", i);
        const bool left = (*store)->Get(key + "left").ok();
        EXPECT_EQ(left, (*store)->Get(key + "right").ok()) << key << " is torn";
        EXPECT_TRUE(left || i == acknowledged[writer]) << key << " is lost";
      }
    }
  }
}

}  // namespace
}  // namespace nevus
