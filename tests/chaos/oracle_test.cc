// That the oracle catches each loss that it is there for. What a Nevus says is
// made by hand, right first, then with one thing wrong.
#include "tests/chaos/oracle.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus::chaos {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kSpace[] = "space";

v1::Example MakeExample(const std::string& id, const std::string& image) {
  v1::Example example;
  example.set_id(id);
  example.set_label("nevus");
  example.set_split(v1::TRAIN);
  example.set_image_digest(image);
  (*example.mutable_attributes())["synthetic"] = "true";
  return example;
}

// Two settled examples and a pending one, sealed as skin@1, extracted, trained
// and promoted.
class OracleTest : public testing::Test {
 protected:
  OracleTest() {
    DatasetBook& book = book_.datasets["skin"];
    for (const char* id : {"a", "b"}) {
      book.sent[id] = MakeExample(id, std::string("image-") + id);
      book.settled.insert(id);
    }
    book.sent["pending"] = MakeExample("pending", "");
    ObservedDataset& seen = seen_.datasets["skin"];
    seen.draft = {book.sent["a"], book.sent["b"]};
    Seal(seen.draft);
    book.sealed[1] = {seen.versions[0].version, book.settled};

    AddJob("extract-1", "j-1", v1::EXTRACTION).set_result(kSpace);
    AddJob("train-1", "j-2", v1::TRAINING).set_result("skin@1");
    AddJob("judge-1", "j-3", v1::EVALUATION);
    ObservedSpace& space = seen_.spaces[kSpace];
    space.space.set_features(2);
    space.present = {"image-a", "image-b"};
    v1::Model& model = seen_.models.emplace_back();
    model.set_name("skin");
    model.set_version(1);
    model.mutable_lineage()->set_job("j-2");
    seen_.evaluations.emplace_back().set_job("j-3");
    book_.aliases["skin@production"].settled = 1;
    v1::Alias& alias = seen_.aliases.emplace_back();
    alias.set_model("skin");
    alias.set_alias("production");
    alias.set_version(1);
  }

  void Seal(const std::vector<v1::Example>& rows) {
    ObservedVersion& sealed = seen_.datasets["skin"].versions.emplace_back();
    sealed.rows = rows;
    sealed.version.set_dataset("skin");
    sealed.version.set_version(
        static_cast<int64_t>(seen_.datasets["skin"].versions.size()));
    sealed.version.set_digest(DigestFromTheDocs(rows));
    sealed.version.set_examples(static_cast<int64_t>(rows.size()));
    (*sealed.version.mutable_counts())["train/nevus"] =
        static_cast<int64_t>(rows.size());
  }

  v1::Job& AddJob(const std::string& request, const std::string& id,
                  v1::WorkerKind kind) {
    JobBook& book = book_.jobs[request];
    book.kind = kind;
    book.dataset = "skin";
    book.version = 1;
    book.id = id;
    v1::Job& job = seen_.jobs.emplace_back();
    job.set_request_id(request);
    job.set_id(id);
    job.set_kind(kind);
    job.set_state(v1::SUCCEEDED);
    job.add_tasks()->set_state(v1::DONE);
    return job;
  }

  std::vector<std::string> Findings() { return Judge(book_, seen_); }

  Book book_;
  Observed seen_;
};

TEST_F(OracleTest, WhatIsAsAcknowledgedIsNoFinding) {
  EXPECT_THAT(Findings(), IsEmpty());
}

// Values of `python3 storage/dataset/testdata/digest.py`.
TEST_F(OracleTest, TheDigestIsTheOneOfTheDocs) {
  EXPECT_EQ(DigestFromTheDocs({}),
            "0ce0551ab34e0237047e28b58a0b5dc7cca7576fa7e8a51f66a777553a09d449");
  v1::Example a;
  a.set_id("a");
  a.set_image_digest(std::string(64, '0'));
  a.set_split(v1::TRAIN);
  a.set_label("nevus");
  a.set_group("g1");
  (*a.mutable_attributes())["sex"] = "f";
  (*a.mutable_attributes())["age"] = "45";
  v1::Example b;
  b.set_id("b");
  b.set_image_digest(std::string(64, '1'));
  b.set_label("nevus");
  EXPECT_EQ(DigestFromTheDocs({b, a}),
            "ce192c49c50c09d4a0ea39460c70c351dda7f5c00a076078092a55ffd7258f0b");
}

TEST_F(OracleTest, ALostExample) {
  seen_.datasets["skin"].draft.pop_back();
  EXPECT_THAT(Findings(), ElementsAre("the acknowledged example b is missing "
                                      "in the draft of skin"));
}

