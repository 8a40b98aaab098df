#include "storage/engine/record.h"

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.pb.h"
#include "storage/engine/fence.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;

v1::Lease MakeLease(const std::string& job, int task, int64_t token) {
  v1::Lease lease;
  lease.set_job(job);
  lease.set_task(task);
  lease.set_fencing_token(token);
  return lease;
}

TEST(KeyTest, KeysSortByPartAndNumbersByValue) {
  EXPECT_EQ(Key({"row", "isic", KeyNumber(12), "a!b"}),
            "row!isic!0000000000000000012!a!b");
  EXPECT_EQ(KeyTail("row!isic!0000000000000000012!a!b", 3), "a!b");
  // "a" comes before "a-b", also when more parts follow.
  EXPECT_LT(Key({"model", "a", KeyNumber(9)}), Key({"model", "a-b", ""}));
  EXPECT_LT(KeyNumber(9), KeyNumber(10));
}

TEST(RecordTest, AnyFlippedBitIsFound) {
  v1::Task task;
  task.set_worker("w1");
  const Mutation put = PutRecord("k", task);
  for (size_t bit = 0; bit < 8 * put.value->size(); ++bit) {
    std::string value = *put.value;
    value[bit / 8] ^= static_cast<char>(1 << bit % 8);
    v1::Task read;
    EXPECT_THAT(ParseRecord("k", value, read),
                StatusIs(StatusCode::kDataLoss, "\"k\""))
        << bit;
  }
  v1::Task read;
  EXPECT_THAT(ParseRecord("k", "short", read),
              StatusIs(StatusCode::kDataLoss, "\"k\""));
  // The checksum is right, the message is not.
  EXPECT_THAT(ParseRecord("k", WithChecksum("\xff\xff"), read),
              StatusIs(StatusCode::kDataLoss, "no nevus.v1.Task"));
  EXPECT_THAT(ParseRecord("k", *put.value, read), IsOk());
  EXPECT_EQ(read.worker(), "w1");
}

TEST(FenceTest, ASmallerTokenIsRefusedAfterALargerOne) {
  MemoryStore store;
  const auto check = [&](const v1::Lease& lease) {
    std::vector<Mutation> batch;
    const absl::Status status = CheckFence(store, lease, batch);
    if (status.ok()) {
      EXPECT_THAT(store.Apply(batch), IsOk());
    }
    return status;
  };
  EXPECT_THAT(check(MakeLease("j-1", 0, 5)), IsOk());
  EXPECT_THAT(check(MakeLease("j-1", 0, 5)), IsOk()) << "the same attempt";
  EXPECT_THAT(check(MakeLease("j-1", 0, 10)), IsOk());
  const absl::Status stale = check(MakeLease("j-1", 0, 9));
  EXPECT_THAT(stale, StatusIs(StatusCode::kAborted, "token 9"));
  EXPECT_EQ(ReasonOf(stale), "FENCING_TOKEN_STALE");
  EXPECT_THAT(check(MakeLease("j-1", 1, 1)), IsOk()) << "another task";
  EXPECT_THAT(check(MakeLease("j-2", 0, 1)), IsOk()) << "another job";
}

TEST(FenceTest, ALeaseThatNobodyGaveIsRefused) {
  MemoryStore store;
  std::vector<Mutation> batch;
  for (const v1::Lease& bad :
       {MakeLease("", 0, 1), MakeLease("a!b", 0, 1), MakeLease("j-1", -1, 1),
        MakeLease("j-1", 0, 0)}) {
    const absl::Status status = CheckFence(store, bad, batch);
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, "lease"));
    EXPECT_EQ(ReasonOf(status), "LEASE_INVALID");
  }
  EXPECT_TRUE(batch.empty());
}

}  // namespace
}  // namespace nevus
