// The training service and its two handlers over real in-process channels.
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peer_reads.h"
#include "services/training/feature_set.h"
#include "services/training/split_check.h"
#include "services/training/training_fixture.h"

namespace nevus {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST_F(TrainingTest, SeparableFeaturesGiveAModelThatSeparatesThem) {
  AddAll();
  const v1::Job job = Train().value();
  EXPECT_EQ(job.title(), "train melanoma on isic@1 with vgg16/block1_pool");
  FakeTaskContext context(job.id());
  EXPECT_EQ(trainer_->Run(job.tasks(0).spec(), context).value(), "melanoma@1");
  EXPECT_EQ(context.reports().back().unit(), "epochs");
  EXPECT_THAT(
      context.reports().back().message(),
      MatchesRegex("validation AUC [01][.][0-9]+, epoch [0-9]+ is the best"));

  const v1::Model model = GetModel(1).value();
  EXPECT_GT(model.training().validation_auc(), 0.97);
  EXPECT_EQ(model.training().train_examples(), 180);
  EXPECT_EQ(model.training().validation_examples(), 80);
  EXPECT_EQ(model.head().inputs(), 64);
  EXPECT_EQ(model.head().hidden(), 256);
  ASSERT_EQ(model.operating_points_size(), 2);
  EXPECT_EQ(model.operating_points(0).name(), "youden");
  EXPECT_EQ(model.operating_points(1).name(), "sensitivity_95");
  EXPECT_EQ(model.lineage().dataset_digest(), "the-digest-of-isic-1");
  EXPECT_EQ(model.lineage().backbone_name(), "vgg16");
  EXPECT_EQ(model.lineage().job(), job.id());
  EXPECT_TRUE(model.lineage().synthetic());
}

TEST_F(TrainingTest, AModelHasItsCalibrationPointsAndDetector) {
  AddAll();
  v1::OperatingPointRule& screening = *train_.add_operating_points();
  screening.set_name("screening");
  screening.set_sensitivity(0.975);
  v1::OperatingPointRule& biopsy = *train_.add_operating_points();
  biopsy.set_name("biopsy");
  biopsy.set_specificity(1);
  train_.set_ood_rate(0.05);
  TrainModel();
  const v1::Model model = GetModel(1).value();
  // 40 and 40 of validation: too few for isotonic.
  ASSERT_EQ(model.calibration().candidates_size(), 3);
  EXPECT_EQ(model.calibration().candidates(2).method(), "platt");
  ASSERT_EQ(model.operating_points_size(), 2);
  const v1::OperatingPoint& point = model.operating_points(0);
  EXPECT_EQ(point.name(), "screening");
  EXPECT_EQ(point.rule(), "sensitivity >= 0.975");
  EXPECT_GE(point.sensitivity(), 0.975);  // 39 of 40
  // Wilson's interval for 39 or 40 of 40, by hand: 0.871 or 0.912.
  EXPECT_GT(point.sensitivity_low(), 0.87);
  EXPECT_LT(point.sensitivity_low(), point.sensitivity());
  EXPECT_EQ(model.operating_points(1).specificity(), 1);
  EXPECT_EQ(model.head().ood().mean_size(), 64);
  EXPECT_EQ(model.head().ood().whitening_size(), 64 * 65 / 2);

  // What was found when it was chosen is found when it is judged: 5 % of 80.
  ASSERT_THAT(platform_.RunJob(Evaluate().value(), *judge_), IsOk());
  const v1::Evaluation evaluation = platform_.evaluations()[0];
  EXPECT_EQ(evaluation.points(0).sensitivity(), point.sensitivity());
  EXPECT_EQ(evaluation.points(0).specificity(), point.specificity());
  EXPECT_EQ(evaluation.abstention().rows(), 80);
  EXPECT_EQ(evaluation.abstention().out_of_distribution(), 4);
  EXPECT_LE(evaluation.calibrated().log_loss(),
            evaluation.uncalibrated().log_loss());
  EXPECT_EQ(evaluation.calibrated().brier(), evaluation.brier());
}

TEST_F(TrainingTest, OperatingPointsThatCannotBeMeantAreRefused) {
  AddAll();
  const auto reason = [&](const std::string& name, double sensitivity) {
    train_.clear_operating_points();
    train_.add_operating_points()->set_name("first");
    train_.mutable_operating_points(0)->set_youden(true);
    v1::OperatingPointRule& rule = *train_.add_operating_points();
    rule.set_name(name);
    if (sensitivity != 0) rule.set_sensitivity(sensitivity);
    return ReasonOf(Train().status());
  };
  EXPECT_EQ(reason("second", 95), "OPERATING_POINT_INVALID");
  EXPECT_EQ(reason("second", 0), "OPERATING_POINT_INVALID");  // no rule
  EXPECT_EQ(reason("first", 0.9), "OPERATING_POINT_INVALID");
  EXPECT_EQ(reason("Screening!", 0.9), "NAME_INVALID");
  train_.clear_operating_points();
  train_.set_ood_rate(1);
  EXPECT_EQ(ReasonOf(Train().status()), "OOD_RATE_INVALID");
}

TEST_F(TrainingTest, MissingFeaturesAreCountedAndTheCommandIsNamed) {
  AddRows(v1::TRAIN, "melanoma", 2);
  AddRows(v1::TRAIN, "nevus", 2);
  AddRows(v1::VALIDATION, "melanoma", 1);
  AddRows(v1::VALIDATION, "nevus", 1);
  const absl::Status status = Train().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "6 of 6 images have no feature"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("`nevus extract isic@1 --backbone vgg16 --cut "
                        "block1_pool --precision fp32`"));
  EXPECT_EQ(ReasonOf(status), "FEATURES_MISSING");
}

