#include "storage/model/model_store.h"

#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/model/model_digest.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Model MakeModel(const std::string& name, float b2 = 0.5f) {
  v1::Model model;
  model.set_name(name);
  model.set_positive("melanoma");
  model.mutable_space()->set_digest(std::string(64, 'a'));
  model.mutable_space()->set_backbone_digest(std::string(64, 'b'));
  v1::Head& head = *model.mutable_head();
  head.set_inputs(2);
  for (const float value : {1.f, 2.f}) {
    head.add_mean(value);
    head.add_inverse_std(value);
    head.add_w2(value);
  }
  head.set_b2(b2);
  v1::OperatingPoint& point = *model.add_operating_points();
  point.set_name("youden");
  point.set_threshold(0.25);
  return model;
}

v1::Lease MakeLease(int task, int64_t token) {
  v1::Lease lease;
  lease.set_job("j-1");
  lease.set_task(task);
  lease.set_fencing_token(token);
  return lease;
}

// Computed by python3's hashlib and struct:
//   python3 storage/model/testdata/digest.py
TEST(ModelDigestTest, AgreesWithPython) {
  EXPECT_EQ(ModelDigest(MakeModel("any")),
            "a3b9e7afef42abf6ade1e345316ee6e12bee4f3e30859d4d54956e2f186da98c");
}

TEST(ModelDigestTest, CalibrationAndDetectorCountAsPythonSays) {
  v1::Model model = MakeModel("any");
  v1::Calibration& calibration = *model.mutable_calibration();
  calibration.set_method("isotonic");
  calibration.set_slope(1);
  for (const double logit : {-1.0, 2.0}) calibration.add_knot_logits(logit);
  for (const double p : {0.125, 0.5}) calibration.add_knot_probabilities(p);
  v1::OodDetector& ood = *model.mutable_head()->mutable_ood();
  for (const float value : {1.f, 2.f}) ood.add_mean(value);
  for (const float value : {3.f, 4.f, 5.f}) ood.add_whitening(value);
  ood.set_threshold(6);
  const std::string digest = ModelDigest(model);
  EXPECT_EQ(digest,
            "be3364056f5f43cd6d0a09667204d73b14ab5d7fd5cad188bd5463d44a92b715");
  calibration.add_candidates()->set_log_loss(0.5);
  ood.set_rate(0.02);
  EXPECT_EQ(ModelDigest(model), digest);
  ood.set_threshold(7);
  EXPECT_NE(ModelDigest(model), digest);
}

TEST(ModelDigestTest, OnlyWhatDecidesAnswersCounts) {
  const std::string digest = ModelDigest(MakeModel("a"));
  v1::Model same = MakeModel("b");
  same.mutable_lineage()->set_job("j-9");
  same.mutable_training()->set_epochs(3);
  EXPECT_EQ(ModelDigest(same), digest);
  EXPECT_NE(ModelDigest(MakeModel("a", 0.75f)), digest);
  v1::Model other = MakeModel("a");
  other.mutable_operating_points(0)->set_threshold(0.5);
  EXPECT_NE(ModelDigest(other), digest);
}

