#include "storage/dataset/dataset_store.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

NewExample Row(const std::string& id, const std::string& image,
               v1::Split split = v1::TRAIN, const std::string& group = "") {
  NewExample added;
  added.example.set_id(id);
  added.example.set_label("nevus");
  added.example.set_split(split);
  added.example.set_group(group);
  added.image = image;
  return added;
}

// "id TAKEN", "id REFUSED REASON".
std::vector<std::string> Add(DatasetStore& store, const std::string& dataset,
                             std::vector<NewExample> examples) {
  const auto outcomes = store.Add(dataset, std::move(examples), kNow);
  EXPECT_THAT(outcomes, IsOk());
  std::vector<std::string> lines;
  for (const v1::ImportOutcome& outcome : *outcomes) {
    std::string line =
        outcome.id() + " " + v1::ImportOutcome::Result_Name(outcome.result());
    if (!outcome.reason().empty()) line += " " + outcome.reason();
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> Ids(const DatasetStore& store,
                             const std::string& dataset, int64_t version,
                             const std::set<v1::Split>& splits = {}) {
  std::vector<std::string> ids;
  EXPECT_THAT(store.ReadExamples(dataset, version, splits,
                                 [&](v1::Example row) {
                                   ids.push_back(row.id());
                                   return true;
                                 }),
              IsOk());
  return ids;
}

// What is always true: rows and images agree.
void ExpectWhole(const MemoryStore& memory) {
  std::set<std::string> used, kept, referenced;
  for (const auto& [key, value] : memory.rows()) {
    if (key.rfind("image!", 0) == 0) kept.insert(key.substr(6));
    if (key.rfind("reference!", 0) == 0) referenced.insert(key.substr(10, 64));
    if (key.rfind("row!", 0) == 0) {
      v1::Example row;
      ASSERT_TRUE(row.ParseFromString(value.substr(8)));
      used.insert(row.image_digest());
    }
  }
  EXPECT_EQ(used, kept);
  EXPECT_EQ(used, referenced);
}

TEST(DatasetStoreTest, AnExampleIsTakenOnceAndItsImageStoredOnce) {
  MemoryStore memory;
  DatasetStore store(memory);
  EXPECT_THAT(Add(store, "isic", {Row("b", "B"), Row("a", "A"), Row("c", "A")}),
              ElementsAre("b TAKEN", "a TAKEN", "c TAKEN"));
  EXPECT_THAT(Add(store, "isic", {Row("a", "A")}),
              ElementsAre("a ALREADY_THERE"));
  EXPECT_THAT(Ids(store, "isic", 0), ElementsAre("a", "b", "c"));
  EXPECT_EQ(store.GetImage(Sha256Hex("A")).value(), "A");
  const v1::Dataset dataset = store.Get("isic").value();
  EXPECT_EQ(dataset.draft_examples(), 3);
  EXPECT_EQ(dataset.draft_counts().at("train/nevus"), 3);
  EXPECT_EQ(dataset.create_time().seconds(), 1'700'000'000);
  ExpectWhole(memory);
}

TEST(DatasetStoreTest, TheSameIdWithOtherContentIsRefused) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "isic", {Row("a", "A")});
  EXPECT_THAT(Add(store, "isic",
                  {Row("a", "other"), Row("b", "B"), Row("b", "other"),
                   Row("b", "B", v1::TEST), Row("b", "B")}),
              ElementsAre("a REFUSED EXAMPLE_CONFLICT", "b TAKEN",
                          "b REFUSED EXAMPLE_CONFLICT",
                          "b REFUSED EXAMPLE_CONFLICT", "b ALREADY_THERE"));
  ExpectWhole(memory);
}

TEST(DatasetStoreTest, AGroupIsRefusedInASecondSplit) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "isic", {Row("a", "A", v1::TRAIN, "patient!1")});
  EXPECT_THAT(
      Add(store, "isic",
          {Row("b", "B", v1::TEST, "patient!1"),
           Row("c", "C", v1::TRAIN, "patient!1"),
           Row("d", "D", v1::SPLIT_UNSPECIFIED, "patient!1"),
           Row("e", "E", v1::SPLIT_UNSPECIFIED, "2"),
           Row("f", "F", v1::TEST, "2"), Row("g", "G", v1::TRAIN, "2")}),
      ElementsAre("b REFUSED GROUP_IN_TWO_SPLITS", "c TAKEN", "d TAKEN",
                  "e TAKEN", "f TAKEN", "g REFUSED GROUP_IN_TWO_SPLITS"));
}