TEST_F(TrainingTest, AnUnknownLabelIsAnsweredWithThoseThereAre) {
  AddRows(v1::TRAIN, "melanoma", 1);
  AddRows(v1::VALIDATION, "nevus", 1);
  train_.set_positive("Melanoma");
  const absl::Status status = Train().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               "\"melanoma\", \"nevus\""));
  EXPECT_EQ(ReasonOf(status), "LABEL_UNKNOWN");
}

TEST_F(TrainingTest, AnEmptySplitAndAMissingClassAreNamed) {
  AddRows(v1::TRAIN, "melanoma", 2);
  AddRows(v1::TRAIN, "nevus", 2);
  EXPECT_EQ(ReasonOf(Train().status()), "SPLIT_EMPTY");
  EXPECT_EQ(MetadataOf(Train().status())["split"], "validation");
  AddRows(v1::VALIDATION, "nevus", 2);
  EXPECT_EQ(ReasonOf(Train().status()), "CLASS_MISSING");
  EXPECT_EQ(MetadataOf(Train().status())["split"], "validation");
}

TEST_F(TrainingTest, RequestsThatCannotBeMeantAreRefused) {
  AddAll();
  train_.set_hidden(4097);
  EXPECT_EQ(ReasonOf(Train().status()), "HIDDEN_INVALID");
  train_.set_hidden(0);
  train_.set_model("Me lanoma");
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kInvalidArgument, "model"));
  train_.set_model("melanoma");
  train_.set_dataset("nobody");
  EXPECT_THAT(Train(), StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(TrainingTest, ACancelledTrainingRegistersNothing) {
  AddAll();
  const v1::Job job = Train().value();
  FakeTaskContext context(job.id());
  context.CancelAtDone(1);
  EXPECT_THAT(trainer_->Run(job.tasks(0).spec(), context),
              StatusIs(absl::StatusCode::kCancelled, ""));
  EXPECT_THAT(Evaluate(), StatusIs(absl::StatusCode::kNotFound, "model"));
}

TEST_F(TrainingTest, ARequestIdIsAnsweredBeforeAnythingIsChecked) {
  AddAll();
  train_.set_request_id("once");
  train_.set_priority(-7);
  const v1::Job job = Train().value();
  EXPECT_EQ(job.request_id(), "once");
  EXPECT_EQ(job.request_digest().size(), 64u);
  EXPECT_EQ(job.priority(), -7);
  // Without features the request would be refused today.
  AddRows(v1::TRAIN, "nevus", 1);
  EXPECT_EQ(Train().value().id(), job.id());
  train_.set_seed(1);
  const absl::Status other = Train().status();
  EXPECT_THAT(other, StatusIs(absl::StatusCode::kAlreadyExists, job.id()));
  EXPECT_EQ(ReasonOf(other), "REQUEST_ID_REUSED");
  // Not even by another method whose request looks the same on the wire.
  evaluate_ = v1::EvaluateRequest();
  evaluate_.set_request_id("once");
  EXPECT_EQ(ReasonOf(Evaluate().status()), "REQUEST_ID_REUSED");
  train_.set_request_id("another");
  EXPECT_EQ(ReasonOf(Train().status()), "FEATURES_MISSING");
  train_.set_request_id(std::string(65, 'x'));
  EXPECT_EQ(ReasonOf(Train().status()), "REQUEST_ID_TOO_LONG");
  EXPECT_EQ(platform_.jobs().size(), 1u);
}

TEST_F(TrainingTest, WithoutARequestIdEveryCallIsAJob) {
  AddAll();
  EXPECT_NE(Train().value().id(), Train().value().id());
}

TEST_F(TrainingTest, AnEvaluationIsRecordedWithItsReport) {
  AddAll();
  TrainModel();
  const v1::Job job = Evaluate().value();
  EXPECT_EQ(job.title(), "evaluate melanoma@1 on isic@1/validation");
  EXPECT_EQ(platform_.RunJob(job, *judge_).value(),
            "melanoma@1 on isic@1/validation");
  ASSERT_EQ(platform_.evaluations().size(), 1u);
  const v1::Evaluation evaluation = platform_.evaluations()[0];
  EXPECT_EQ(evaluation.positives(), 40);
  EXPECT_EQ(evaluation.negatives(), 40);
  EXPECT_GT(evaluation.auc(), 0.97);
  EXPECT_LE(evaluation.auc_low(), evaluation.auc());
  ASSERT_EQ(evaluation.points_size(), 2);
  EXPECT_GE(evaluation.points(1).sensitivity(), 0.95);
  EXPECT_EQ(evaluation.job(), job.id());
  EXPECT_TRUE(evaluation.synthetic());
  EXPECT_THAT(platform_.reports()[0], HasSubstr("data:image/png"));
}

TEST_F(TrainingTest, TheTestSplitOpensOnceAndOnlyWhenAskedTo) {
  AddAll();
  TrainModel();
  evaluate_.set_split("test");
  EXPECT_EQ(ReasonOf(Evaluate().status()), "TEST_SPLIT_SEALED");
  evaluate_.set_final(true);
  evaluate_.set_request_id("once");
  const v1::Job job = Evaluate().value();
  ASSERT_THAT(platform_.RunJob(job, *judge_), IsOk());
  // The same request is the same job; its task, tried again, changes nothing.
  EXPECT_EQ(Evaluate().value().id(), job.id());
  EXPECT_THAT(platform_.RunJob(job, *judge_), IsOk());
  evaluate_.set_request_id("twice");
  EXPECT_EQ(ReasonOf(Evaluate().status()), "TEST_SPLIT_OPENED");
  // A job submitted before the first one ended.
  FakeTaskContext late("j-late");
  EXPECT_EQ(ReasonOf(judge_->Run(job.tasks(0).spec(), late).status()),
            "TEST_SPLIT_OPENED");
  EXPECT_EQ(platform_.evaluations().size(), 1u);
}

TEST_F(TrainingTest, AnEvaluationOfWhatIsNotThereIsRefused) {
  AddRows(v1::TRAIN, "melanoma", 20);
  AddRows(v1::TRAIN, "nevus", 20);
  AddRows(v1::VALIDATION, "melanoma", 20);
  AddRows(v1::VALIDATION, "nevus", 20);
  WriteFeatures();
  TrainModel();
  evaluate_.set_split("holdout");
  EXPECT_EQ(ReasonOf(Evaluate().status()), "SPLIT_UNKNOWN");
  evaluate_.set_split("test");
  evaluate_.set_final(true);
  EXPECT_EQ(ReasonOf(Evaluate().status()), "SPLIT_EMPTY");
  AddRows(v1::TEST, "nevus", 1);
  EXPECT_EQ(ReasonOf(Evaluate().status()), "CLASS_MISSING");
  AddRows(v1::TEST, "melanoma", 1);
  EXPECT_EQ(ReasonOf(Evaluate().status()), "FEATURES_MISSING");
  evaluate_.set_model_version(2);
  EXPECT_THAT(Evaluate(), StatusIs(absl::StatusCode::kNotFound, "model"));
  evaluate_.set_model_version(0);
  EXPECT_EQ(ReasonOf(Evaluate().status()), "VERSION_INVALID");
}

TEST_F(TrainingTest, AFeatureSetTooLargeForMemoryHasTheSameRows) {
  AddAll();
  std::vector<v1::Example> rows =
      ReadExamples(platform_.peers(), "isic", 1, {v1::TRAIN}, nullptr).value();
  rows.push_back(rows[3]);  // an image of two rows
  v1::FeatureSpace space;
  {
    v1::ResolveFeatureSpaceRequest resolve;
    resolve.set_backbone("vgg16");
    resolve.set_cut("block1_pool");
    resolve.set_precision("fp32");
    space = Call(*platform_.features(),
                 &v1::FeatureService::Stub::ResolveFeatureSpace, resolve)
                .value();
  }
  const auto read = [&](int64_t most_bytes_in_memory) {
    return ReadFeatureSet(platform_.peers(), space, rows, "melanoma", nullptr,
                          most_bytes_in_memory);
  };
  const FeatureSet memory = read(1 << 30).value(), disk = read(0).value();
  ASSERT_EQ(memory.spool, nullptr);
  ASSERT_NE(disk.spool, nullptr);
  EXPECT_TRUE(disk.set.features.empty());
  EXPECT_EQ(memory.set.labels, disk.set.labels);
  std::vector<int64_t> all;
  for (size_t row = 0; row < rows.size(); ++row) {
    all.push_back(static_cast<int64_t>(row));
  }
  std::vector<float> features(rows.size() * space.dimension());
  ASSERT_THAT(disk.set.stored->Read(all.data(), all.size(), features.data()),
              IsOk());
  EXPECT_EQ(features, memory.set.features);
  // In the order of the rows, whatever the order they were asked for in.
  EXPECT_EQ(features, ReadFeatures(platform_.peers(), space.digest(),
                                   space.dimension(), ImagesOf(rows), nullptr)
                          .value());
  PeerCalls calls;
  calls.Cancel();
  EXPECT_THAT(
      ReadFeatureSet(platform_.peers(), space, rows, "melanoma", calls, 0),
      StatusIs(absl::StatusCode::kCancelled, ""));
}

}  // namespace
}  // namespace nevus