TEST(ModelStoreTest, VersionsCountAndComeBackWhole) {
  MemoryStore memory;
  ModelStore store(memory);
  for (int version = 1; version <= 11; ++version) {
    EXPECT_EQ(store.Register(MakeModel("m", version), std::nullopt, kNow)
                  .value()
                  .version(),
              version);
  }
  const v1::Model model = store.Get("m", 10).value();
  EXPECT_EQ(model.head().b2(), 10);
  EXPECT_EQ(model.digest(), ModelDigest(MakeModel("m", 10)));
  EXPECT_EQ(ReasonOf(store.Get("m", 12).status()), "MODEL_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store.Get("m", -1).status()), "MODEL_NOT_FOUND");
  EXPECT_TRUE(store.UsesBackbone(std::string(64, 'b')).value());
  EXPECT_FALSE(store.UsesBackbone(std::string(64, 'c')).value());
}

TEST(ModelStoreTest, ATaskRegistersOnceAndAStaleOneNever) {
  MemoryStore memory;
  ModelStore store(memory);
  ASSERT_EQ(
      store.Register(MakeModel("m"), MakeLease(0, 2), kNow).value().version(),
      1);
  EXPECT_EQ(store.Register(MakeModel("m", 9), MakeLease(0, 3), kNow)
                .value()
                .head()
                .b2(),
            0.5f)
      << "the next attempt gets what the first one stored";
  const absl::Status stale =
      store.Register(MakeModel("m"), MakeLease(0, 1), kNow).status();
  EXPECT_EQ(stale.code(), StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(stale), "FENCING_TOKEN_STALE");
  EXPECT_EQ(
      store.Register(MakeModel("m"), MakeLease(1, 1), kNow).value().version(),
      2);
}

TEST(ModelStoreTest, ListsComeInOrderOfNameAndVersionWithoutHeads) {
  MemoryStore memory;
  ModelStore store(memory);
  for (const char* name : {"b", "a-b", "a", "a"}) {
    ASSERT_THAT(store.Register(MakeModel(name), std::nullopt, kNow), IsOk());
  }
  using Position = ModelStore::Position;
  const auto list = [&](const std::string& name,
                        const std::optional<Position>& start_after, int limit) {
    std::vector<std::string> found;
    const auto models = store.List(name, start_after, limit);
    EXPECT_THAT(models, IsOk());
    for (const v1::Model& model : *models) {
      EXPECT_FALSE(model.has_head());
      found.push_back(model.name() + "@" + std::to_string(model.version()));
    }
    return found;
  };
  EXPECT_THAT(list("", std::nullopt, 9),
              ElementsAre("a@1", "a@2", "a-b@1", "b@1"));
  EXPECT_THAT(list("a", std::nullopt, 9), ElementsAre("a@1", "a@2"));
  EXPECT_THAT(list("", Position{"a", 1}, 2), ElementsAre("a@2", "a-b@1"));
}

TEST(AliasTest, ItMovesForwardAndBackAndRemembers) {
  MemoryStore memory;
  ModelStore store(memory);
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(store.Register(MakeModel("m", i), std::nullopt, kNow), IsOk());
  }
  EXPECT_EQ(ReasonOf(store.Rollback("m", "production", kNow).status()),
            "ALIAS_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store.Promote("m", 9, "production", "", kNow).status()),
            "MODEL_NOT_FOUND");
  const auto first = store.Promote("m", 1, "production", "", kNow);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(store.Promote("m", 1, "production", "", kNow).value().etag(),
            first->etag())
      << "already there";
  ASSERT_THAT(store.Promote("m", 2, "production", first->etag(), kNow), IsOk());
  const absl::Status stale =
      store.Promote("m", 3, "production", first->etag(), kNow).status();
  EXPECT_EQ(stale.code(), StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(stale), "ALIAS_ETAG_STALE");
  ASSERT_THAT(store.Promote("m", 3, "production", "", kNow), IsOk());
  EXPECT_EQ(store.GetByAlias("m", "production").value().version(), 3);

  EXPECT_EQ(store.Rollback("m", "production", kNow).value().version(), 2);
  const auto back = store.Rollback("m", "production", kNow);
  EXPECT_EQ(back.value().version(), 1);
  EXPECT_EQ(back->history_size(), 5);
  EXPECT_EQ(back->history(4).from_version(), 2);
  const absl::Status none = store.Rollback("m", "production", kNow).status();
  EXPECT_EQ(none.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(none), "NO_HISTORY");
  ASSERT_THAT(store.Promote("m", 1, "candidate", "", kNow), IsOk());
  const auto aliases = store.ListAliases("").value();
  ASSERT_EQ(aliases.size(), 2u);
  EXPECT_EQ(aliases[0].alias(), "candidate");
  EXPECT_TRUE(store.ListAliases("x").value().empty());
}

