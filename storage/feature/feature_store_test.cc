#include "storage/feature/feature_store.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/record.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
const std::string kA(64, 'a'), kB(64, 'b'), kC(64, 'c'), kSpace(64, '0');

v1::FeatureSpace Space() {
  v1::FeatureSpace space;
  space.set_digest(kSpace);
  space.set_cut("block5_pool");
  space.set_dimension(3);
  return space;
}

v1::Lease MakeLease(int64_t token) {
  v1::Lease lease;
  lease.set_job("j-1");
  lease.set_fencing_token(token);
  return lease;
}

v1::Feature MakeFeature(const std::string& image, std::vector<float> values) {
  v1::Feature feature;
  feature.set_image_digest(image);
  feature.mutable_values()->Add(values.begin(), values.end());
  return feature;
}

std::vector<std::vector<float>> ReadAll(
    const FeatureStore& store, const std::vector<std::string>& images) {
  std::vector<std::vector<float>> all;
  EXPECT_THAT(store.Read(kSpace, images,
                         [&](v1::Feature feature) {
                           all.emplace_back(feature.values().begin(),
                                            feature.values().end());
                           return true;
                         }),
              IsOk());
  return all;
}

TEST(FeatureStoreTest, FeaturesComeBackBitForBitInTheOrderAsked) {
  MemoryStore memory;
  FeatureStore store(memory);
  const float tiny = std::numeric_limits<float>::denorm_min();
  ASSERT_THAT(store.Write(Space(),
                          {MakeFeature(kA, {1.5f, -0.0f, tiny}),
                           MakeFeature(kB, {0.1f, 2, 3})},
                          MakeLease(1), kNow),
              IsOk());
  const auto read = ReadAll(store, {kB, kA, kB});
  EXPECT_THAT(read,
              ElementsAre(ElementsAre(0.1f, 2, 3), ElementsAre(1.5f, 0, tiny),
                          ElementsAre(0.1f, 2, 3)));
  EXPECT_TRUE(std::signbit(read[1][1]));
  // The smallest float is no half, so all are floats: a 1, and 1.5f is
  // 0x3fc00000 (IEEE 754).
  EXPECT_EQ(memory.Get("feature!" + kSpace + "!" + kA)->substr(8, 5),
            std::string("\1\0\0\xc0\x3f", 5));
}

TEST(FeatureStoreTest, HalvesTakeTwoBytesANumberAndTheSpaceCountsThem) {
  MemoryStore memory;
  FeatureStore store(memory);
  ASSERT_THAT(store.Write(Space(),
                          {MakeFeature(kA, {1.5f, -2, 65504}),
                           MakeFeature(kB, {0.1f, 2, 3})},
                          MakeLease(1), kNow),
              IsOk());
  // A 2, then 1.5 as 0x3e00 (IEEE 754), ...
  EXPECT_EQ(memory.Get("feature!" + kSpace + "!" + kA)->substr(8),
            std::string("\2\0\x3e\0\xc0\xff\x7b", 7));
  EXPECT_THAT(
      ReadAll(store, {kA, kB}),
      ElementsAre(ElementsAre(1.5f, -2, 65504), ElementsAre(0.1f, 2, 3)));
  // Each with 8 bytes of checksum and one of code.
  EXPECT_EQ(store.GetSpace(kSpace)->stored_bytes(), (9 + 6) + (9 + 12));
}

// What a store of the first format holds: float32 without a code.
TEST(FeatureStoreTest, ValuesOfTheFirstFormatAreRead) {
  MemoryStore memory;
  FeatureStore store(memory);
  ASSERT_THAT(
      store.Write(Space(), {MakeFeature(kA, {1, 2, 3})}, MakeLease(1), kNow),
      IsOk());
  const std::string old("\0\0\xc0\x3f\0\0\x80\x3f\0\0\0\0", 12);
  ASSERT_THAT(
      memory.Apply({{"feature!" + kSpace + "!" + kA, WithChecksum(old)}}),
      IsOk());
  EXPECT_THAT(ReadAll(store, {kA}), ElementsAre(ElementsAre(1.5f, 1, 0)));
  ASSERT_THAT(memory.Apply({{"feature!" + kSpace + "!" + kA,
                             WithChecksum(old.substr(1))}}),
              IsOk());
  EXPECT_THAT(store.Read(kSpace, {kA}, [](v1::Feature) { return true; }),
              StatusIs(StatusCode::kDataLoss, "11 bytes"));
}

