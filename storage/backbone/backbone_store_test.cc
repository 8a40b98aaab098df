#include "storage/backbone/backbone_store.h"

#include <string>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gtest/gtest.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Backbone MakeBackbone(const std::string& name, char digest) {
  v1::Backbone backbone;
  backbone.set_name(name);
  backbone.set_digest(std::string(64, digest));
  backbone.set_arch("vgg16");
  backbone.set_normalization("torchvision");
  return backbone;
}

// Three pieces, the last one short.
std::string Weights() {
  std::string weights(9 << 20, '\0');
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<char>(i * 2654435761u >> 25);
  }
  return weights;
}

absl::StatusOr<std::string> ReadAll(const BackboneStore& store,
                                    const std::string& name) {
  std::string all;
  RETURN_IF_ERROR(store.ReadWeights(name, [&](std::string_view piece) {
    all.append(piece);
    return true;
  }));
  return all;
}

TEST(BackboneStoreTest, ABackboneIsFoundByNameAndByDigestWithItsWeights) {
  MemoryStore memory;
  BackboneStore store(memory);
  const auto put = store.Put(MakeBackbone("vgg16", 'a'), Weights(), kNow);
  ASSERT_THAT(put, IsOk());
  EXPECT_EQ(put->weights_bytes(), 9 << 20);
  EXPECT_EQ(put->weights_sha256(), Sha256Hex(Weights()));
  EXPECT_EQ(store.Get("vgg16").value().digest(), std::string(64, 'a'));
  EXPECT_EQ(store.Get(std::string(64, 'a')).value().name(), "vgg16");
  EXPECT_TRUE(ReadAll(store, std::string(64, 'a')).value() == Weights());
}

TEST(BackboneStoreTest, TheSameContentIsKeptOnceAndOtherContentRefused) {
  MemoryStore memory;
  BackboneStore store(memory);
  ASSERT_THAT(store.Put(MakeBackbone("b", 'a'), "", kNow), IsOk());
  const auto again =
      store.Put(MakeBackbone("b", 'a'), "", kNow + absl::Hours(1));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(ReadAll(store, "b").value(), "");

  const absl::Status other =
      store.Put(MakeBackbone("b", 'c'), "", kNow).status();
  EXPECT_THAT(other, StatusIs(StatusCode::kAlreadyExists, "backbone b"));
  EXPECT_EQ(ReasonOf(other), "BACKBONE_EXISTS");
  EXPECT_THAT(store.Put(MakeBackbone("same", 'a'), "", kNow), IsOk());
  v1::Backbone caffe = MakeBackbone("caffe", 'a');
  caffe.set_normalization("caffe");
  EXPECT_THAT(store.Put(caffe, "", kNow),
              StatusIs(StatusCode::kAlreadyExists, "torchvision, not caffe"));
}

TEST(BackboneStoreTest, DeletingLeavesNothing) {
  MemoryStore memory;
  BackboneStore store(memory);
  ASSERT_THAT(store.Put(MakeBackbone("b", 'a'), Weights(), kNow), IsOk());
  ASSERT_THAT(store.Delete("b"), IsOk());
  EXPECT_TRUE(memory.rows().empty());
  const absl::Status gone = store.Delete("b");
  EXPECT_THAT(gone, StatusIs(StatusCode::kNotFound, "\"b\""));
  EXPECT_EQ(ReasonOf(gone), "BACKBONE_NOT_FOUND");
}

TEST(BackboneStoreTest, DamagedWeightsAreDataLoss) {
  MemoryStore memory;
  BackboneStore store(memory);
  ASSERT_THAT(store.Put(MakeBackbone("b", 'a'), Weights(), kNow), IsOk());
  const std::string second = "weights!b!0000000000000000001";
  memory.Damage(second);
  EXPECT_THAT(ReadAll(store, "b"), StatusIs(StatusCode::kDataLoss, second));
  ASSERT_THAT(memory.Apply({{second, std::nullopt}}), IsOk());
  EXPECT_THAT(ReadAll(store, "b"), StatusIs(StatusCode::kDataLoss, "gone"));
  // A whole piece of another file: each piece is sound, their sum is not.
  ASSERT_THAT(memory.Apply({{second, *memory.Get("weights!b!"
                                                 "0000000000000000000")}}),
              IsOk());
  EXPECT_THAT(ReadAll(store, "b"), StatusIs(StatusCode::kDataLoss, "SHA-256"));
}

