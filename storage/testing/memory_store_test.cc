#include "storage/testing/memory_store.h"

#include <memory>

#include "gtest/gtest.h"
#include "storage/testing/conformance.h"
#include "storage/testing/failing_store.h"

namespace nevus {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, KeyValueStoreTest,
                         testing::Values(StoreFactory([] {
                           return std::make_unique<MemoryStore>();
                         })));

TEST(FailingStoreTest, OnlyTheChosenWriteFails) {
  MemoryStore memory;
  FailingStore store(memory, 2);
  EXPECT_THAT(store.Apply({{"a", "1"}}), IsOk());
  EXPECT_FALSE(store.fired());
  EXPECT_THAT(store.Apply({{"b", "1"}}),
              StatusIs(absl::StatusCode::kUnavailable, "made to fail"));
  EXPECT_TRUE(store.fired());
  EXPECT_THAT(store.Get("b"), StatusIs(absl::StatusCode::kNotFound, "b"));
  EXPECT_THAT(store.Apply({{"b", "1"}}), IsOk());
}

}  // namespace
}  // namespace nevus
