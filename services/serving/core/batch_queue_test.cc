#include "services/serving/core/batch_queue.h"

#include <optional>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using Tickets = std::vector<uint64_t>;

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);
absl::Time At(int ms) { return kStart + absl::Milliseconds(ms); }

// Two models, named by addresses that are only compared.
const int kModels[2] = {};

// A queue and a few words for it.
class BatchQueueTest : public ::testing::Test {
 protected:
  void Limit(size_t max_batch, size_t max_queue, int max_delay_ms = 0) {
    queue_ =
        BatchQueue({max_batch, max_queue, absl::Milliseconds(max_delay_ms)});
  }
  // A batch of one took so long: what an image costs from now on.
  void AnImageTakes(int ms) { queue_.Observe(1, absl::Milliseconds(ms)); }

  absl::Status Add(uint64_t ticket, int at_ms, int deadline_ms = 1'000'000,
                   int priority = 0, int model = 0) {
    QueuedImage image;
    image.ticket = ticket;
    image.model = &kModels[model];
    image.priority = priority;
    image.deadline = At(deadline_ms);
    image.arrival = At(at_ms);
    return queue_.Add(image, At(at_ms), displaced_);
  }
  absl::Status AddOwn(uint64_t ticket) {
    QueuedImage image;
    image.ticket = ticket;
    image.model = &kModels[1];
    image.arrival = At(0);
    image.own = true;
    return queue_.Add(image, At(0), displaced_);
  }
  Tickets Batch(int at_ms) { return queue_.TakeBatch(At(at_ms)); }

  BatchQueue queue_{BatchLimits()};
  std::optional<uint64_t> displaced_;
};

TEST_F(BatchQueueTest, AnImageAloneIsABatchAtOnce) {
  ASSERT_THAT(Add(1, 0), IsOk());
  EXPECT_EQ(Batch(0), (Tickets{1}));
  EXPECT_EQ(Batch(0), Tickets{});
  EXPECT_EQ(queue_.NextBatchTime(), absl::InfiniteFuture());
}

TEST_F(BatchQueueTest, ABatchIsOfOneModelInOrderOfArrivalUpToItsMost) {
  Limit(2, 64);
  for (uint64_t i = 1; i <= 3; ++i) ASSERT_THAT(Add(i, 0), IsOk());
  ASSERT_THAT(Add(4, 0, 1'000'000, 0, /*model=*/1), IsOk());
  ASSERT_THAT(Add(5, 0), IsOk());
  EXPECT_EQ(Batch(0), (Tickets{1, 2}));
  EXPECT_EQ(Batch(0), (Tickets{3, 5}));
  EXPECT_EQ(Batch(0), (Tickets{4}));
}

TEST_F(BatchQueueTest, HigherPriorityGoesFirstAndTheSameInOrder) {
  Limit(2, 64);
  ASSERT_THAT(Add(1, 0), IsOk());
  ASSERT_THAT(Add(2, 0, 1'000'000, /*priority=*/5), IsOk());
  ASSERT_THAT(Add(3, 0), IsOk());
  ASSERT_THAT(Add(4, 0, 1'000'000, /*priority=*/5), IsOk());
  EXPECT_EQ(Batch(0), (Tickets{2, 4}));
  EXPECT_EQ(Batch(0), (Tickets{1, 3}));
}

TEST_F(BatchQueueTest, AFullQueueRefusesWithADelay) {
  Limit(8, 2);
  AnImageTakes(200);
  ASSERT_THAT(Add(1, 0), IsOk());
  ASSERT_THAT(Add(2, 0), IsOk());
  const absl::Status refused = Add(3, 0);
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kResourceExhausted, "2 images wait"));
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL");
  EXPECT_EQ(RetryDelayOf(refused), absl::Milliseconds(200));
}

TEST_F(BatchQueueTest, HigherPriorityTakesThePlaceOfTheNewestOfTheLowest) {
  Limit(8, 3);
  ASSERT_THAT(Add(1, 0), IsOk());
  ASSERT_THAT(Add(2, 0), IsOk());
  ASSERT_THAT(Add(3, 0, 1'000'000, 1), IsOk());
  ASSERT_THAT(Add(4, 0, 1'000'000, 2), IsOk());
  EXPECT_EQ(displaced_, 2u);
  EXPECT_THAT(Add(5, 0, 1'000'000, 0),
              StatusIs(absl::StatusCode::kResourceExhausted, ""));
  EXPECT_EQ(Batch(0), (Tickets{4, 3, 1}));
}

TEST_F(BatchQueueTest, AQueueTooLongForTheDeadlineRefusesAtOnce) {
  AnImageTakes(100);
  ASSERT_THAT(Add(1, 0), IsOk());
  ASSERT_THAT(Add(2, 0), IsOk());
  // 300 ms by the average, a quarter more to be sure.
  EXPECT_THAT(Add(3, 0, /*deadline_ms=*/370),
              StatusIs(absl::StatusCode::kResourceExhausted, "2 images"));
  EXPECT_THAT(Add(3, 0, /*deadline_ms=*/380), IsOk());
  // Those of lower priority are not ahead.
  EXPECT_THAT(Add(4, 0, /*deadline_ms=*/150, /*priority=*/1), IsOk());
}

