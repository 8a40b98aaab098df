#include "storage/model/checkpoint_store.h"

#include <optional>
#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gtest/gtest.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/model/model_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Lease MakeLease(const std::string& job, int task, int64_t token) {
  v1::Lease lease;
  lease.set_job(job);
  lease.set_task(task);
  lease.set_fencing_token(token);
  return lease;
}

v1::Checkpoint Training(const std::string& bytes) {
  v1::Checkpoint checkpoint;
  checkpoint.set_training(bytes);
  return checkpoint;
}

v1::Model MakeModel() {
  v1::Model model;
  model.set_name("m");
  return model;
}

// What task `task` of job j-1 has, or the code of the error.
std::string Kept(const ModelStore& store, int task) {
  const auto checkpoint = store.ReadCheckpoint("j-1", task);
  return checkpoint.ok() ? checkpoint->training()
                         : absl::StatusCodeToString(checkpoint.status().code());
}

TEST(CheckpointStoreTest, TheNewestIsKeptForEachTask) {
  MemoryStore memory;
  ModelStore store(memory);
  const absl::Status none = store.ReadCheckpoint("j-1", 0).status();
  EXPECT_THAT(none, StatusIs(StatusCode::kNotFound, "task 0 of job \"j-1\""));
  EXPECT_EQ(ReasonOf(none), "CHECKPOINT_NOT_FOUND");
  ASSERT_THAT(store.WriteCheckpoint(Training("a"), MakeLease("j-1", 0, 1)),
              IsOk());
  ASSERT_THAT(store.WriteCheckpoint(Training("b"), MakeLease("j-1", 1, 1)),
              IsOk());
  ASSERT_THAT(store.WriteCheckpoint(Training("c"), MakeLease("j-1", 0, 1)),
              IsOk());
  EXPECT_EQ(Kept(store, 0), "c");
  EXPECT_EQ(Kept(store, 1), "b");
  EXPECT_EQ(ReasonOf(store.ReadCheckpoint("j-1!0", 0).status()),
            "CHECKPOINT_NOT_FOUND");
}

TEST(CheckpointStoreTest, AWorkerThatLostItsLeaseChangesNothing) {
  MemoryStore memory;
  ModelStore store(memory);
  ASSERT_THAT(store.WriteCheckpoint(Training("new"), MakeLease("j-1", 0, 5)),
              IsOk());
  const absl::Status stale =
      store.WriteCheckpoint(Training("old"), MakeLease("j-1", 0, 4));
  EXPECT_THAT(stale, StatusIs(StatusCode::kAborted, "token 4"));
  EXPECT_EQ(ReasonOf(stale), "FENCING_TOKEN_STALE");
  EXPECT_EQ(Kept(store, 0), "new");
  EXPECT_EQ(ReasonOf(store.WriteCheckpoint(Training("x"), v1::Lease())),
            "LEASE_INVALID");
  // A checkpoint's token counts for the model too, and the other way round.
  EXPECT_EQ(
      ReasonOf(
          store.Register(MakeModel(), MakeLease("j-1", 0, 4), kNow).status()),
      "FENCING_TOKEN_STALE");
  ASSERT_THAT(store.Register(MakeModel(), MakeLease("j-1", 0, 6), kNow),
              IsOk());
  EXPECT_EQ(
      ReasonOf(store.WriteCheckpoint(Training("x"), MakeLease("j-1", 0, 5))),
      "FENCING_TOKEN_STALE");
}

TEST(CheckpointStoreTest, WhatIsNoCheckpointIsRefused) {
  MemoryStore memory;
  ModelStore store(memory);
  EXPECT_EQ(
      ReasonOf(store.WriteCheckpoint(v1::Checkpoint(), MakeLease("j-1", 0, 1))),
      "CHECKPOINT_EMPTY");
  const absl::Status large = store.WriteCheckpoint(
      Training(std::string(kMaxCheckpointBytes, 'c')), MakeLease("j-1", 0, 1));
  EXPECT_THAT(large, StatusIs(StatusCode::kInvalidArgument, "50331648"));
  EXPECT_EQ(ReasonOf(large), "CHECKPOINT_TOO_LARGE");
  EXPECT_TRUE(memory.rows().empty());
}

