#include "storage/prediction/prediction_store.h"

#include <memory>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/engine/timestamp.h"
#include "storage/engine/value_check.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

// The prediction `id` of `model`@`version`, `seconds` after noon.
PredictionEntry Make(const std::string& id, const std::string& image,
                     int seconds, const std::string& model = "melanoma",
                     int64_t version = 1) {
  PredictionEntry entry;
  entry.prediction.set_prediction_id(id);
  entry.prediction.set_model(model);
  entry.prediction.set_model_version(version);
  entry.prediction.set_image_digest(Sha256Hex(image));
  *entry.prediction.mutable_predict_time() =
      TimestampOf(kNoon + absl::Seconds(seconds));
  return entry;
}

PredictionEntry WithImage(PredictionEntry entry, const std::string& image) {
  entry.image = image;
  return entry;
}

std::vector<std::string> Ids(const PredictionStore& store,
                             const PredictionQuery& query = {},
                             const std::string& start_after = "") {
  std::vector<std::string> ids;
  EXPECT_THAT(store.Visit(query, start_after,
                          [&](const std::string&, v1::LoggedPrediction one) {
                            ids.push_back(one.prediction_id());
                            return true;
                          }),
              IsOk());
  return ids;
}

class PredictionStoreTest : public testing::Test {
 protected:
  PredictionStoreTest() : store_(PredictionStore::Open(memory_).value()) {}

  MemoryStore memory_;
  std::unique_ptr<PredictionStore> store_;
};

TEST_F(PredictionStoreTest, PredictionsAreFoundByIdModelImageAndTime) {
  ASSERT_THAT(store_->Add({Make("c", "x", 3), Make("a", "y", 1)}), IsOk());
  ASSERT_THAT(store_->Add({Make("b", "x", 2, "melanoma", 2),
                           Make("d", "x", 4, "melanoma-2")}),
              IsOk());
  EXPECT_EQ(store_->Get("b").value().model_version(), 2);
  EXPECT_THAT(Ids(*store_), ElementsAre("a", "b", "c", "d"));

  PredictionQuery query;
  query.model = "melanoma";
  EXPECT_THAT(Ids(*store_, query), ElementsAre("a", "b", "c"));
  query.version = 1;
  EXPECT_THAT(Ids(*store_, query), ElementsAre("a", "c"));
  query.image_digest = Sha256Hex("x");
  EXPECT_THAT(Ids(*store_, query), ElementsAre("c"));
  query.model = "";
  query.version = 0;
  EXPECT_THAT(Ids(*store_, query), ElementsAre("b", "c", "d"));
}

TEST_F(PredictionStoreTest, AWindowHasItsBeginningAndNotItsEnd) {
  ASSERT_THAT(store_->Add({Make("a", "x", 1), Make("b", "x", 2),
                           Make("c", "x", 3), Make("d", "x", 4)}),
              IsOk());
  PredictionQuery query;
  query.since = kNoon + absl::Seconds(2);
  query.until = kNoon + absl::Seconds(4);
  EXPECT_THAT(Ids(*store_, query), ElementsAre("b", "c"));
  query.since = kNoon + absl::Seconds(5);
  query.until = absl::InfiniteFuture();
  EXPECT_THAT(Ids(*store_, query), IsEmpty());
}

TEST_F(PredictionStoreTest, AVisitGoesOnWhereItStoppedAlsoWithinOneMoment) {
  ASSERT_THAT(
      store_->Add({Make("a", "x", 1), Make("b", "x", 1), Make("c", "x", 1)}),
      IsOk());
  std::string position;
  for (const char* expected : {"a", "b", "c"}) {
    std::vector<std::string> seen;
    ASSERT_THAT(store_->Visit({}, position,
                              [&](const std::string& at,
                                  const v1::LoggedPrediction& prediction) {
                                position = at;
                                seen.push_back(prediction.prediction_id());
                                return false;
                              }),
                IsOk());
    EXPECT_THAT(seen, ElementsAre(expected));
  }
  EXPECT_THAT(Ids(*store_, {}, position), IsEmpty());
}

