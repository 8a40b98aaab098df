#include "storage/job/job_store.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

v1::JobEvent Event(int64_t number) {
  v1::JobEvent event;
  event.set_number(number);
  event.mutable_log()->set_line(absl::StrCat("line ", number));
  return event;
}

// Two tasks, each with a title and a spec that names it.
v1::Job MakeJob(const std::string& id, const std::string& title) {
  v1::Job job;
  job.set_id(id);
  job.set_title(title);
  for (const std::string name : {"first", "second"}) {
    v1::Task* task = job.add_tasks();
    task->set_title(name);
    task->mutable_spec()->mutable_extract()->set_space(name + " of " + id);
  }
  return job;
}

// A step of that job: a new title, a token for its second task, event 2.
JobChange Step(const std::string& id, const std::string& title) {
  JobChange change;
  change.job = MakeJob(id, title);
  change.tasks.push_back(change.job.tasks(1));
  change.tasks[0].set_index(1);
  change.tasks[0].set_fencing_token(7);
  change.events = {Event(2)};
  return change;
}

// "title: tokens of its tasks", of every job.
std::vector<std::string> Contents(const JobStore& store) {
  std::vector<std::string> contents;
  EXPECT_THAT(store.LoadAll([](const v1::Job&) { return true; },
                            [&](v1::Job job) {
                              std::string text = job.title() + ":";
                              for (const v1::Task& task : job.tasks()) {
                                absl::StrAppend(&text, " ",
                                                task.fencing_token());
                              }
                              contents.push_back(text);
                            }),
              IsOk());
  return contents;
}

std::vector<int64_t> Events(const JobStore& store, const std::string& id,
                            int64_t after = 0) {
  std::vector<int64_t> numbers;
  EXPECT_THAT(store.ReadEvents(id, after,
                               [&](const v1::JobEvent& event) {
                                 numbers.push_back(event.number());
                                 return true;
                               }),
              IsOk());
  return numbers;
}

std::vector<std::string> Keys(const MemoryStore& store) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : store.rows()) keys.push_back(key);
  return keys;
}

constexpr char kZero[] = "0000000000000000000";
constexpr char kOne[] = "0000000000000000001";

TEST(JobStoreTest, AStepWritesTheHeaderWhatChangedAndItsEvents) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Create(MakeJob("j-b", "b"), {Event(1)}), IsOk());
  ASSERT_THAT(store.Create(MakeJob("j-a", "a"), {Event(1)}), IsOk());
  const auto before = memory.rows();
  ASSERT_THAT(store.Write({Step("j-a", "a2")}), IsOk());
  std::vector<std::string> written;
  for (const auto& [key, value] : memory.rows()) {
    const auto old = before.find(key);
    if (old == before.end() || old->second != value) written.push_back(key);
  }
  EXPECT_THAT(written,
              UnorderedElementsAre("job!j-a", absl::StrCat("task!j-a!", kOne),
                                   "event!j-a!0000000000000000002"));
  EXPECT_THAT(Contents(store), ElementsAre("a2: 0 7", "b: 0 0"));
  EXPECT_EQ(store.GetSpec("j-a", 1)->extract().space(), "second of j-a");
  EXPECT_THAT(Events(store, "j-a"), ElementsAre(1, 2));
  EXPECT_THAT(Events(store, "j-a", 1), ElementsAre(2));
  const v1::Job job = store.Read("j-a").value();
  EXPECT_EQ(job.tasks(0).title(), "first");
  EXPECT_FALSE(job.tasks(1).has_spec());
  EXPECT_EQ(store.ReadHeader("j-a")->tasks_size(), 0);
  EXPECT_THAT(store.Read("j-c"), StatusIs(StatusCode::kNotFound, "j-c"));
}