TEST(DatasetStoreTest, SealingMakesAVersionThatTheDraftCannotChange) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "isic", {Row("a", "A"), Row("b", "B", v1::TEST)});
  const auto first = store.Seal("isic", kNow);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->version(), 1);
  EXPECT_EQ(first->examples(), 2);
  EXPECT_EQ(first->counts().at("test/nevus"), 1);
  EXPECT_FALSE(first->synthetic());
  EXPECT_EQ(
      store.Seal("isic", kNow + absl::Hours(1)).value().seal_time().seconds(),
      first->seal_time().seconds())
      << "the same content is the same version";

  NewExample generated = Row("c", "C");
  (*generated.example.mutable_attributes())["synthetic"] = "true";
  Add(store, "isic", {generated});
  const auto second = store.Seal("isic", kNow);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->version(), 2);
  EXPECT_TRUE(second->synthetic());
  EXPECT_NE(second->digest(), first->digest());
  EXPECT_THAT(Ids(store, "isic", 1), ElementsAre("a", "b"));
  EXPECT_THAT(Ids(store, "isic", 2, {v1::TRAIN}), ElementsAre("a", "c"));
  EXPECT_EQ(store.Get("isic").value().versions_size(), 2);
  EXPECT_EQ(store.GetVersion("isic", 1).value().digest(), first->digest());
  ExpectWhole(memory);
}

TEST(DatasetStoreTest, TheSameRowsInAnyOrderOfImportHaveTheSameDigest) {
  MemoryStore one, other;
  DatasetStore store(one), reversed(other);
  Add(store, "isic", {Row("a", "A"), Row("b", "B")});
  Add(reversed, "elsewhere", {Row("b", "B")});
  Add(reversed, "elsewhere", {Row("a", "A")});
  EXPECT_EQ(store.Seal("isic", kNow).value().digest(),
            reversed.Seal("elsewhere", kNow).value().digest());
}

TEST(DatasetStoreTest, AnImageInTwoSplitsIsSealedAndNamed) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "isic", {Row("a", "A"), Row("b", "A", v1::TEST)});
  const auto sealed = store.Seal("isic", kNow);
  ASSERT_THAT(sealed, IsOk());
  ASSERT_EQ(sealed->shared_images_size(), 1);
  EXPECT_THAT(sealed->shared_images(0).example_ids(), ElementsAre("a", "b"));
}

TEST(DatasetStoreTest, SplitsMoveRowsCountsAndGroups) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "isic",
      {Row("a", "A", v1::TRAIN, "g"), Row("b", "B", v1::TRAIN, "g"),
       Row("c", "C", v1::SPLIT_UNSPECIFIED)});
  ASSERT_THAT(store.SetSplits(
                  "isic", {{"a", v1::TEST}, {"b", v1::TEST}, {"c", v1::TRAIN}}),
              IsOk());
  EXPECT_THAT(Ids(store, "isic", 0, {v1::TEST}), ElementsAre("a", "b"));
  const auto counts = store.Get("isic").value().draft_counts();
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts.at("test/nevus"), 2);
  EXPECT_THAT(Add(store, "isic", {Row("d", "D", v1::TEST, "g")}),
              ElementsAre("d TAKEN"));
  EXPECT_THAT(store.SetSplits("isic", {{"a", v1::TRAIN}}),
              StatusIs(StatusCode::kFailedPrecondition, "group \"g\""));
  EXPECT_THAT(store.SetSplits("isic", {{"unknown", v1::TRAIN}}),
              StatusIs(StatusCode::kInvalidArgument, "1 of 1 ids"));
}