TEST_F(PredictionStoreTest, AnOutcomeCountsForEveryPredictionOfItsImage) {
  ASSERT_THAT(store_->Add({Make("a", "x", 1), Make("b", "y", 2)}), IsOk());
  ASSERT_THAT(store_->RecordOutcome(Sha256Hex("x"), "melanoma", kNoon), IsOk());
  ASSERT_THAT(store_->Add({Make("c", "x", 3)}), IsOk());
  EXPECT_EQ(store_->Get("a").value().outcome().label(), "melanoma");
  EXPECT_EQ(store_->Get("c").value().outcome().label(), "melanoma");
  EXPECT_FALSE(store_->Get("b").value().has_outcome());
}

TEST_F(PredictionStoreTest, ACorrectedOutcomeKeepsWhatItReplaced) {
  const std::string image = Sha256Hex("x");
  ASSERT_THAT(store_->Add({Make("a", "x", 1)}), IsOk());
  ASSERT_THAT(store_->RecordOutcome(image, "nevus", kNoon), IsOk());
  const v1::Outcome second =
      store_->RecordOutcome(image, "melanoma", kNoon + absl::Hours(1)).value();
  EXPECT_EQ(second.label(), "melanoma");
  EXPECT_THAT(second.earlier(), ElementsAre("nevus"));
  // The same once more is no correction.
  const v1::Outcome third =
      store_->RecordOutcome(image, "melanoma", kNoon + absl::Hours(2)).value();
  EXPECT_EQ(third.SerializeAsString(), second.SerializeAsString());
}

TEST_F(PredictionStoreTest, WhatIsNotThereIsNamed) {
  EXPECT_THAT(store_->Get("a"), StatusIs(StatusCode::kNotFound, "\"a\""));
  EXPECT_EQ(ReasonOf(store_->Get("a").status()), "PREDICTION_NOT_FOUND");
  const absl::Status status =
      store_->RecordOutcome(Sha256Hex("x"), "nevus", kNoon).status();
  EXPECT_EQ(ReasonOf(status), "PREDICTION_NOT_FOUND");
  EXPECT_THAT(memory_.rows(), IsEmpty());
}

TEST_F(PredictionStoreTest, TheOldestArePrunedByCountAndByAge) {
  for (int second = 1; second <= 5; ++second) {
    ASSERT_THAT(store_->Add({Make(std::string(1, 'a' + second),
                                  std::to_string(second), second)}),
                IsOk());
  }
  EXPECT_EQ(store_->Prune({}, kNoon + absl::Hours(1)).value(), 0);
  EXPECT_EQ(store_->Prune({4}, kNoon).value(), 1);
  EXPECT_THAT(Ids(*store_), ElementsAre("c", "d", "e", "f"));
  PredictionLimits two_seconds;
  two_seconds.keep_for = absl::Seconds(2);
  EXPECT_EQ(store_->Prune(two_seconds, kNoon + absl::Seconds(6)).value(), 2);
  EXPECT_THAT(Ids(*store_), ElementsAre("e", "f"));
  EXPECT_EQ(store_->count(), 2);
  EXPECT_EQ(store_->Prune({0}, kNoon).value(), 2);
  EXPECT_THAT(memory_.rows(), IsEmpty()) << "an index outlived its prediction";
}

TEST_F(PredictionStoreTest, AnImageAndItsOutcomeGoWithItsLastPrediction) {
  ASSERT_THAT(store_->Add({WithImage(Make("a", "x", 1), "x"),
                           WithImage(Make("b", "x", 2), "x")}),
              IsOk());
  const std::string image = Sha256Hex("x");
  ASSERT_THAT(store_->RecordOutcome(image, "nevus", kNoon), IsOk());
  ASSERT_EQ(store_->Prune({1}, kNoon).value(), 1);
  EXPECT_EQ(store_->GetImage(image).value(), "x");
  EXPECT_EQ(store_->Get("b").value().outcome().label(), "nevus");
  ASSERT_EQ(store_->Prune({0}, kNoon).value(), 1);
  EXPECT_THAT(store_->GetImage(image), StatusIs(StatusCode::kNotFound, ""));
  EXPECT_THAT(memory_.rows(), IsEmpty());
}