TEST(FeatureStoreTest, DeletingASpaceLeavesNothingOfItAndAllOfOthers) {
  MemoryStore memory;
  FeatureStore store(memory);
  const auto log = RequestLog::Open(memory).value();
  v1::FeatureSpace other = Space();
  other.set_digest(std::string(64, '1'));
  for (const v1::FeatureSpace& space : {Space(), other}) {
    ASSERT_THAT(
        store.Write(space,
                    {MakeFeature(kA, {1, 2, 3}), MakeFeature(kB, {4, 5, 6})},
                    MakeLease(1), kNow),
        IsOk());
  }
  v1::DeleteFeatureSpaceRequest request;
  request.set_digest(kSpace);
  request.set_request_id("once");
  const auto deleted = [&] {
    return log->Once<v1::DeleteFeatureSpaceResponse>(
        RequestOf("DeleteFeatureSpace", request),
        [&](const RequestEntry& entry) {
          return store.DeleteSpace(kSpace, entry);
        });
  };
  ASSERT_THAT(deleted(), IsOk());
  EXPECT_EQ(deleted()->space().features(), 2);  // the same answer
  for (const auto& [key, value] : memory.rows()) {
    EXPECT_EQ(key.find(kSpace), std::string::npos) << key;
  }
  EXPECT_EQ(ReasonOf(store.GetSpace(kSpace).status()),
            "FEATURE_SPACE_NOT_FOUND");
  EXPECT_THAT(store.FindMissing(kSpace, {kA}).value(), ElementsAre(kA));
  EXPECT_EQ(store.GetSpace(other.digest())->features(), 2);
  EXPECT_THAT(store.FindMissing(other.digest(), {kA, kB}).value(),
              ElementsAre());
  EXPECT_EQ(ReasonOf(store.DeleteSpace(kSpace, RequestEntry()).status()),
            "FEATURE_SPACE_NOT_FOUND");
}