TEST(DatasetStoreTest, DeletingFreesOnlyImagesThatNothingUses) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "a", {Row("1", "shared"), Row("2", "own", v1::TRAIN, "g")});
  Add(store, "a-b", {Row("1", "shared")});
  ASSERT_THAT(store.Seal("a", kNow), IsOk());
  Add(store, "a", {Row("3", "late")});
  ASSERT_THAT(store.Seal("a", kNow), IsOk());

  EXPECT_EQ(store.Delete("a", 2).value().images_freed(), 0)
      << "the draft uses its images";
  EXPECT_THAT(store.GetVersion("a", 2),
              StatusIs(StatusCode::kNotFound, "no version 2"));
  EXPECT_EQ(store.Seal("a", kNow).value().version(), 3)
      << "a number is not used again";
  ExpectWhole(memory);

  EXPECT_EQ(store.Delete("a", 0).value().images_freed(), 2);
  EXPECT_THAT(store.Get("a"), StatusIs(StatusCode::kNotFound, "\"a\""));
  EXPECT_THAT(store.GetImage(Sha256Hex("own")),
              StatusIs(StatusCode::kNotFound, Sha256Hex("own")));
  EXPECT_THAT(store.GetImage(Sha256Hex("shared")), IsOk());
  ExpectWhole(memory);
  EXPECT_EQ(store.Delete("a-b", 0).value().images_freed(), 1);
  EXPECT_TRUE(memory.rows().empty()) << "nothing is left behind";
}

TEST(DatasetStoreTest, ListsComeInOrderOfNameAndInPages) {
  MemoryStore memory;
  DatasetStore store(memory);
  for (const char* name : {"b", "a-b", "a", "c"}) {
    Add(store, name, {Row("1", "A")});
  }
  const auto names = [&](const std::string& start_after, int limit) {
    std::vector<std::string> found;
    const auto datasets = store.List(start_after, limit).value();
    for (const auto& dataset : datasets) {
      found.push_back(dataset.name());
    }
    return found;
  };
  EXPECT_THAT(names("", 10), ElementsAre("a", "a-b", "b", "c"));
  EXPECT_THAT(names("a", 2), ElementsAre("a-b", "b"));
  EXPECT_THAT(names("c", 2), ElementsAre());
}

TEST(DatasetStoreTest, WhatIsNotThereIsNotFound) {
  MemoryStore memory;
  DatasetStore store(memory);
  EXPECT_THAT(Add(store, "empty", {}), ElementsAre());
  const auto ignore = [](v1::Example) { return true; };
  for (const absl::Status& status :
       {store.Get("x").status(), store.Seal("x", kNow).status(),
        store.GetVersion("x", 1).status(), store.Delete("x", 0).status(),
        store.SetSplits("x", {}).status(),
        store.ReadExamples("x", 0, {}, ignore), store.Get("empty").status()}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "dataset"));
    EXPECT_EQ(ReasonOf(status), "DATASET_NOT_FOUND");
  }
  Add(store, "x", {Row("a", "A")});
  for (const int64_t version : {int64_t{-1}, int64_t{1}, INT64_MAX}) {
    EXPECT_EQ(ReasonOf(store.Delete("x", version).status()),
              "VERSION_NOT_FOUND");
    EXPECT_EQ(ReasonOf(store.ReadExamples("x", version, {}, ignore)),
              "VERSION_NOT_FOUND");
  }
}

TEST(DatasetStoreTest, ADamagedImageOrRowIsDataLossNamingIt) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "isic", {Row("a", "A")});
  memory.Damage("image!" + Sha256Hex("A"));
  EXPECT_THAT(store.GetImage(Sha256Hex("A")),
              StatusIs(StatusCode::kDataLoss, Sha256Hex("A")));
  memory.Damage("row!isic!0000000000000000000!a");
  EXPECT_THAT(store.Seal("isic", kNow), StatusIs(StatusCode::kDataLoss, "!a"));
}

// Every write of the scenario fails once; each time all must be whole, and the
// same calls must succeed when they are made again.
TEST(FailAtEveryPointTest, RowsAndImagesAgreeAndARetrySucceeds) {
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore memory;
    FailingStore failing(memory, fail_at);
    const auto scenario = [&](KeyValueStore& on) -> absl::Status {
      DatasetStore store(on);
      RETURN_IF_ERROR(
          store.Add("a", {Row("1", "A"), Row("2", "B")}, kNow).status());
      RETURN_IF_ERROR(store.Seal("a", kNow).status());
      RETURN_IF_ERROR(store.Add("b", {Row("1", "A")}, kNow).status());
      RETURN_IF_ERROR(store.SetSplits("b", {{"1", v1::TEST}}).status());
      return store.Delete("a", 0).status();
    };
    const absl::Status status = scenario(failing);
    ExpectWhole(memory);
    if (!failing.fired()) {
      EXPECT_THAT(status, IsOk());
      break;  // The whole scenario ran without a failure.
    }
    EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, "fail"));
    ASSERT_THAT(scenario(memory), IsOk()) << "a retry must succeed";
    ExpectWhole(memory);
  }
}

