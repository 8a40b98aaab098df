// extract -> train -> evaluate from one request.
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/extraction/extraction_handler.h"
#include "services/training/training_fixture.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class PipelineTest : public TrainingTest {
 protected:
  PipelineTest() {
    // Images only: the features are the pipeline's to make. Noise of two
    // kinds of image: enough to learn from, nothing to be proud of.
    for (const v1::Split split : {v1::TRAIN, v1::VALIDATION}) {
      AddRows(split, "melanoma", 4);
      AddRows(split, "nevus", 4);
    }
    *request_.mutable_train() = train_;
    request_.mutable_train()->set_priority(5);
    request_.set_request_id("pipe");
  }

  absl::StatusOr<v1::RunPipelineResponse> RunPipeline() {
    return Call(*platform_.training(), &v1::TrainingService::Stub::RunPipeline,
                request_);
  }

  std::vector<std::string> RequestIds() {
    std::vector<std::string> ids;
    for (const v1::Job& job : platform_.jobs()) ids.push_back(job.request_id());
    return ids;
  }

  const std::unique_ptr<TaskHandler> extractor_ =
      NewExtractionHandler(platform_.peers(), /*threads=*/1);
  v1::RunPipelineRequest request_;
};

TEST_F(PipelineTest, ThreeJobsWaitForEachOtherAndEndInAnEvaluation) {
  const auto response = RunPipeline();
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->jobs_size(), 3);
  const v1::Job& extract = response->jobs(0);
  const v1::Job& train = response->jobs(1);
  const v1::Job& evaluate = response->jobs(2);
  EXPECT_EQ(extract.kind(), v1::EXTRACTION);
  EXPECT_THAT(extract.depends_on(), IsEmpty());
  EXPECT_EQ(train.kind(), v1::TRAINING);
  EXPECT_THAT(train.depends_on(), ElementsAre(extract.id()));
  EXPECT_EQ(evaluate.kind(), v1::EVALUATION);
  EXPECT_THAT(evaluate.depends_on(), ElementsAre(train.id()));
  EXPECT_EQ(evaluate.title(),
            "evaluate melanoma of job " + train.id() + " on isic@1/validation");
  EXPECT_THAT(RequestIds(),
              ElementsAre("pipe/extract", "pipe/train", "pipe/evaluate"));
  for (const v1::Job& job : response->jobs()) {
    EXPECT_EQ(job.priority(), 5) << job.title();
    EXPECT_EQ(job.request_digest().size(), 64u) << job.title();
  }

  ASSERT_THAT(platform_.RunJob(extract, *extractor_), IsOk());
  EXPECT_EQ(platform_.RunJob(train, *trainer_).value(), "melanoma@1");
  EXPECT_EQ(platform_.RunJob(evaluate, *judge_).value(),
            "melanoma@1 on isic@1/validation");
  ASSERT_EQ(platform_.evaluations().size(), 1u);
  EXPECT_EQ(platform_.evaluations()[0].model_version(), 1);
  EXPECT_EQ(platform_.evaluations()[0].job(), evaluate.id());
}

TEST_F(PipelineTest, ASweepIsTrainedInOneToo) {
  request_.mutable_train()->mutable_sweep()->add_hidden(0);
  request_.mutable_train()->mutable_sweep()->add_hidden(8);
  const v1::RunPipelineResponse response = RunPipeline().value();
  EXPECT_EQ(response.jobs(1).tasks_size(), 3);
  ASSERT_THAT(platform_.RunJob(response.jobs(0), *extractor_), IsOk());
  ASSERT_THAT(platform_.RunJob(response.jobs(1), *trainer_), IsOk());
  EXPECT_THAT(platform_.RunJob(response.jobs(2), *judge_), IsOk());
}

TEST_F(PipelineTest, ARepeatedCallAnswersTheSameAndSubmitsWhatIsMissing) {
  for (const int taken : {0, 1, 2}) {
    SCOPED_TRACE(taken);
    request_.set_request_id("pipe-" + std::to_string(taken));
    const size_t before = platform_.jobs().size();
    platform_.FailAfterSubmits(taken);
    EXPECT_THAT(RunPipeline(), StatusIs(absl::StatusCode::kUnavailable, ""));
    EXPECT_EQ(platform_.jobs().size(), before + taken);
    platform_.FailAfterSubmits(-1);
    const v1::RunPipelineResponse first = RunPipeline().value();
    const v1::RunPipelineResponse again = RunPipeline().value();
    EXPECT_EQ(platform_.jobs().size(), before + 3);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(first.jobs(i).id(), platform_.jobs()[before + i].id());
      EXPECT_EQ(again.jobs(i).id(), first.jobs(i).id());
    }
  }
}

