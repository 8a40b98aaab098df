// What every KeyValueStore must do. An engine instantiates the suite with a
// function that makes an empty store:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, KeyValueStoreTest, testing::Values(...));
#ifndef NEVUS_STORAGE_TESTING_CONFORMANCE_H_
#define NEVUS_STORAGE_TESTING_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

using StoreFactory = std::function<std::unique_ptr<KeyValueStore>()>;

class KeyValueStoreTest : public testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override {
    store_ = GetParam()();
    ASSERT_NE(store_, nullptr);
  }
  // The keys that a scan visits.
  std::vector<std::string> Keys(const std::string& prefix,
                                const std::string& start_after = "") const {
    std::vector<std::string> keys;
    EXPECT_THAT(store_->Scan(prefix, start_after,
                             [&](std::string_view key, std::string_view) {
                               keys.emplace_back(key);
                               return true;
                             }),
                IsOk());
    return keys;
  }
  std::unique_ptr<KeyValueStore> store_;
};

TEST_P(KeyValueStoreTest, AnEmptyStoreHoldsNothing) {
  EXPECT_THAT(store_->Get("a"), StatusIs(absl::StatusCode::kNotFound, "\"a\""));
  EXPECT_THAT(Keys(""), testing::IsEmpty());
}

TEST_P(KeyValueStoreTest, WhatIsWrittenIsReadAndReplaced) {
  ASSERT_THAT(store_->Apply({{"a", "1"}}), IsOk());
  EXPECT_EQ(store_->Get("a").value(), "1");
  ASSERT_THAT(store_->Apply({{"a", "2"}}), IsOk());
  EXPECT_EQ(store_->Get("a").value(), "2");
  ASSERT_THAT(store_->Apply({{"a", std::nullopt}}), IsOk());
  EXPECT_THAT(store_->Get("a"), StatusIs(absl::StatusCode::kNotFound, "a"));
  EXPECT_THAT(store_->Apply({{"a", std::nullopt}}), IsOk())
      << "deleting what is not there";
}

TEST_P(KeyValueStoreTest, KeysAndValuesAreBytesNotText) {
  const std::string bytes("a\0\xff", 3);
  ASSERT_THAT(store_->Apply({{bytes, bytes}, {"e", ""}}), IsOk());
  EXPECT_EQ(store_->Get(bytes).value(), bytes);
  EXPECT_EQ(store_->Get("e").value(), "");
}

TEST_P(KeyValueStoreTest, ALargeValueComesBackWhole) {
  std::string large(5 << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) {
    large[i] = static_cast<char>(i * 2654435761u >> 13);
  }
  ASSERT_THAT(store_->Apply({{"large", large}}), IsOk());
  EXPECT_TRUE(store_->Get("large").value() == large);
}

TEST_P(KeyValueStoreTest, LaterMutationsOfABatchWin) {
  ASSERT_THAT(store_->Apply({{"a", "1"}, {"a", std::nullopt}, {"a", "2"}}),
              IsOk());
  EXPECT_EQ(store_->Get("a").value(), "2");
}

TEST_P(KeyValueStoreTest, ABatchWithAReservedKeyWritesNothing) {
  for (const std::string& bad : {std::string(), std::string("\0x", 2)}) {
    EXPECT_THAT(store_->Apply({{"a", "1"}, {bad, "2"}}),
                StatusIs(absl::StatusCode::kInvalidArgument, "zero byte"));
    EXPECT_THAT(store_->Get("a"), StatusIs(absl::StatusCode::kNotFound, "a"));
  }
}

TEST_P(KeyValueStoreTest, AScanIsInOrderOfUnsignedBytes) {
  ASSERT_THAT(store_->Apply({{"b", ""}, {"\xff", ""}, {"a", ""}, {"a!", ""}}),
              IsOk());
  EXPECT_THAT(Keys(""), testing::ElementsAre("a", "a!", "b", "\xff"));
}

TEST_P(KeyValueStoreTest, AScanKeepsToItsPrefixAndStart) {
  ASSERT_THAT(store_->Apply({{"a", ""},
                             {"b", ""},
                             {"b1", ""},
                             {"b2", ""},
                             {"b\xff", ""},
                             {"c", ""}}),
              IsOk());
  EXPECT_THAT(Keys("b"), testing::ElementsAre("b", "b1", "b2", "b\xff"));
  EXPECT_THAT(Keys("b", "b1"), testing::ElementsAre("b2", "b\xff"));
  EXPECT_THAT(Keys("b", "b11"), testing::ElementsAre("b2", "b\xff"));
  EXPECT_THAT(Keys("b", "a"), testing::SizeIs(4))
      << "a start before the prefix";
  EXPECT_THAT(Keys("b", "c"), testing::IsEmpty()) << "a start behind it";
}

TEST_P(KeyValueStoreTest, AScanEndsWhenItsVisitorSaysSo) {
  ASSERT_THAT(store_->Apply({{"a", "1"}, {"b", "2"}, {"c", "3"}}), IsOk());
  std::string seen;
  ASSERT_THAT(store_->Scan("", "",
                           [&](std::string_view, std::string_view value) {
                             seen.append(value);
                             return seen.size() < 2;
                           }),
              IsOk());
  EXPECT_EQ(seen, "12");
}

TEST_P(KeyValueStoreTest, AScanSeesTheStoreAsItWasWhenItBegan) {
  ASSERT_THAT(store_->Apply({{"a", "1"}, {"b", "2"}}), IsOk());
  std::string seen;
  ASSERT_THAT(
      store_->Scan(
          "", "",
          [&](std::string_view, std::string_view value) {
            EXPECT_THAT(store_->Apply({{"b", "9"}, {"c", "9"}}), IsOk());
            seen.append(value);
            return true;
          }),
      IsOk());
  EXPECT_EQ(seen, "12");
}

TEST_P(KeyValueStoreTest, AReaderSeesABatchWholeOrNotAtAll) {
  constexpr int kRounds = 50;
  std::thread writer([&] {
    for (int round = 0; round < kRounds; ++round) {
      const std::string value = std::to_string(round);
      EXPECT_THAT(store_->Apply({{"left", value}, {"right", value}}), IsOk());
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> values;
    EXPECT_THAT(store_->Scan("", "",
                             [&](std::string_view, std::string_view value) {
                               values.emplace_back(value);
                               return true;
                             }),
                IsOk());
    if (values.empty()) continue;
    ASSERT_EQ(values.size(), 2u);
    EXPECT_EQ(values[0], values[1]);
  }
  writer.join();
}

}  // namespace nevus

#endif  // NEVUS_STORAGE_TESTING_CONFORMANCE_H_