TEST_F(BatchQueueTest, ACallOfManyImagesIsJudgedByItsLast) {
  AnImageTakes(100);
  ASSERT_THAT(Add(1, 0), IsOk());
  QueuedImage first;
  first.ticket = 2;
  first.model = &kModels[0];
  first.after = 9;
  // One ahead and ten of its own: 1,100 ms by the average, and a quarter more.
  first.deadline = At(1'370);
  EXPECT_THAT(queue_.Add(first, At(0), displaced_),
              StatusIs(absl::StatusCode::kResourceExhausted, "1 images"));
  first.deadline = At(1'380);
  EXPECT_THAT(queue_.Add(first, At(0), displaced_), IsOk());
}

TEST_F(BatchQueueTest, WhatHasExpiredLeavesBeforeItCosts) {
  ASSERT_THAT(Add(1, 0, /*deadline_ms=*/10), IsOk());
  ASSERT_THAT(Add(2, 0, /*deadline_ms=*/20), IsOk());
  EXPECT_EQ(queue_.TakeExpired(At(9)), Tickets{});
  EXPECT_EQ(queue_.TakeExpired(At(10)), (Tickets{1}));
  EXPECT_EQ(Batch(10), (Tickets{2}));
}

TEST_F(BatchQueueTest, WhatWouldExpireWhileItIsComputedLeavesToo) {
  ASSERT_THAT(Add(1, 0, /*deadline_ms=*/90), IsOk());
  ASSERT_THAT(Add(2, 0, /*deadline_ms=*/200), IsOk());
  AnImageTakes(100);
  EXPECT_EQ(queue_.TakeExpired(At(0)), (Tickets{1}));
}

TEST_F(BatchQueueTest, WhatIsBeingComputedIsWaitedForToo) {
  Limit(2, 64);
  AnImageTakes(100);
  for (uint64_t i = 1; i <= 3; ++i) ASSERT_THAT(Add(i, 0), IsOk());
  ASSERT_EQ(Batch(0), (Tickets{1, 2}));
  // At 50 ms 150 are left of that batch, and then come 3 and 4: 350 ms, 438
  // with a quarter more.
  EXPECT_THAT(Add(4, 50, /*deadline_ms=*/50 + 430),
              StatusIs(absl::StatusCode::kResourceExhausted, "1 images"));
  EXPECT_THAT(Add(4, 50, /*deadline_ms=*/50 + 440), IsOk());
  queue_.Observe(2, absl::Milliseconds(200));
  // Nothing is computed now: three images.
  EXPECT_THAT(Add(5, 200, /*deadline_ms=*/200 + 380), IsOk());
}

TEST_F(BatchQueueTest, WhoWouldComeLateAtItsPlaceInABatchIsLeftOut) {
  Limit(3, 64);
  ASSERT_THAT(Add(1, 0), IsOk());
  ASSERT_THAT(Add(2, 0, /*deadline_ms=*/150), IsOk());
  ASSERT_THAT(Add(3, 0), IsOk());
  AnImageTakes(100);
  EXPECT_EQ(Batch(0), (Tickets{1, 3}));
  // It leaves with the expired ones.
  ASSERT_THAT(Add(4, 100), IsOk());
  EXPECT_EQ(queue_.TakeExpired(At(100)), (Tickets{2}));
}

TEST_F(BatchQueueTest, OneIsAlwaysTriedSoThatAStallRefusesNobodyForEver) {
  AnImageTakes(10'000);
  ASSERT_THAT(Add(1, 0, /*deadline_ms=*/90), IsOk());
  EXPECT_EQ(queue_.TakeExpired(At(0)), Tickets{});
  EXPECT_EQ(Batch(0), (Tickets{1}));
  for (int i = 0; i < 40; ++i) AnImageTakes(10);
  EXPECT_LT(queue_.image_time(), absl::Milliseconds(12));
}

TEST_F(BatchQueueTest, WithADelayABatchWaitsForOthersButNoLonger) {
  Limit(2, 64, /*max_delay_ms=*/5);
  ASSERT_THAT(Add(1, 0), IsOk());
  EXPECT_EQ(Batch(4), Tickets{});
  EXPECT_EQ(queue_.NextBatchTime(), At(5));
  EXPECT_EQ(Batch(5), (Tickets{1}));
  ASSERT_THAT(Add(2, 6), IsOk());
  ASSERT_THAT(Add(3, 7), IsOk());
  EXPECT_EQ(Batch(7), (Tickets{2, 3}));
}

TEST_F(BatchQueueTest, TheServersOwnImagesTakeNoPlaceAndGoFirst) {
  Limit(8, 1);
  ASSERT_THAT(Add(1, 0), IsOk());
  ASSERT_THAT(AddOwn(9), IsOk());
  EXPECT_THAT(Add(2, 0), StatusIs(absl::StatusCode::kResourceExhausted, ""));
  EXPECT_EQ(Batch(0), (Tickets{9}));
  EXPECT_EQ(Batch(0), (Tickets{1}));
}

TEST_F(BatchQueueTest, WhatIsGoneIsTakenOut) {
  ASSERT_THAT(Add(1, 0), IsOk());
  ASSERT_THAT(Add(2, 0), IsOk());
  EXPECT_EQ(queue_.TakeIf([](uint64_t ticket) { return ticket == 1; }),
            (Tickets{1}));
  EXPECT_EQ(Batch(0), (Tickets{2}));
}

}  // namespace
}  // namespace nevus