TEST_F(PipelineTest, AnIdIsForOneRequest) {
  ASSERT_THAT(RunPipeline(), IsOk());
  request_.mutable_train()->set_seed(1);
  const absl::Status other = RunPipeline().status();
  EXPECT_THAT(other, StatusIs(absl::StatusCode::kAlreadyExists, "pipe/train"));
  EXPECT_EQ(ReasonOf(other), "REQUEST_ID_REUSED");
  request_.set_request_id(std::string(49, 'x'));
  EXPECT_EQ(ReasonOf(RunPipeline().status()), "REQUEST_ID_TOO_LONG");
  request_.set_request_id("");
  const v1::RunPipelineResponse first = RunPipeline().value();
  const v1::RunPipelineResponse second = RunPipeline().value();
  EXPECT_NE(first.jobs(1).id(), second.jobs(1).id());
  EXPECT_THAT(first.jobs(0).request_id(), StartsWith("pipeline-"));
}

TEST_F(PipelineTest, AnExtractionToo) {
  v1::ExtractRequest extract;
  extract.set_dataset("isic");
  extract.set_version(1);
  extract.set_backbone("vgg16");
  extract.set_cut("block1_pool");
  extract.set_request_id("once");
  const auto submit = [&] {
    return Call(*platform_.features(), &v1::FeatureService::Stub::Extract,
                extract);
  };
  const v1::Job job = submit().value();
  ASSERT_THAT(platform_.RunJob(job, *extractor_), IsOk());
  // A new job would have nothing to do.
  EXPECT_EQ(submit()->id(), job.id());
  EXPECT_EQ(submit()->tasks_size(), 1);
  extract.set_priority(1);
  EXPECT_EQ(ReasonOf(submit().status()), "REQUEST_ID_REUSED");
}

TEST_F(PipelineTest, WhatCannotEndWellIsRefusedBeforeAnythingIsSubmitted) {
  request_.set_split("test");
  EXPECT_EQ(ReasonOf(RunPipeline().status()), "TEST_SPLIT_SEALED");
  request_.set_split("holdout");
  EXPECT_EQ(ReasonOf(RunPipeline().status()), "SPLIT_UNKNOWN");
  request_.set_split("train");
  v1::TrainRequest& train = *request_.mutable_train();
  train.set_positive("mole");
  EXPECT_EQ(ReasonOf(RunPipeline().status()), "LABEL_UNKNOWN");
  train.set_positive("melanoma");
  train.set_hidden(-1);
  EXPECT_EQ(ReasonOf(RunPipeline().status()), "HIDDEN_INVALID");
  train.mutable_sweep()->add_hidden(1);
  EXPECT_EQ(ReasonOf(RunPipeline().status()), "SWEEP_INVALID");
  train.clear_sweep();
  train.clear_hidden();
  train.set_cut("nowhere");
  EXPECT_EQ(ReasonOf(RunPipeline().status()), "CUT_UNKNOWN");
  train.set_cut("block1_pool");
  train.set_dataset("nobody");
  EXPECT_THAT(RunPipeline(), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_THAT(platform_.jobs(), IsEmpty());
  train.set_dataset("isic");
  const v1::RunPipelineResponse response = RunPipeline().value();
  EXPECT_EQ(response.jobs(2).tasks(0).spec().evaluate().split(), "train");
}

TEST_F(PipelineTest, TheJudgeReadsOnlyAResultThatIsAModelVersion) {
  const v1::RunPipelineResponse response = RunPipeline().value();
  const v1::TaskSpec& spec = response.jobs(2).tasks(0).spec();
  const std::string train = response.jobs(1).id();
  const auto judge = [&] {
    FakeTaskContext context(response.jobs(2).id());
    return judge_->Run(spec, context).status();
  };
  const struct {
    v1::JobState state;
    std::string result;
  } table[] = {
      {v1::RUNNING, "melanoma@1"},
      {v1::FAILED, ""},
      {v1::SUCCEEDED, ""},
      {v1::SUCCEEDED, "melanoma"},
      {v1::SUCCEEDED, "melanoma@"},
      {v1::SUCCEEDED, "melanoma@0"},
      {v1::SUCCEEDED, "nevus@1"},
      {v1::SUCCEEDED, "melanoma@production"},
      {v1::SUCCEEDED, "melanoma@1 "},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(v1::JobState_Name(row.state) + " " + row.result);
    platform_.EndJob(train, row.state, row.result);
    const absl::Status status = judge();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 "job " + train));
    EXPECT_EQ(ReasonOf(status), "MODEL_JOB_UNFIT");
  }
  platform_.EndJob(train, v1::SUCCEEDED, "melanoma@7");
  EXPECT_THAT(judge(), StatusIs(absl::StatusCode::kNotFound, "model"));
}

}  // namespace
}  // namespace nevus