TEST_F(OracleTest, ALostDataset) {
  seen_.datasets.clear();
  EXPECT_THAT(Findings(),
              ElementsAre(HasSubstr("gone with 2 acknowledged examples")));
}

TEST_F(OracleTest, APendingExampleMayBeThereWhole) {
  v1::Example& row = seen_.datasets["skin"].draft.emplace_back(
      book_.datasets["skin"].sent["pending"]);
  row.set_image_digest("whatever it was stored as");
  EXPECT_THAT(Findings(), IsEmpty());
  row.clear_attributes();
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("other attributes")));
}

TEST_F(OracleTest, AnExampleThatIsNotAsSent) {
  seen_.datasets["skin"].draft[0].set_image_digest("image-b");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("another image")));
  seen_.datasets["skin"].draft[0] = MakeExample("stranger", "image-a");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("stranger"),
                                      HasSubstr("example a is missing")));
}

TEST_F(OracleTest, AnExampleThatStandsTwice) {
  std::vector<v1::Example>& draft = seen_.datasets["skin"].draft;
  draft.push_back(draft[0]);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("stands twice")));
}

TEST_F(OracleTest, ATornVersion) {
  ObservedVersion& version = seen_.datasets["skin"].versions[0];
  version.rows.pop_back();
  EXPECT_THAT(Findings(),
              ElementsAre(HasSubstr("it says 2 examples and has 1"),
                          HasSubstr("its digest is"), HasSubstr("its counts"),
                          HasSubstr("the acknowledged example b is missing in "
                                    "skin@1")));
}

TEST_F(OracleTest, ALostVersion) {
  seen_.datasets["skin"].versions.clear();
  EXPECT_THAT(Findings(),
              ElementsAre("the acknowledged version skin@1 is lost"));
}

TEST_F(OracleTest, AVersionThatBecameAnother) {
  book_.datasets["skin"].sealed[1].version.set_digest("other");
  EXPECT_THAT(Findings(),
              ElementsAre(HasSubstr("acknowledged with digest other")));
}

TEST_F(OracleTest, AVersionWithoutAnswerNeedsASealWithoutAnswer) {
  std::vector<v1::Example> rows = seen_.datasets["skin"].draft;
  rows.pop_back();
  Seal(rows);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("never acknowledged")));
  book_.datasets["skin"].unanswered_seals = 1;
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(OracleTest, AJobThatIsUnknown) {
  seen_.jobs.pop_back();
  EXPECT_THAT(Findings(), ElementsAre("the acknowledged job j-3 is unknown"));
}

TEST_F(OracleTest, ARequestWithTwoJobs) {
  v1::Job twin = seen_.jobs[0];
  twin.set_id("j-9");
  seen_.jobs.push_back(twin);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("has two jobs: j-1 and j-9")));
}

TEST_F(OracleTest, AJobNobodyAskedFor) {
  book_.jobs.erase("judge-1");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("nobody asked for")));
}

TEST_F(OracleTest, AJobThatDoesNotEndOrFails) {
  seen_.jobs[2].set_state(v1::RUNNING);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("did not reach its end")));
  seen_.jobs[2].set_state(v1::FAILED);
  seen_.jobs[2].mutable_error()->set_reason("STORED_IMAGE_BAD");
  EXPECT_THAT(Findings(), ElementsAre(AllOf(HasSubstr("FAILED"),
                                            HasSubstr("STORED_IMAGE_BAD"))));
}

TEST_F(OracleTest, ACancelledJobWasWantedCancelled) {
  v1::Job& job = seen_.jobs[2];
  JobBook& book = book_.jobs["judge-1"];
  book.cancel = CancelWish::kGranted;
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("went on after")));
  job.set_state(v1::CANCELLED);
  EXPECT_THAT(Findings(), IsEmpty());
  book.cancel = CancelWish::kPending;
  EXPECT_THAT(Findings(), IsEmpty());
  book.cancel = CancelWish::kNone;
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("nobody wanted that")));
  book.cancel = CancelWish::kTooLate;
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("it had ended before")));
}

TEST_F(OracleTest, AnEndedJobHasNoOpenTask) {
  seen_.jobs[2].mutable_tasks(0)->set_state(v1::LEASED);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("a task 0 that is LEASED")));
}

TEST_F(OracleTest, AMissingFeature) {
  seen_.spaces[kSpace].present.erase("image-b");
  seen_.spaces[kSpace].space.set_features(1);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("example b has no feature")));
}

TEST_F(OracleTest, AFeatureThatIsCountedTwice) {
  seen_.spaces[kSpace].space.set_features(3);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("says 3 features and has 2")));
}