TEST(JobStoreTest, TasksAreLoadedOnlyForThoseThatAreWanted) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Create(MakeJob("j-a", "a"), {}), IsOk());
  ASSERT_THAT(store.Create(MakeJob("j-b", "b"), {}), IsOk());
  std::vector<int> sizes;
  ASSERT_THAT(
      store.LoadAll([](const v1::Job& job) { return job.title() == "b"; },
                    [&](v1::Job job) { sizes.push_back(job.tasks_size()); }),
      IsOk());
  EXPECT_THAT(sizes, ElementsAre(0, 2));
}

TEST(JobStoreTest, AFailedWriteChangesNothing) {
  const std::vector<std::function<absl::Status(JobStore&)>> writes = {
      [](JobStore& store) { return store.Create(MakeJob("j-b", "b"), {}); },
      [](JobStore& store) { return store.Write({Step("j-a", "a2")}); },
      [](JobStore& store) { return store.Delete("j-a"); },
      [](JobStore& store) { return store.ClearRestored(); }};
  for (const auto& write : writes) {
    MemoryStore memory;
    ASSERT_THAT(JobStore(memory).Create(MakeJob("j-a", "a"), {Event(1)}),
                IsOk());
    const auto before = memory.rows();
    FailingStore failing(memory, 1);
    JobStore store(failing);
    EXPECT_THAT(write(store), StatusIs(StatusCode::kUnavailable, "fail"));
    EXPECT_EQ(memory.rows(), before);
    EXPECT_THAT(write(store), IsOk()) << "and goes on afterwards";
  }
}

TEST(JobStoreTest, StepsOfSeveralJobsAreOneWrite) {
  MemoryStore memory;
  ASSERT_THAT(JobStore(memory).Create(MakeJob("j-a", "a"), {}), IsOk());
  ASSERT_THAT(JobStore(memory).Create(MakeJob("j-b", "b"), {}), IsOk());
  FailingStore second(memory, 2);
  EXPECT_THAT(JobStore(second).Write({Step("j-a", "a2"), Step("j-b", "b2")}),
              IsOk());
  EXPECT_THAT(Contents(JobStore(memory)), ElementsAre("a2: 0 7", "b2: 0 7"));
}

TEST(JobStoreTest, TheNewestEventsAreKept) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Create(MakeJob("j-a", "a"), {Event(1)}), IsOk());
  JobChange change = Step("j-a", "a");
  change.events.clear();
  for (int64_t number = 2; number <= kMaxEvents + 3; ++number) {
    change.events.push_back(Event(number));
  }
  ASSERT_THAT(store.Write({change}), IsOk());
  const std::vector<int64_t> kept = Events(store, "j-a");
  EXPECT_EQ(static_cast<int64_t>(kept.size()), kMaxEvents);
  EXPECT_EQ(kept.front(), 4);
  EXPECT_EQ(kept.back(), kMaxEvents + 3);
}

TEST(JobStoreTest, DeletingLeavesNothingOfTheJobAndAllOfOthers) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Create(MakeJob("j-a", "a"), {Event(1)}), IsOk());
  const auto before = memory.rows();
  // One whose id begins with the other's.
  ASSERT_THAT(store.Create(MakeJob("j-ab", "b"), {Event(1)}), IsOk());
  ASSERT_THAT(store.Write({Step("j-ab", "b2")}), IsOk());
  ASSERT_THAT(store.Delete("j-ab"), IsOk());
  EXPECT_EQ(memory.rows(), before);
  ASSERT_THAT(store.Delete("j-a"), IsOk());
  EXPECT_THAT(Keys(memory), IsEmpty());
}

