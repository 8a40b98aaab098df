#include "storage/job/job_store.h"

#include <optional>
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
  v1::Task* task = job.add_tasks();
  task->set_fencing_token(7);
  task->mutable_spec()->mutable_extract()->set_space("space of " + id);
  return job;
}

// "title: space of the first task's spec", of every job.
std::vector<std::string> Contents(const JobStore& store) {
  std::vector<std::string> contents;
  EXPECT_THAT(store.LoadAll([&](v1::Job job) {
    contents.push_back(job.title() + ": " +
                       job.tasks(0).spec().extract().space());
  }),
              IsOk());
  return contents;
}

TEST(JobStoreTest, AnUpdateKeepsTheSpecs) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Create(MakeJob("j-b", "b")), IsOk());
  ASSERT_THAT(store.Create(MakeJob("j-a", "a")), IsOk());
  v1::Job changed = MakeJob("j-a", "a2");
  changed.mutable_tasks(0)->clear_spec();
  ASSERT_THAT(store.Update(changed), IsOk());
  EXPECT_THAT(Contents(store),
              testing::ElementsAre("a2: space of j-a", "b: space of j-b"));
}

TEST(JobStoreTest, AFailedWriteChangesNoJob) {
  MemoryStore memory;
  ASSERT_THAT(JobStore(memory).Create(MakeJob("j-a", "a")), IsOk());
  FailingStore first(memory, 1);
  EXPECT_THAT(JobStore(first).Update(MakeJob("j-a", "a2")),
              StatusIs(StatusCode::kUnavailable, "fail"));
  FailingStore second(memory, 1);
  EXPECT_THAT(JobStore(second).Create(MakeJob("j-b", "b")),
              StatusIs(StatusCode::kUnavailable, "fail"));
  EXPECT_THAT(Contents(JobStore(memory)),
              testing::ElementsAre("a: space of j-a"));
}

TEST(JobStoreTest, DamageIsNamed) {
  for (const std::string key : {"job!j-a", "job_spec!j-a"}) {
    MemoryStore memory;
    JobStore store(memory);
    ASSERT_THAT(store.Create(MakeJob("j-a", "a")), IsOk());
    memory.Damage(key);
    EXPECT_THAT(store.LoadAll([](v1::Job) {}),
                StatusIs(StatusCode::kDataLoss, key));
    ASSERT_THAT(memory.Apply({{key, std::nullopt}}), IsOk());
    if (key == "job!j-a") continue;  // no job, no specs looked for
    EXPECT_THAT(store.LoadAll([](v1::Job) {}),
                StatusIs(StatusCode::kDataLoss, "missing"));
  }
}

TEST(JobStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    ASSERT_THAT(JobStore(**disk).Create(MakeJob("j-a", "a")), IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  EXPECT_THAT(Contents(JobStore(**disk)),
              testing::ElementsAre("a: space of j-a"));
}

}  // namespace
}  // namespace nevus
