// A thousand histories of a whole system (simulation.h). A failure names its
// seed; NEVUS_SEED=N plays that history alone, NEVUS_SEEDS=N as many as that.
#include "services/scheduler/core/simulation/simulation.h"

#include <cstdlib>
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace nevus::scheduler {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return otherwise;
  uint64_t value = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &value)) << name << "=" << text;
  return value;
}

std::string Violations(uint64_t seed, Breakage breakage) {
  return absl::StrJoin(Simulation(seed, breakage).Play(), "\n");
}

TEST(SimulationTest, NothingIsLostAndEveryJobEndsOnceFaultsStop) {
  const uint64_t only = FromEnvironment("NEVUS_SEED", 0);
  const uint64_t last = only != 0 ? only : FromEnvironment("NEVUS_SEEDS", 1000);
  std::set<std::string> happened;
  for (uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
    Simulation simulation(seed, Breakage::kNone);
    ASSERT_EQ(absl::StrJoin(simulation.Play(), "\n"), "")
        << "NEVUS_SEED=" << seed << " plays this one again";
    happened.merge(simulation.Happened());
  }
  if (only != 0) return;
  // What never went wrong was not tried.
  for (const char* what :
       {"PENDING", "RUNNING", "PAUSED", "SUCCEEDED", "FAILED", "CANCELLED",
        "WAITING", "LEASED", "DONE", "BROKEN", "DROPPED", "WORKER_SILENT",
        "WORKER_DIED", "DISK_FULL", "ATTEMPT_TIME_LIMIT", "JOB_TIME_LIMIT",
        "DEPENDENCY_FAILED", "OUT_OF_ATTEMPTS"}) {
    EXPECT_EQ(happened.count(what), 1u) << what << " never happened";
  }
}

// A net that catches nothing proves nothing.
int BadSeeds(Breakage breakage) {
  int bad = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    if (!Violations(seed, breakage).empty()) ++bad;
  }
  return bad;
}

TEST(SimulationTest, ASchedulerThatAnswersBeforeItSyncsIsFound) {
  EXPECT_GT(BadSeeds(Breakage::kNoSync), 10);
}

TEST(SimulationTest, AStoreThatTakesStaleTokensIsFound) {
  EXPECT_GT(BadSeeds(Breakage::kNoFence), 0);
}

TEST(SimulationTest, TheSameSeedIsTheSameHistory) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(Violations(seed, Breakage::kNoSync),
              Violations(seed, Breakage::kNoSync));
  }
}

}  // namespace
}  // namespace nevus::scheduler