TEST(JobStoreTest, AnAnswerIsThereWithItsStepOrNotAtAll) {
  MemoryStore memory;
  ASSERT_THAT(JobStore(memory).Create(MakeJob("j-a", "a"), {}), IsOk());
  FailingStore failing(memory, 1);
  JobStore store(failing);
  const auto requests = RequestLog::Open(failing).value();
  const JobChange change = Step("j-a", "a2");
  int steps = 0;
  const auto cancel = [&] {
    v1::CancelJobRequest request;
    request.set_id("j-a");
    request.set_request_id("r");
    return requests->Once<v1::Job>(
        RequestOf("CancelJob", request),
        [&](const RequestEntry& entry) -> absl::StatusOr<v1::Job> {
          ++steps;
          RETURN_IF_ERROR(store.Write({change}, entry, change.job));
          return change.job;
        });
  };
  EXPECT_THAT(cancel(), StatusIs(StatusCode::kUnavailable, "fail"));
  EXPECT_THAT(Contents(store), ElementsAre("a: 0 0"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(cancel()->title(), "a2");
    EXPECT_THAT(Contents(store), ElementsAre("a2: 0 7"));
  }
  EXPECT_EQ(steps, 2) << "the failed one and the first that was stored";
}

TEST(JobStoreTest, ACopyIsKnownUntilItIsCleared) {
  MemoryStore memory;
  JobStore store(memory);
  EXPECT_FALSE(store.restored().value());
  ASSERT_THAT(memory.Apply({MarkRestored()}), IsOk());
  EXPECT_TRUE(store.restored().value());
  ASSERT_THAT(store.ClearRestored(), IsOk());
  EXPECT_FALSE(store.restored().value());
}

absl::Status ReadEverything(const JobStore& store) {
  absl::Status first =
      store.LoadAll([](const v1::Job&) { return true; }, [](const v1::Job&) {});
  for (int task : {0, 1}) first.Update(store.GetSpec("j-a", task).status());
  first.Update(
      store.ReadEvents("j-a", 0, [](const v1::JobEvent&) { return true; }));
  return first;
}

TEST(JobStoreTest, DamageIsNamed) {
  MemoryStore memory;
  JobStore store(memory);
  ASSERT_THAT(store.Create(MakeJob("j-a", "a"), {Event(1)}), IsOk());
  ASSERT_THAT(store.Write({Step("j-a", "a2")}), IsOk());
  ASSERT_THAT(ReadEverything(store), IsOk());
  const auto whole = memory.rows();
  for (const auto& [key, value] : whole) {
    SCOPED_TRACE(key);
    memory.Damage(key);
    EXPECT_THAT(ReadEverything(store), StatusIs(StatusCode::kDataLoss, key));
    ASSERT_THAT(memory.Apply({{key, value}}), IsOk());
  }
  // What must be there, for the rest tells of it.
  for (const std::string& key :
       {std::string("tasks!j-a"), absl::StrCat("spec!j-a!", kZero)}) {
    SCOPED_TRACE(key);
    ASSERT_THAT(memory.Apply({{key, std::nullopt}}), IsOk());
    EXPECT_THAT(ReadEverything(store), StatusIs(StatusCode::kDataLoss, key));
    ASSERT_THAT(memory.Apply({{key, whole.at(key)}}), IsOk());
  }
  // A task that the job does not have.
  const std::string stray = "task!j-a!0000000000000000002";
  JobChange beyond = Step("j-a", "a3");
  beyond.tasks[0].set_index(2);
  ASSERT_THAT(store.Write({beyond}), IsOk());
  EXPECT_THAT(ReadEverything(store), StatusIs(StatusCode::kDataLoss, stray));
}

TEST(JobStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    JobStore store(**disk);
    ASSERT_THAT(store.Create(MakeJob("j-a", "a"), {Event(1)}), IsOk());
    ASSERT_THAT(store.Write({Step("j-a", "a2")}), IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  JobStore store(**disk);
  EXPECT_THAT(Contents(store), ElementsAre("a2: 0 7"));
  EXPECT_THAT(Events(store, "j-a"), ElementsAre(1, 2));
  EXPECT_EQ(store.GetSpec("j-a", 0)->extract().space(), "first of j-a");
}

}  // namespace
}  // namespace nevus