TEST(AliasTest, AMoveSaysWhoAndWhy) {
  MemoryStore memory;
  ModelStore store(memory);
  for (int i = 0; i < 2; ++i) {
    ASSERT_THAT(store.Register(MakeModel("m", i), std::nullopt, kNow), IsOk());
  }
  ASSERT_THAT(store.Promote("m", 1, "a", "", kNow, {}, {"eva@clinic", "first"}),
              IsOk());
  ASSERT_THAT(store.Promote("m", 2, "a", "", kNow), IsOk());
  const v1::Alias back =
      store.Rollback("m", "a", kNow, {}, {"tom@clinic", "missed two"}).value();
  ASSERT_EQ(back.history_size(), 3);
  EXPECT_EQ(back.history(0).actor(), "eva@clinic");
  EXPECT_EQ(back.history(0).reason(), "first");
  EXPECT_FALSE(back.history(1).rollback());
  EXPECT_TRUE(back.history(2).rollback());
  EXPECT_EQ(back.history(2).reason(), "missed two");
  EXPECT_EQ(ReasonOf(store.Rollback("m", "a", kNow, {}, {}, "old").status()),
            "ALIAS_ETAG_STALE");
}

TEST(AliasTest, ACandidateStandsBesideAnAliasUntilItMoves) {
  MemoryStore memory;
  ModelStore store(memory);
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(store.Register(MakeModel("m", i), std::nullopt, kNow), IsOk());
  }
  v1::SetCandidateRequest request;
  request.set_model("m");
  request.set_alias("a");
  request.set_candidate_version(2);
  request.set_mode(v1::CANDIDATE_CANARY);
  request.set_share(0.25);
  EXPECT_EQ(ReasonOf(store.SetCandidate(request).status()), "ALIAS_NOT_FOUND");
  const v1::Alias before = store.Promote("m", 1, "a", "", kNow).value();

  const v1::Alias trial = store.SetCandidate(request).value();
  EXPECT_EQ(trial.version(), 1);
  EXPECT_EQ(trial.candidate_version(), 2);
  EXPECT_EQ(trial.candidate_mode(), v1::CANDIDATE_CANARY);
  EXPECT_EQ(trial.candidate_share(), 0.25);
  EXPECT_NE(trial.etag(), before.etag());
  EXPECT_EQ(trial.history_size(), 1) << "the alias has not moved";
  EXPECT_EQ(store.ListAliases("m").value()[0].SerializeAsString(),
            trial.SerializeAsString());

  request.set_etag(before.etag());
  EXPECT_EQ(ReasonOf(store.SetCandidate(request).status()), "ALIAS_ETAG_STALE");
  request.set_etag("");
  request.set_candidate_version(1);
  EXPECT_EQ(ReasonOf(store.SetCandidate(request).status()),
            "CANDIDATE_INVALID");
  request.set_candidate_version(9);
  EXPECT_EQ(ReasonOf(store.SetCandidate(request).status()), "MODEL_NOT_FOUND");

  // A promotion of another version ends the trial; so does the end of it.
  EXPECT_EQ(store.Promote("m", 3, "a", trial.etag(), kNow)
                .value()
                .candidate_version(),
            0);
  request.set_candidate_version(2);
  ASSERT_THAT(store.SetCandidate(request), IsOk());
  request.set_candidate_version(0);
  const v1::Alias ended = store.SetCandidate(request).value();
  EXPECT_EQ(ended.candidate_version(), 0);
  EXPECT_EQ(ended.candidate_mode(), v1::CANDIDATE_MODE_UNSPECIFIED);
  EXPECT_EQ(ended.candidate_share(), 0);
}