TEST(CheckpointStoreTest, AModelDropsThoseOfItsJobAndNoneComesAfterIt) {
  MemoryStore memory;
  ModelStore store(memory);
  for (const char* job : {"j-1", "j-10", "j-2"}) {
    for (int task = 0; task < 3; ++task) {
      ASSERT_THAT(store.WriteCheckpoint(Training("x"), MakeLease(job, task, 1)),
                  IsOk());
    }
  }
  ASSERT_THAT(store.Register(MakeModel(), MakeLease("j-1", 3, 1), kNow),
              IsOk());
  for (int task = 0; task < 3; ++task) {
    EXPECT_EQ(Kept(store, task), "NOT_FOUND");
    EXPECT_THAT(store.ReadCheckpoint("j-10", task), IsOk());
    EXPECT_THAT(store.ReadCheckpoint("j-2", task), IsOk());
  }
  for (const auto& [key, value] : memory.rows()) {
    EXPECT_TRUE(key.find("!j-1!") == std::string::npos ||
                key.rfind("fence!", 0) == 0 || key.rfind("registered!", 0) == 0)
        << key << " is left";
  }
  // An attempt that was still under way keeps nothing that nobody would drop.
  EXPECT_THAT(store.WriteCheckpoint(Training("late"), MakeLease("j-1", 0, 1)),
              IsOk());
  EXPECT_EQ(Kept(store, 0), "NOT_FOUND");
  // An imported model belongs to no job here.
  ASSERT_THAT(store.Register(MakeModel(), std::nullopt, kNow), IsOk());
  EXPECT_THAT(store.ReadCheckpoint("j-2", 0), IsOk());
}

TEST(CheckpointStoreTest, DamageIsDataLossNamingTheKey) {
  MemoryStore memory;
  ModelStore store(memory);
  ASSERT_THAT(store.WriteCheckpoint(Training("abc"), MakeLease("j-1", 7, 1)),
              IsOk());
  memory.Damage("checkpoint!j-1!7");
  EXPECT_THAT(store.ReadCheckpoint("j-1", 7),
              StatusIs(StatusCode::kDataLoss, "checkpoint!j-1!7"));
  // A damaged one hinders nobody: it is written over, or dropped.
  ASSERT_THAT(store.WriteCheckpoint(Training("def"), MakeLease("j-1", 7, 1)),
              IsOk());
  EXPECT_EQ(Kept(store, 7), "def");
  memory.Damage("checkpoint!j-1!7");
  ASSERT_THAT(store.Register(MakeModel(), MakeLease("j-1", 7, 1), kNow),
              IsOk());
  EXPECT_EQ(Kept(store, 7), "NOT_FOUND");
}

TEST(FailAtEveryPointTest, AJobHasItsCheckpointOrItsModel) {
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore memory;
    FailingStore failing(memory, fail_at);
    ModelStore store(failing);
    const auto scenario = [&]() -> absl::Status {
      RETURN_IF_ERROR(
          store.WriteCheckpoint(Training("one"), MakeLease("j-1", 0, 1)));
      RETURN_IF_ERROR(
          store.WriteCheckpoint(Training("two"), MakeLease("j-1", 0, 2)));
      return store.Register(MakeModel(), MakeLease("j-1", 0, 2), kNow).status();
    };
    const absl::Status first = scenario();
    const char* const kept[] = {"NOT_FOUND", "one", "two", "NOT_FOUND"};
    ASSERT_LE(fail_at, 4);
    EXPECT_EQ(Kept(store, 0), kept[fail_at - 1]);
    EXPECT_EQ(store.Get("m", 1).ok(), fail_at == 4);
    EXPECT_EQ(first.ok(), fail_at == 4);
    if (!failing.fired()) break;  // The whole scenario ran without a failure.
    EXPECT_THAT(store.WriteCheckpoint(Training("two"), MakeLease("j-1", 0, 2)),
                IsOk());
    EXPECT_THAT(store.Register(MakeModel(), MakeLease("j-1", 0, 2), kNow),
                IsOk());
    EXPECT_EQ(Kept(store, 0), "NOT_FOUND");
  }
}

TEST(CheckpointStoreTest, ReopeningKeepsIt) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    ASSERT_THAT(ModelStore(**disk).WriteCheckpoint(Training("kept"),
                                                   MakeLease("j-1", 0, 1)),
                IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  ModelStore store(**disk);
  EXPECT_EQ(Kept(store, 0), "kept");
  EXPECT_THAT(store.WriteCheckpoint(Training("late"), MakeLease("j-1", 0, 0)),
              StatusIs(StatusCode::kInvalidArgument, ""));
}

}  // namespace
}  // namespace nevus
