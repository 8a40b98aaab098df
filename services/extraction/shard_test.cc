#include "services/extraction/shard.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace nevus {
namespace {

std::vector<std::string> Digests(size_t count) {
  std::vector<std::string> digests;
  for (size_t i = 0; i < count; ++i) digests.push_back(std::to_string(i));
  return digests;
}

TEST(ShardTest, HasTheNumberOfShardsThatItsRuleGives) {
  // By hand from the rule: at most 256 in one, at least 16, 8 if possible.
  const struct {
    size_t images, shards, largest;
  } cases[] = {
      {0, 0, 0},      {1, 1, 1},       {10, 1, 10},          {31, 1, 31},
      {32, 2, 16},    {128, 8, 16},    {2048, 8, 256},       {2049, 9, 228},
      {2150, 9, 239}, {2560, 10, 256}, {256'000, 1000, 256},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.images);
    const auto shards = CutIntoShards(Digests(c.images));
    EXPECT_EQ(shards.size(), c.shards);
    size_t largest = 0;
    for (const auto& shard : shards) largest = std::max(largest, shard.size());
    EXPECT_EQ(largest, c.largest);
  }
}

TEST(ShardTest, TogetherTheyAreTheImagesInOrderAndTheirSizesAreEven) {
  for (size_t n : {1, 15, 16, 17, 33, 255, 256, 257, 1000, 2050, 4097}) {
    SCOPED_TRACE(n);
    std::vector<std::string> together;
    size_t smallest = n, largest = 0;
    for (const auto& shard : CutIntoShards(Digests(n))) {
      together.insert(together.end(), shard.begin(), shard.end());
      smallest = std::min(smallest, shard.size());
      largest = std::max(largest, shard.size());
    }
    EXPECT_EQ(together, Digests(n));
    EXPECT_LE(largest - smallest, 1u);
  }
}

}  // namespace
}  // namespace nevus