TEST_F(OracleTest, AModelThatIsMissingOrThereTwice) {
  v1::Model twin = seen_.models[0];
  twin.set_version(2);
  seen_.models.push_back(twin);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("registered two models")));
  seen_.models.clear();
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("says that it made skin@1")));
}

TEST_F(OracleTest, ASweepTriesAllAndKeepsTheBest) {
  book_.jobs["train-1"].candidates = 2;
  v1::Job& job = seen_.jobs[1];
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("1 tasks for 2 candidates")));
  for (int i : {1, 2}) {
    job.add_tasks()->set_state(v1::DONE);
    job.mutable_tasks(i)->set_index(i);
  }
  v1::Metric& metric = *job.mutable_tasks(1)->mutable_progress()->add_metrics();
  metric.set_name("validation_auc");
  metric.set_value(0.75);
  seen_.models[0].mutable_training()->set_validation_auc(0.75);
  EXPECT_THAT(Findings(), IsEmpty());
  metric.set_value(0.875);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("its task 1 reached 0.875")));
  metric.set_value(0.5);
  seen_.checkpoints = {"j-2, task 1"};
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("kept of j-2, task 1")));
}

TEST_F(OracleTest, AnEvaluationThatIsMissing) {
  seen_.evaluations.clear();
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("recorded no evaluation")));
}

TEST_F(OracleTest, AnAliasPointsWhereItWasPut) {
  seen_.aliases[0].set_version(2);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("points at 2")));
  book_.aliases["skin@production"].pending = {2};
  EXPECT_THAT(Findings(), IsEmpty());
  seen_.aliases.clear();
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("points at 0")));
}

TEST_F(OracleTest, WhatCannotBeReadIsAFinding) {
  seen_.problems = {"the images cannot be read"};
  EXPECT_THAT(Findings(), ElementsAre("the images cannot be read"));
}

TEST(ExcusedByKillsTest, OnlyAsManyKillsAsTriesExcuse) {
  v1::Job job;
  job.set_state(v1::FAILED);
  job.mutable_error()->set_code(
      static_cast<int>(absl::StatusCode::kUnavailable));
  job.mutable_start_time()->set_seconds(100);
  job.mutable_end_time()->set_seconds(200);
  v1::Task& task = *job.add_tasks();
  task.set_state(v1::BROKEN);
  task.set_attempts(3);
  const auto at = [](int seconds) {
    return Kill{absl::FromUnixSeconds(seconds), "ingestion"};
  };
  EXPECT_FALSE(ExcusedByKills(job, {at(50), at(110), at(120), at(201)}));
  EXPECT_TRUE(ExcusedByKills(job, {at(100), at(110), at(200)}));
  // An error that no kill causes.
  job.mutable_error()->set_code(static_cast<int>(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(ExcusedByKills(job, {at(100), at(110), at(200)}));
}

TEST(JobsToRetryTest, WhatWaitsForAnExcusedOneComesAfterIt) {
  const auto failed = [](const std::string& id, int created, int code,
                         const std::string& reason,
                         const std::string& depends_on) {
    v1::Job job;
    job.set_id(id);
    job.set_state(v1::FAILED);
    job.mutable_create_time()->set_seconds(created);
    job.mutable_start_time()->set_seconds(100);
    job.mutable_end_time()->set_seconds(200);
    job.mutable_error()->set_code(code);
    job.mutable_error()->set_reason(reason);
    if (!depends_on.empty()) job.add_depends_on(depends_on);
    if (reason.empty()) {
      job.add_tasks()->set_state(v1::BROKEN);
      job.mutable_tasks(0)->set_attempts(1);
    }
    return job;
  };
  constexpr int kUnavailable = static_cast<int>(absl::StatusCode::kUnavailable);
  constexpr int kDataLoss = static_cast<int>(absl::StatusCode::kDataLoss);
  constexpr int kNotNow =
      static_cast<int>(absl::StatusCode::kFailedPrecondition);
  // Newest first, as they are listed.
  const std::vector<v1::Job> jobs = {
      failed("judge", 3, kNotNow, "DEPENDENCY_FAILED", "train"),
      failed("train", 2, kNotNow, "DEPENDENCY_FAILED", "extract"),
      failed("extract", 1, kUnavailable, "", ""),
      failed("behind-damage", 2, kNotNow, "DEPENDENCY_FAILED", "damaged"),
      failed("damaged", 1, kDataLoss, "", "")};
  const std::vector<Kill> kills = {{absl::FromUnixSeconds(150), "extraction"}};
  EXPECT_THAT(JobsToRetry(jobs, kills),
              ElementsAre("extract", "train", "judge"));
  EXPECT_THAT(JobsToRetry(jobs, {}), IsEmpty());
}

}  // namespace
}  // namespace nevus::chaos