TEST(FailAtEveryPointTest, ABackboneIsNeverThereWithoutItsWeights) {
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore memory;
    FailingStore failing(memory, fail_at);
    (void)BackboneStore(failing).Put(MakeBackbone("b", 'a'), Weights(), kNow);
    BackboneStore store(memory);
    if (store.Get("b").ok()) {
      EXPECT_TRUE(ReadAll(store, "b").value() == Weights());
    }
    if (!failing.fired()) break;  // All went without a failure.
    ASSERT_THAT(store.Put(MakeBackbone("b", 'c'), "short", kNow), IsOk())
        << "a retry must succeed, also with another file";
    EXPECT_EQ(ReadAll(store, "b").value(), "short");
    EXPECT_EQ(memory.rows().size(), 2u) << "nothing of the first is left";
  }
}

// Puts "b" twice and deletes it, each under an id of its own.
absl::Status ChangeUnderIds(KeyValueStore& engine, absl::Time now,
                            const std::string& weights) {
  BackboneStore store(engine);
  ASSIGN_OR_RETURN(const auto log, RequestLog::Open(engine));
  const auto put = [&](const RequestEntry& entry) {
    return store.Put(MakeBackbone("b", 'a'), weights, now, entry);
  };
  for (const char* id : {"put", "put what is there"}) {
    ASSIGN_OR_RETURN(const v1::Backbone answer,
                     log->Once<v1::Backbone>({id, "Put", "digest"}, put));
    EXPECT_EQ(answer.create_time().seconds(), 1'700'000'000);
  }
  return log
      ->Once<v1::DeleteBackboneResponse>(
          {"delete", "Delete", "digest"},
          [&](const RequestEntry& entry)
              -> absl::StatusOr<v1::DeleteBackboneResponse> {
            RETURN_IF_ERROR(store.Delete("b", entry));
            return v1::DeleteBackboneResponse();
          })
      .status();
}

TEST(RequestIdTest, EveryChangeIsMadeOnceAndAnsweredTheSameAgain) {
  MemoryStore memory;
  ASSERT_THAT(ChangeUnderIds(memory, kNow, "weights"), IsOk());
  const auto rows = memory.rows();
  EXPECT_EQ(rows.size(), 2u * 3) << "three ids and their order, no backbone";
  // It is not put again, and its deletion does not say that it is not there.
  EXPECT_THAT(ChangeUnderIds(memory, kNow + absl::Hours(1), "weights"), IsOk());
  EXPECT_EQ(memory.rows(), rows);
}

TEST(FailAtEveryPointTest, AChangeAndItsAnswerStandOrFallTogether) {
  const std::string weights = Weights();
  MemoryStore undisturbed;
  ASSERT_THAT(ChangeUnderIds(undisturbed, kNow, weights), IsOk());
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore memory;
    FailingStore failing(memory, fail_at);
    const absl::Status broken = ChangeUnderIds(failing, kNow, weights);
    if (!failing.fired()) break;
    EXPECT_THAT(broken, StatusIs(StatusCode::kUnavailable, "fail"));
    EXPECT_THAT(ChangeUnderIds(memory, kNow, weights), IsOk());
    EXPECT_EQ(memory.rows(), undisturbed.rows());
  }
}

TEST(BackboneStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    ASSERT_THAT(
        BackboneStore(**disk).Put(MakeBackbone("b", 'a'), Weights(), kNow),
        IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  EXPECT_TRUE(ReadAll(BackboneStore(**disk), "b").value() == Weights());
}

}  // namespace
}  // namespace nevus
