#include "compute/backbone/buffer_plan.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

// The definition, pair by pair.
void ExpectSound(const std::vector<BufferUse>& uses, const BufferPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), uses.size());
  for (size_t a = 0; a < uses.size(); ++a) {
    EXPECT_EQ(plan.offsets[a] % kBufferAlignment, 0u);
    EXPECT_LE(plan.offsets[a] + uses[a].bytes, plan.bytes);
    for (size_t b = 0; b < a; ++b) {
      const bool together =
          uses[a].first <= uses[b].last && uses[b].first <= uses[a].last;
      const bool overlap = plan.offsets[a] < plan.offsets[b] + uses[b].bytes &&
                           plan.offsets[b] < plan.offsets[a] + uses[a].bytes;
      EXPECT_FALSE(together && overlap) << a << " and " << b;
    }
  }
}

TEST(BufferPlanTest, AChainTakesItsTwoLargestNeighbours) {
  const std::vector<BufferUse> uses = {
      {1280, 0, 1}, {1280, 1, 2}, {640, 2, 3}, {640, 3, 4}, {128, 4, 5}};
  const BufferPlan plan = PlanBuffers(uses);
  ExpectSound(uses, plan);
  EXPECT_EQ(plan.bytes, 2560u);
}

TEST(BufferPlanTest, AShortcutLivesAcrossTheOthers) {
  const std::vector<BufferUse> uses = {
      {1024, 0, 3}, {512, 0, 1}, {512, 1, 2}, {512, 2, 3}};
  const BufferPlan plan = PlanBuffers(uses);
  ExpectSound(uses, plan);
  EXPECT_EQ(plan.bytes, 2048u);
}

TEST(BufferPlanTest, NothingTakesNothing) {
  EXPECT_EQ(PlanBuffers({}).bytes, 0u);
}

TEST(BufferPlanTest, NoTwoThatLiveTogetherOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE(round);
    std::vector<BufferUse> uses(random() % 8);
    for (BufferUse& use : uses) {
      use.bytes = random() % 600;
      use.first = random() % 6;
      use.last = use.first + random() % 4;
    }
    ExpectSound(uses, PlanBuffers(uses));
  }
}

}  // namespace
}  // namespace nevus