TEST(ModelStoreTest, ABaselineComesWithItsModelAndNotInLists) {
  MemoryStore memory;
  ModelStore store(memory);
  v1::Model model = MakeModel("m");
  const std::string digest = ModelDigest(model);
  model.mutable_baseline()->add_scores(0.5);
  model.mutable_baseline()->set_score_rows(7);
  EXPECT_EQ(ModelDigest(model), digest) << "it decides no answer";
  ASSERT_THAT(store.Register(model, std::nullopt, kNow), IsOk());
  EXPECT_EQ(store.Get("m", 1).value().baseline().score_rows(), 7);
  EXPECT_FALSE(store.List("", std::nullopt, 9).value()[0].has_baseline());
  ASSERT_THAT(store.Register(MakeModel("m"), std::nullopt, kNow), IsOk());
  EXPECT_FALSE(store.Get("m", 2).value().has_baseline());
  memory.Damage("baseline!m!0000000000000000001");
  EXPECT_THAT(store.Get("m", 1), StatusIs(StatusCode::kDataLoss, "baseline!m"));
}

v1::Evaluation MakeEvaluation(double auc) {
  v1::Evaluation evaluation;
  evaluation.set_model("m");
  evaluation.set_model_version(1);
  evaluation.set_dataset("isic");
  evaluation.set_dataset_version(1);
  evaluation.set_split("test");
  evaluation.set_auc(auc);
  return evaluation;
}

v1::GetEvaluationRequest Which() {
  v1::GetEvaluationRequest which;
  which.set_model("m");
  which.set_model_version(1);
  which.set_dataset("isic");
  which.set_dataset_version(1);
  which.set_split("test");
  return which;
}

TEST(EvaluationTest, TheNewestIsKeptWithItsReport) {
  MemoryStore memory;
  ModelStore store(memory);
  EXPECT_EQ(
      ReasonOf(store.Record(MakeEvaluation(0.7), "x", MakeLease(0, 1), kNow)
                   .status()),
      "MODEL_NOT_FOUND");
  ASSERT_THAT(store.Register(MakeModel("m"), std::nullopt, kNow), IsOk());
  EXPECT_EQ(ReasonOf(store.GetEvaluation(Which()).status()),
            "EVALUATION_NOT_FOUND");
  EXPECT_EQ(ReasonOf(store.GetReport(Which()).status()),
            "EVALUATION_NOT_FOUND");
  ASSERT_THAT(store.Record(MakeEvaluation(0.7), "one", MakeLease(0, 1), kNow),
              IsOk());
  EXPECT_EQ(store.Record(MakeEvaluation(0.9), "late", MakeLease(0, 2), kNow)
                .value()
                .auc(),
            0.7)
      << "once a task";
  EXPECT_EQ(store.GetReport(Which()).value(), "one");
  ASSERT_THAT(store.Record(MakeEvaluation(0.8), "two", MakeLease(1, 1), kNow),
              IsOk());
  EXPECT_EQ(store.GetEvaluation(Which()).value().auc(), 0.8);
  EXPECT_EQ(store.GetReport(Which()).value(), "two");
}

TEST(ModelStoreTest, DamageIsDataLossNamingTheKey) {
  MemoryStore memory;
  ModelStore store(memory);
  ASSERT_THAT(store.Register(MakeModel("m"), std::nullopt, kNow), IsOk());
  const std::string head = "head!m!0000000000000000001";
  memory.Damage(head);
  EXPECT_THAT(store.Get("m", 1), StatusIs(StatusCode::kDataLoss, head));
  ASSERT_THAT(memory.Apply({{head, std::nullopt}}), IsOk());
  EXPECT_THAT(store.Get("m", 1), StatusIs(StatusCode::kDataLoss, "gone"));
}

