#include "storage/job/job_store.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;

v1::Job MakeJob(const std::string& id, const std::string& title) {
  v1::Job job;
  job.set_id(id);
  job.set_title(title);
  job.add_tasks()->set_fencing_token(7);
  return job;
}

std::vector<std::string> Titles(const JobStore& store) {
  std::vector<std::string> titles;
  EXPECT_THAT(
      store.LoadAll([&](v1::Job job) { titles.push_back(job.title()); }),
      IsOk());
  return titles;
}

TEST(JobStoreTest, SavingReplacesAndDeletingRemoves) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Save({MakeJob("j-b", "b"), MakeJob("j-a", "a")}), IsOk());
  EXPECT_THAT(Titles(store), testing::ElementsAre("a", "b"));
  ASSERT_THAT(store.Save({MakeJob("j-a", "a2")}), IsOk());
  EXPECT_THAT(Titles(store), testing::ElementsAre("a2", "b"));
  ASSERT_THAT(store.Delete({"j-a", "j-unknown"}), IsOk());
  EXPECT_THAT(Titles(store), testing::ElementsAre("b"));
}

TEST(JobStoreTest, AFailedSaveChangesNoJob) {
  MemoryStore memory;
  ASSERT_THAT(JobStore(memory).Save({MakeJob("j-a", "a")}), IsOk());
  FailingStore failing(memory, 1);
  EXPECT_THAT(
      JobStore(failing).Save({MakeJob("j-a", "a2"), MakeJob("j-b", "b")}),
      StatusIs(StatusCode::kUnavailable, "fail"));
  EXPECT_THAT(Titles(JobStore(memory)), testing::ElementsAre("a"));
}

TEST(JobStoreTest, ADamagedJobIsNamed) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Save({MakeJob("j-a", "a")}), IsOk());
  memory.Damage("job!j-a");
  EXPECT_THAT(store.LoadAll([](v1::Job) {}),
              StatusIs(StatusCode::kDataLoss, "job!j-a"));
}

TEST(JobStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    ASSERT_THAT(JobStore(**disk).Save({MakeJob("j-a", "a")}), IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  EXPECT_THAT(Titles(JobStore(**disk)), testing::ElementsAre("a"));
}

}  // namespace
}  // namespace nevus