TEST(FeatureStoreTest, WhatIsThereIsNeitherCountedNorReplaced) {
  MemoryStore memory;
  FeatureStore store(memory);
  ASSERT_THAT(
      store.Write(Space(), {MakeFeature(kA, {1, 2, 3})}, MakeLease(1), kNow),
      IsOk());
  ASSERT_THAT(
      store.Write(Space(),
                  {MakeFeature(kA, {7, 7, 7}), MakeFeature(kB, {4, 5, 6}),
                   MakeFeature(kB, {8, 8, 8})},
                  MakeLease(1), kNow + absl::Hours(1)),
      IsOk());
  EXPECT_THAT(ReadAll(store, {kA, kB}),
              ElementsAre(ElementsAre(1, 2, 3), ElementsAre(4, 5, 6)));
  const v1::FeatureSpace space = store.GetSpace(kSpace).value();
  EXPECT_EQ(space.features(), 2);
  EXPECT_EQ(space.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(store.ListSpaces().value().size(), 1u);
}

TEST(FeatureStoreTest, MissingImagesAreNamedOnceInTheOrderAsked) {
  MemoryStore memory;
  FeatureStore store(memory);
  EXPECT_THAT(store.FindMissing(kSpace, {kB}).value(), ElementsAre(kB));
  ASSERT_THAT(
      store.Write(Space(), {MakeFeature(kA, {1, 2, 3})}, MakeLease(1), kNow),
      IsOk());
  EXPECT_THAT(store.FindMissing(kSpace, {kC, kA, kB, kC}).value(),
              ElementsAre(kC, kB));
  const absl::Status missing =
      store.Read(kSpace, {kA, kB}, [](v1::Feature) { return true; });
  EXPECT_THAT(missing, StatusIs(StatusCode::kNotFound, kB));
  EXPECT_EQ(ReasonOf(missing), "FEATURE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store.GetSpace(kA).status()), "FEATURE_SPACE_NOT_FOUND");
}

TEST(FeatureStoreTest, AStaleLeaseWritesNothing) {
  MemoryStore memory;
  FeatureStore store(memory);
  ASSERT_THAT(
      store.Write(Space(), {MakeFeature(kA, {1, 2, 3})}, MakeLease(2), kNow),
      IsOk());
  const absl::Status stale =
      store.Write(Space(), {MakeFeature(kB, {1, 2, 3})}, MakeLease(1), kNow);
  EXPECT_THAT(stale, StatusIs(StatusCode::kAborted, "token 1"));
  EXPECT_EQ(ReasonOf(stale), "FENCING_TOKEN_STALE");
  EXPECT_THAT(store.FindMissing(kSpace, {kB}).value(), ElementsAre(kB));
}

TEST(FeatureStoreTest, WrongFeaturesAndSpacesAreRefused) {
  MemoryStore memory;
  FeatureStore store(memory);
  const auto reason = [&](const v1::FeatureSpace& space,
                          const v1::Feature& feature) {
    const absl::Status status =
        store.Write(space, {feature}, MakeLease(1), kNow);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    return ReasonOf(status);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(reason(Space(), MakeFeature(kA, {1, 2})), "FEATURE_INVALID");
  EXPECT_EQ(reason(Space(), MakeFeature(kA, {1, nan, 2})), "FEATURE_INVALID");
  EXPECT_EQ(reason(Space(), MakeFeature("x", {1, 2, 3})), "FEATURE_INVALID");
  const v1::Feature good = MakeFeature(kA, {1, 2, 3});
  v1::FeatureSpace space = Space();
  space.set_digest("x");
  EXPECT_EQ(reason(space, good), "FEATURE_SPACE_INVALID");
  EXPECT_TRUE(memory.rows().empty());
  ASSERT_THAT(store.Write(Space(), {good}, MakeLease(1), kNow), IsOk());
  space = Space();
  space.set_cut("block1_pool");
  EXPECT_EQ(reason(space, good), "FEATURE_SPACE_INVALID");
}

TEST(FeatureStoreTest, ADamagedFeatureIsDataLossNamingIt) {
  MemoryStore memory;
  FeatureStore store(memory);
  ASSERT_THAT(
      store.Write(Space(), {MakeFeature(kA, {1, 2, 3})}, MakeLease(1), kNow),
      IsOk());
  memory.Damage("feature!" + kSpace + "!" + kA);
  // The key is quoted up to 80 bytes.
  EXPECT_THAT(store.Read(kSpace, {kA}, [](v1::Feature) { return true; }),
              StatusIs(StatusCode::kDataLoss, "feature!" + kSpace));
}

TEST(FailAtEveryPointTest, AFailedWriteLeavesNothingAndARetrySucceeds) {
  MemoryStore memory;
  FailingStore failing(memory, 1);
  FeatureStore store(failing);
  const std::vector<v1::Feature> features = {MakeFeature(kA, {1, 2, 3})};
  EXPECT_THAT(store.Write(Space(), features, MakeLease(1), kNow),
              StatusIs(StatusCode::kUnavailable, "fail"));
  EXPECT_TRUE(memory.rows().empty());
  ASSERT_THAT(store.Write(Space(), features, MakeLease(1), kNow), IsOk());
  EXPECT_EQ(store.GetSpace(kSpace).value().features(), 1);
}

TEST(FeatureStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    ASSERT_THAT(FeatureStore(**disk).Write(
                    Space(), {MakeFeature(kA, {1, 2, 3})}, MakeLease(1), kNow),
                IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  EXPECT_THAT(ReadAll(FeatureStore(**disk), {kA}),
              ElementsAre(ElementsAre(1, 2, 3)));
}

}  // namespace
}  // namespace nevus