TEST(FailAtEveryPointTest, AModelIsNeverThereWithoutItsHead) {
  MemoryStore memory;
  FailingStore failing(memory, 1);
  ModelStore store(failing);
  EXPECT_THAT(store.Register(MakeModel("m"), MakeLease(0, 1), kNow),
              StatusIs(StatusCode::kUnavailable, "fail"));
  EXPECT_TRUE(memory.rows().empty());
  EXPECT_EQ(
      store.Register(MakeModel("m"), MakeLease(0, 1), kNow).value().version(),
      1);
}

// Registers versions 1 and 2, promotes both and rolls back once, each under an
// id of its own. Returns the answers.
absl::StatusOr<std::vector<std::string>> ChangeUnderIds(KeyValueStore& engine,
                                                        absl::Time now) {
  ModelStore store(engine);
  ASSIGN_OR_RETURN(const auto log, RequestLog::Open(engine));
  std::vector<std::string> answers;
  const auto once = [&](const std::string& id, auto change) -> absl::Status {
    using Answer = typename decltype(change(RequestEntry()))::value_type;
    const RepeatableRequest call = {id, "method", "digest"};
    ASSIGN_OR_RETURN(Answer answer, log->Once<Answer>(call, change));
    answers.push_back(answer.ShortDebugString());
    return absl::OkStatus();
  };
  for (const char* id : {"register 1", "register 2"}) {
    RETURN_IF_ERROR(
        once(id, [&](const RequestEntry& entry) -> absl::StatusOr<v1::Model> {
          ASSIGN_OR_RETURN(
              v1::Model model,
              store.Register(MakeModel("m"), std::nullopt, now, entry));
          model.clear_head();
          return model;
        }));
  }
  for (const int version : {1, 2, 2}) {
    const std::string id = "promote " + std::to_string(answers.size());
    RETURN_IF_ERROR(once(id, [&](const RequestEntry& entry) {
      return store.Promote("m", version, "production", "", now, entry);
    }));
  }
  RETURN_IF_ERROR(once("rollback", [&](const RequestEntry& entry) {
    return store.Rollback("m", "production", now, entry);
  }));
  return answers;
}

TEST(RequestIdTest, EveryChangeIsMadeOnceAndAnsweredTheSameAgain) {
  MemoryStore memory;
  const auto first = ChangeUnderIds(memory, kNow);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->at(3), first->at(4)) << "nothing moved, and it answers";
  const auto rows = memory.rows();
  const auto second = ChangeUnderIds(memory, kNow + absl::Hours(1));
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(*second, *first);
  EXPECT_EQ(memory.rows(), rows);
  EXPECT_EQ(ModelStore(memory).GetByAlias("m", "production").value().version(),
            1);
}

TEST(FailAtEveryPointTest, AChangeAndItsAnswerStandOrFallTogether) {
  MemoryStore undisturbed;
  const auto answers = ChangeUnderIds(undisturbed, kNow);
  ASSERT_THAT(answers, IsOk());
  for (int fail_at = 1;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    MemoryStore memory;
    FailingStore failing(memory, fail_at);
    const auto broken = ChangeUnderIds(failing, kNow);
    if (!failing.fired()) break;
    EXPECT_THAT(broken, StatusIs(StatusCode::kUnavailable, "fail"));
    EXPECT_EQ(*ChangeUnderIds(memory, kNow), *answers)
        << "what was done is not done again, what was not done is";
    EXPECT_EQ(memory.rows(), undisturbed.rows());
  }
}

TEST(ModelStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  {
    auto disk = RocksDbStore::Open(dir.path());
    ASSERT_THAT(disk, IsOk());
    ModelStore store(**disk);
    ASSERT_THAT(store.Register(MakeModel("m"), std::nullopt, kNow), IsOk());
    ASSERT_THAT(store.Promote("m", 1, "production", "", kNow), IsOk());
  }
  auto disk = RocksDbStore::Open(dir.path());
  ASSERT_THAT(disk, IsOk());
  EXPECT_EQ(
      ModelStore(**disk).GetByAlias("m", "production").value().head().b2(),
      0.5f);
}

}  // namespace
}  // namespace nevus