TEST_F(PredictionStoreTest, NoPixelsAreKeptUnlessTheyAreGiven) {
  ASSERT_THAT(store_->Add({Make("a", "x", 1)}), IsOk());
  EXPECT_THAT(store_->GetImage(Sha256Hex("x")),
              StatusIs(StatusCode::kNotFound, ""));
}

TEST_F(PredictionStoreTest, EveryValueIsOfItsKind) {
  ASSERT_THAT(store_->Add({WithImage(Make("a", "x", 1), "x")}), IsOk());
  ASSERT_THAT(store_->RecordOutcome(Sha256Hex("x"), "nevus", kNoon), IsOk());
  EXPECT_EQ(memory_.rows().size(), 6u);
  for (const auto& [key, value] : memory_.rows()) {
    EXPECT_THAT(CheckValue(key, value), IsOk()) << key;
  }
}

TEST_F(PredictionStoreTest, ADamagedPredictionIsDataLoss) {
  ASSERT_THAT(store_->Add({Make("a", "x", 1)}), IsOk());
  memory_.Damage("prediction!a");
  EXPECT_THAT(store_->Get("a"),
              StatusIs(StatusCode::kDataLoss, "prediction!a"));
  EXPECT_THAT(store_->Visit({}, "",
                            [](const std::string&,
                               const v1::LoggedPrediction&) { return true; }),
              StatusIs(StatusCode::kDataLoss, "prediction!a"));
}

TEST(PredictionStoreOnDiskTest, AnOutcomeIsRecordedOncePerRequestId) {
  const TempDir dir;
  RepeatableRequest request;
  request.id = "r-1";
  request.method = "RecordOutcome";
  for (int start = 0; start < 2; ++start) {
    SCOPED_TRACE(start);
    const auto engine = RocksDbStore::Open(dir.path()).value();
    const auto requests = RequestLog::Open(*engine).value();
    const auto store = PredictionStore::Open(*engine).value();
    if (start == 0) {
      ASSERT_THAT(store->Add({Make("a", "x", 1)}), IsOk());
    }
    EXPECT_EQ(store->count(), 1);
    const v1::Outcome outcome =
        requests
            ->Once<v1::Outcome>(request,
                                [&](const RequestEntry& entry) {
                                  return store->RecordOutcome(
                                      Sha256Hex("x"),
                                      start == 0 ? "nevus" : "never", kNoon,
                                      entry);
                                })
            .value();
    EXPECT_EQ(outcome.label(), "nevus");
    EXPECT_EQ(store->Get("a").value().outcome().label(), "nevus");
  }
}

TEST(FailAtEveryPointTest, NoOrderNamesAPredictionThatIsNotThere) {
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore disk;
    FailingStore failing(disk, fail_at);
    const auto store = PredictionStore::Open(failing).value();
    const auto run = [&] {
      return store->Add({WithImage(Make("a", "x", 1), "x")}).ok() &&
             store->RecordOutcome(Sha256Hex("x"), "nevus", kNoon).ok() &&
             store->Add({Make("b", "y", 2)}).ok() &&
             store->Prune({1}, kNoon).ok();
    };
    (void)run();
    int ordered = 0;
    int stored = 0;
    for (const auto& [key, value] : disk.rows()) {
      ordered += key.rfind("logged", 0) == 0 ? 1 : 0;
      stored += key.rfind("prediction!", 0) == 0 ? 1 : 0;
    }
    EXPECT_EQ(ordered, 3 * stored);
    EXPECT_EQ(store->count(), stored);
    if (!failing.fired()) break;
  }
}

}  // namespace
}  // namespace nevus