// Splits, seals and deletes "a", each under an id of its own. Returns the
// answers.
absl::StatusOr<std::vector<std::string>> ChangeUnderIds(KeyValueStore& engine,
                                                        absl::Time now) {
  DatasetStore store(engine);
  ASSIGN_OR_RETURN(const auto log, RequestLog::Open(engine));
  std::vector<std::string> answers;
  const auto once = [&](const std::string& id, auto change) -> absl::Status {
    using Answer = typename decltype(change(RequestEntry()))::value_type;
    const RepeatableRequest call = {id, "method", "digest"};
    ASSIGN_OR_RETURN(const Answer answer, log->Once<Answer>(call, change));
    answers.push_back(answer.ShortDebugString());
    return absl::OkStatus();
  };
  const auto seal = [&](const RequestEntry& entry) {
    return store.Seal("a", now, entry);
  };
  RETURN_IF_ERROR(once("split", [&](const RequestEntry& entry) {
    return store.SetSplits("a", {{"2", v1::TEST}}, entry);
  }));
  RETURN_IF_ERROR(once("seal", seal));
  RETURN_IF_ERROR(once("seal of the same content", seal));
  RETURN_IF_ERROR(once("delete a version", [&](const RequestEntry& entry) {
    return store.Delete("a", 1, entry);
  }));
  RETURN_IF_ERROR(once("seal anew", seal));
  RETURN_IF_ERROR(once("delete", [&](const RequestEntry& entry) {
    return store.Delete("a", 0, entry);
  }));
  return answers;
}

TEST(RequestIdTest, EveryChangeIsMadeOnceAndAnsweredTheSameAgain) {
  MemoryStore memory;
  DatasetStore store(memory);
  Add(store, "a", {Row("1", "A"), Row("2", "B")});
  const auto first = ChangeUnderIds(memory, kNow);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->at(1), first->at(2)) << "nothing changed, and it answers";
  const auto rows = memory.rows();
  // The dataset is gone by now, and would not be found by a new call.
  const auto second = ChangeUnderIds(memory, kNow + absl::Hours(1));
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(*second, *first);
  EXPECT_EQ(memory.rows(), rows);
}

TEST(FailAtEveryPointTest, AChangeAndItsAnswerStandOrFallTogether) {
  MemoryStore undisturbed;
  DatasetStore reference(undisturbed);
  Add(reference, "a", {Row("1", "A"), Row("2", "B")});
  const auto answers = ChangeUnderIds(undisturbed, kNow);
  ASSERT_THAT(answers, IsOk());
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore memory;
    DatasetStore store(memory);
    Add(store, "a", {Row("1", "A"), Row("2", "B")});
    FailingStore failing(memory, fail_at);
    const auto broken = ChangeUnderIds(failing, kNow);
    if (!failing.fired()) break;
    EXPECT_THAT(broken, StatusIs(StatusCode::kUnavailable, "fail"));
    EXPECT_EQ(*ChangeUnderIds(memory, kNow), *answers)
        << "what was done is not done again, what was not done is";
    EXPECT_EQ(memory.rows(), undisturbed.rows());
  }
}

TEST(DatasetStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  const std::string image(5000, 'x');
  std::string digest;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    DatasetStore store(**disk);
    Add(store, "isic", {Row("a", image)});
    digest = store.Seal("isic", kNow).value().digest();
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  DatasetStore store(**disk);
  EXPECT_EQ(store.Seal("isic", kNow).value().digest(), digest);
  EXPECT_EQ(store.Get("isic").value().versions_size(), 1);
  EXPECT_EQ(store.GetImage(Sha256Hex(image)).value(), image);
}

}  // namespace
}  // namespace nevus
